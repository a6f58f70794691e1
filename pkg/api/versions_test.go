package api

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

// slow answers each question about numbers after a second.
type slow struct {
	mu     sync.Mutex
	number int64
	silent bool // makes changes that nobody announces
	asked  int  // for news
	looked int  // for one user
}

func (s *slow) News(ctx context.Context, after int64) (event.News, error) {
	s.mu.Lock()
	s.asked++
	news := event.News{Changes: s.number, Users: map[int64]int64{1: s.number}, Whole: after > 0 && !s.silent}
	if s.silent {
		news.Users = nil
	}
	s.mu.Unlock()
	if !sleep(ctx, time.Second) {
		return event.News{}, ctx.Err()
	}
	return news, nil
}

func (s *slow) LastNumber(ctx context.Context, _ int64) (int64, error) {
	s.mu.Lock()
	s.looked++
	number := s.number
	s.mu.Unlock()
	if !sleep(ctx, time.Second) {
		return 0, ctx.Err()
	}
	return number, nil
}

func (s *slow) set(number int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number = number
}

// TestVersions asks while answers are on their way: the questions are shared, and
// nobody gets an answer from before the question.
func TestVersions(t *testing.T) {
	t.Parallel()
	for name, silent := range map[string]bool{"announced": false, "not announced": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &slow{number: 1, silent: silent}
				v := newVersions(store, time.Now)
				v.fresh = 0
				var askers sync.WaitGroup
				for i := range int64(10) {
					for range 100 {
						askers.Go(func() {
							if got, err := v.last(t.Context(), 1); err != nil || got < i+1 {
								t.Errorf("got %d, %v, want at least %d", got, err, i+1)
							}
						})
					}
					synctest.Wait()
					time.Sleep(300 * time.Millisecond)
					store.set(i + 2)
				}
				askers.Wait()
				if store.asked > 10 || store.looked > 10 {
					t.Errorf("got %d questions for news and %d for the user of 1,000 askers, want them shared", store.asked, store.looked)
				}
				if !silent && store.looked != 1 {
					t.Errorf("got %d questions for the user, want one: the rest is announced", store.looked)
				}
				if v.running != nil {
					t.Error("got a question that is not ended")
				}
			})
		})
	}
}

func TestVersionsOutliveTheFirstAsker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := newVersions(&slow{number: 7}, time.Now)
		v.fresh = 0
		ctx, leave := context.WithCancel(t.Context())
		var askers sync.WaitGroup
		ask := func(ctx context.Context) { // the second question: one asks for both
			got, err := v.last(ctx, 1)
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

// TestPollsCostNoQuestion: within versionsFresh nobody asks the store, and no
// answer is older than that.
func TestPollsCostNoQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		counted := &counting{memory: m}
		w := newWorld(t, counted, inMemory)
		w.api.versions.fresh = versionsFresh
		keep(t, m, w.alice.ID, "test:1", "first", "a", 1)
		reader := w.token(t, w.alice, auth.Read)
		reader.Set("If-None-Match", w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusOK).header.Get("ETag"))
		before := *counted
		for range 1000 {
			w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusNotModified)
		}
		if *counted != before {
			t.Errorf("got %+v after 1,000 polls, want no question beyond %+v", *counted, before)
		}
		time.Sleep(versionsFresh)
		w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusNotModified)
		if got := counted.news - before.news; got != 1 || counted.users != before.users {
			t.Errorf("got %d questions for news and %d for users, want one for news", got, counted.users-before.users)
		}
		keep(t, m, w.alice.ID, "test:2", "second", "a", 1)
		time.Sleep(versionsFresh)
		w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusOK)
		if counted.users != before.users {
			t.Error("got a question for one user, want the announcement enough")
		}
	})
}

// counting counts questions.
type counting struct {
	*memory
	news, users int
}

func (c *counting) News(ctx context.Context, after int64) (event.News, error) {
	c.news++
	return c.memory.News(ctx, after)
}

func (c *counting) LastNumber(ctx context.Context, user int64) (int64, error) {
	c.users++
	return c.memory.LastNumber(ctx, user)
}

// TestNewestPageIsWarm: a user who polled finds the page of a change read
// already.
func TestNewestPageIsWarm(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, m *memory, _ func()) {
		reader := w.token(t, w.alice, auth.Read)
		w.do(t, reader, "GET /v1/matches?limit=10", "").want(t, http.StatusOK)
		keep(t, m, w.alice.ID, "test:1", "hers", "a", 1)
		keep(t, m, w.bob.ID, "test:2", "of one who did not poll", "a", 1)
		time.Sleep(3 * newsEvery)
		m.mu.Lock()
		pages, asked := m.pages, m.asked
		m.mu.Unlock()
		if pages != 2 || asked.User != w.alice.ID || asked.Limit != 10 {
			t.Errorf("got %d pages read, the last %+v, want that of alice read ahead", pages, asked)
		}
		page := w.do(t, reader, "GET /v1/matches?limit=10", "").want(t, http.StatusOK)
		if got := into[[]matchForm](t, page.Data); len(got) != 1 || m.pages != pages {
			t.Errorf("got %d matches after %d reads, want 1 that was there", len(got), m.pages)
		}
		time.Sleep(2 * warmFor)
		keep(t, m, w.alice.ID, "test:3", "hers", "a", 1)
		time.Sleep(time.Second)
		if m.pages != pages {
			t.Error("got a page read ahead for a user who is gone")
		}
	})
}

// TestUnchangedIsShort: most answers are 304, and carry what a cache needs, not
// what it has kept already.
func TestUnchangedIsShort(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	header := w.token(t, w.alice, auth.Read)
	page := w.do(t, header, "GET /v1/matches", "").want(t, http.StatusOK)
	header.Set("If-None-Match", page.header.Get("ETag"))
	unchanged := w.do(t, header, "GET /v1/matches", "").want(t, http.StatusNotModified)
	for _, name := range []string{"ETag", "Cache-Control", "Vary"} {
		if got, want := unchanged.header.Get(name), page.header.Get(name); got != want || want == "" {
			t.Errorf("got %s %q, want %q", name, got, want)
		}
	}
	for name := range everyBody {
		if page.header.Get(name) == "" || unchanged.header.Get(name) != "" {
			t.Errorf("got %s %q with a page and %q without, want it with the page alone", name, page.header.Get(name), unchanged.header.Get(name))
		}
	}
}
