package api

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"riffle/pkg/auth"
)

func TestPageCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := newPageCache(time.Now)
		cache.put("a", []byte("body"))
		if body, ok := cache.get("a"); !ok || string(body) != "body" {
			t.Errorf("got %q, %v, want the body", body, ok)
		}
		time.Sleep(cacheAge + 1)
		if body, ok := cache.get("a"); ok {
			t.Errorf("got %q, want it too old", body)
		}
	})
}

// TestPageCacheIsBounded puts in more than fits, and uses one page all the time.
func TestPageCacheIsBounded(t *testing.T) {
	t.Parallel()
	cache := newPageCache(time.Now)
	page := make([]byte, 64<<10)
	cache.put("used", page)
	for i := range 4 * cacheBytes / len(page) {
		cache.put(fmt.Sprint(i), page)
		if _, ok := cache.get("used"); !ok {
			t.Fatalf("the page in use was dropped after %d others", i)
		}
	}
	size := 0
	for _, half := range []map[string]cachedPage{cache.young, cache.old} {
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

// slow answers each question about numbers after a second.
type slow struct {
	mu    sync.Mutex
	last  int64
	asked int
}

func (s *slow) LastNumber(ctx context.Context, _ int64) (int64, error) {
	s.mu.Lock()
	s.asked++
	last := s.last
	s.mu.Unlock()
	if !sleep(ctx, time.Second) {
		return 0, ctx.Err()
	}
	return last, nil
}

// TestRounds asks while answers are on their way: the questions are shared, and
// nobody gets an answer from before the question.
func TestRounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &slow{}
		rounds := newRounds(store)
		var askers sync.WaitGroup
		for i := range int64(10) {
			for range 100 {
				askers.Go(func() {
					if got, err := rounds.last(t.Context(), 1); err != nil || got < i {
						t.Errorf("got %d, %v, want at least %d", got, err, i)
					}
				})
			}
			synctest.Wait()
			time.Sleep(300 * time.Millisecond)
			store.mu.Lock()
			store.last = i + 1
			store.mu.Unlock()
		}
		askers.Wait()
		if store.asked > 6 {
			t.Errorf("got %d questions in about 4 s, want one at a time", store.asked)
		}
		if len(rounds.running) != 0 {
			t.Errorf("got %d rounds left, want none", len(rounds.running))
		}
	})
}

func TestRoundsOutliveTheFirstAsker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rounds := newRounds(&slow{last: 7})
		ctx, leave := context.WithCancel(t.Context())
		var askers sync.WaitGroup
		ask := func(ctx context.Context) { // the second round: one asks for both
			got, err := rounds.last(ctx, 1)
			if ctx.Err() == nil && (err != nil || got != 7) {
				t.Errorf("got %d, %v, want 7", got, err)
			}
		}
		for _, ctx := range []context.Context{t.Context(), ctx, t.Context()} {
			askers.Go(func() { ask(ctx) })
			synctest.Wait() // each in its turn: the one who leaves is first of its round
		}
		leave()
		askers.Wait()
	})
}
