package api

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"riffle/pkg/auth"
)

func TestPageCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := newPageCache(time.Now)
		cache.put("a", &cachedPage{body: []byte("body")})
		if page, ok := cache.get("a"); !ok || string(page.body) != "body" {
			t.Errorf("got %v, want the body", ok)
		}
		time.Sleep(cacheAge + 1)
		if page, ok := cache.get("a"); ok {
			t.Errorf("got %q, want it too old", page.body)
		}
	})
}

// TestPageCacheIsBounded puts in more than fits, and uses one page all the time.
func TestPageCacheIsBounded(t *testing.T) {
	t.Parallel()
	cache := newPageCache(time.Now)
	page := make([]byte, 64<<10)
	cache.put("used", &cachedPage{body: page})
	for i := range 4 * cacheBytes / len(page) {
		cache.put(fmt.Sprint(i), &cachedPage{body: page})
		if _, ok := cache.get("used"); !ok {
			t.Fatalf("the page in use was dropped after %d others", i)
		}
	}
	size := 0
	for _, half := range []map[string]*cachedPage{cache.young, cache.old} {
		for _, p := range half {
			size += len(p.body)
		}
	}
	if size > cacheBytes+2*len(page) {
		t.Errorf("got %d bytes, want at most %d", size, cacheBytes)
	}
	if _, ok := cache.get("0"); ok {
		t.Error("got the first page, which was not used since")
	}
}

// TestPagesAreReadOnce counts the questions to the store.
func TestPagesAreReadOnce(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	reader := w.token(t, w.alice, auth.Read)
	var last string
	for i, key := range keys(3) {
		keep(t, m, w.alice.ID, key, key, "a", 1)
		for range 5 {
			page := w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusOK)
			if got := into[[]matchForm](t, page.Data); len(got) != i+1 {
				t.Fatalf("got %d matches, want %d", len(got), i+1)
			}
			last = page.body
		}
	}
	if m.pages != 3 {
		t.Errorf("got %d pages read for 3 changes and 15 polls, want 3", m.pages)
	}
	if other := w.do(t, w.token(t, w.bob, auth.Read), "GET /v1/matches", ""); other.body == last {
		t.Errorf("got the page of another: %s", other.body)
	}
}
