package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

// TestSlowClientsHoldNothingUp: beside a client that reads nothing, others get
// what is theirs at once; it is cut off, and when it comes back too late, told
// what it has missed.
func TestSlowClientsHoldNothingUp(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, m *memory, _ func()) {
		from := cursorOf(m.number)
		header := w.token(t, w.alice, auth.Read)
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/stream?after="+from, nil)
		r.Header = header
		cut := make(chan time.Time, 1)
		go func() {
			w.api.Handler().ServeHTTP(&stuck{header: http.Header{}}, r)
			cut <- time.Now()
		}()
		quick := w.listen(t, w.token(t, w.alice, auth.Read), "/v1/stream?after="+from)
		<-quick.events
		began := time.Now()
		for i := range 50 {
			keep(t, m, w.alice.ID, fmt.Sprintf("test:%d", i), "hers", "a", 1)
			if got, _ := kinds(quick.events, 1); !cmp.Equal(got, []string{"new"}) {
				t.Fatalf("got %v beside a slow client, want the match", got)
			}
		}
		if took := time.Since(began); took > 50*2*newsEvery {
			t.Errorf("got 50 matches after %v beside a slow client, want it not waited for", took)
		}
		quick.leave()
		if took := (<-cut).Sub(began); took > streamWrite+time.Second {
			t.Errorf("got rid of the slow client after %v, want at most %v", took, streamWrite)
		}
		m.mu.Lock()
		m.floor = m.number // what it has not read is purged meanwhile
		m.mu.Unlock()
		again := header.Clone()
		again.Set("Last-Event-ID", from)
		c := w.listen(t, again, "/v1/stream")
		if got, _ := kinds(c.events, 1); !cmp.Equal(got, []string{"gap"}) {
			t.Errorf("got %v of what was missed, want a gap", got)
		}
		c.leave()
	})
}

// flood has a page of long changes whenever it is asked, and counts.
type flood struct {
	*memory
	pages atomic.Int64
}

func (f *flood) Matches(_ context.Context, q event.Query) (event.Page, error) {
	if q.Limit != streamPage {
		return event.Page{Next: 1}, nil
	}
	f.pages.Add(1)
	page := event.Page{More: true, Next: q.After + int64(q.Limit)}
	for i := range q.Limit {
		page.Changes = append(page.Changes, event.Change{ID: "AAAA", Number: q.After + int64(i) + 1, Kind: event.ChangeDelete})
	}
	return page, nil
}

// TestNothingIsQueuedForSlowClients: of an endless flood a client that does not
// read makes the api hold one page, until it is cut off.
func TestNothingIsQueuedForSlowClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &flood{memory: newMemory(time.Now)}
		w := newWorld(t, f, inMemory)
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/stream?after="+cursorOf(1), nil)
		r.Header = w.token(t, w.alice, auth.Read)
		w.api.Handler().ServeHTTP(&stuck{header: http.Header{}}, r)
		if got := f.pages.Load(); got != 1 {
			t.Errorf("got %d pages read for a client that reads nothing, want 1", got)
		}
	})
}

// TestStreamOnItsOwnConnection: over TCP a stream leaves the http server's hands,
// and ends as every request does: when its client leaves, its token is revoked,
// or the api stops.
func TestStreamOnItsOwnConnection(t *testing.T) {
	t.Parallel()
	m := newMemory(time.Now)
	w := newWorld(t, m, overTCP)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.api.Run(ctx) }()
	header := w.token(t, w.alice, auth.Read)
	open := func(header http.Header) *client {
		t.Helper()
		c := w.listen(t, header, "/v1/stream?after="+cursorOf(m.number))
		<-c.events // the first mark: it follows
		return c
	}

	c := open(header)
	keep(t, m, w.alice.ID, "test:1", "hers", "a", 1)
	if got, _ := kinds(c.events, 1); !cmp.Equal(got, []string{"new"}) {
		t.Errorf("got %v, want the match", got)
	}
	entry := w.api.tokens.entry(hashOf(t, header))
	c.leave()
	for isOpen := true; isOpen; { // the server notices that the client left
		entry.mu.Lock()
		isOpen = entry.allowed.open > 0
		entry.mu.Unlock()
		time.Sleep(time.Millisecond)
	}

	revoked := w.token(t, w.alice, auth.Read)
	c = open(revoked)
	defer c.leave()
	token, err := m.TokenByHash(t.Context(), hashOf(t, revoked))
	if err != nil {
		t.Fatal(err)
	}
	w.do(t, w.token(t, w.alice, auth.Write), fmt.Sprintf("DELETE /v1/tokens/%d", token.ID), "").want(t, http.StatusOK)
	if got, _ := kinds(c.events, 1); !cmp.Equal(got, []string{"end"}) {
		t.Errorf("got %v of a stream whose token was revoked, want its end", got)
	}

	c = open(header)
	defer c.leave()
	stop()
	if got, _ := kinds(c.events, 1); !cmp.Equal(got, []string{"end"}) {
		t.Errorf("got %v of a stream whose api stops, want its end", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func hashOf(t *testing.T, header http.Header) [32]byte {
	t.Helper()
	secret, err := bearer(header.Get("Authorization"))
	if err != nil {
		t.Fatal(err)
	}
	return secret.Hash()
}
