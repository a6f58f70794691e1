package filter_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	redisbuffer "riffle/pkg/buffer/redis"
	"riffle/pkg/event"
	"riffle/pkg/filter"
	dbstore "riffle/pkg/store"
	"riffle/pkg/store/mysql"
	sqlitestore "riffle/pkg/store/sqlite"
	"riffle/pkg/testenv"
)

// setBack makes the store forget all frames and matches, as one that fails over
// to an older copy does; done is called at the same moment.
func (b *bench) setBack(done func()) {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	clear(b.store.finished)
	clear(b.store.claims)
	clear(b.store.matches)
	clear(b.store.versions)
	done()
}

// What a store has lost that failed over is put back and written again, whether
// the filter saw an outage or not, and whether it had anything to write or not.
func TestStoreThatFailsOver(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		outage time.Duration // that pings see
		stay   time.Duration // of acknowledged frames
		within time.Duration // a try has at most 7.5 s to the next
	}{
		"after an outage":            {10 * time.Second, time.Minute, 16 * time.Second},
		"after a very long outage":   {time.Hour, time.Minute, 16 * time.Second},
		"with no outage to be seen":  {0, time.Minute, 23 * time.Second},
		"with none in a fast stream": {0, 6 * time.Second, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(false)
				b.put(keep(1, 1, "apple"))
				b.stay = tt.stay
				b.pushPosts(t, 5, 10)
				stop := b.start(t.Context())
				passes(time.Second)
				if got := len(b.kept()); got != 50 {
					t.Fatalf("%d matches, want 50", got)
				}
				b.setBack(func() {
					if tt.outage > 0 {
						b.store.writeErr = transient()
					}
				})
				passes(tt.outage)
				if _, deliveries := b.tally(); deliveries != 5 {
					t.Errorf("%d deliveries before the store is back, want 5", deliveries)
				}
				b.store.fail(nil)
				passes(tt.within)
				if got := len(b.kept()); got != 50 {
					t.Errorf("%d matches after the failover, want 50", got)
				}
				wantDepth(t, b.buffer, 0, 0)
				mustStop(t, stop)
			})
		})
	}
}

// A filter compares before it takes for the first time.
func TestNewFilterCompares(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		b.pushPosts(t, 5, 10)
		mustStop(t, func() error {
			stop := b.start(t.Context())
			passes(time.Second)
			return stop()
		})
		b.setBack(func() {})
		b.Filter = filter.New(filter.Config{
			Taker: b.buffer, Writer: b.store, Rules: b.store, Recent: b.buffer, Ledger: b.store, Log: zap.NewNop(),
		})
		stop := b.start(t.Context())
		passes(time.Second)
		if got := len(b.kept()); got != 50 {
			t.Errorf("%d matches, want 50", got)
		}
		mustStop(t, stop)
	})
}

// copies is a real store that can be set back to a copy of itself.
type copies struct {
	store         *dbstore.Store
	keep, setBack func()
	// live says that it can be set back under a running filter.
	live bool
}

func openCopies(t *testing.T) map[string]func(t *testing.T) *copies {
	t.Helper()
	return map[string]func(t *testing.T) *copies{
		"mariadb": func(t *testing.T) *copies {
			t.Helper()
			server := testenv.StartMariaDB(t)
			s, err := mysql.Open(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			old := filepath.Join(t.TempDir(), "old")
			data := filepath.Join(server.Dir, "data")
			keep := func() {
				server.Stop()
				copyDir(t, data, old)
				server.Restart()
			}
			setBack := func() {
				server.Kill()
				if err := os.RemoveAll(data); err != nil {
					t.Fatal(err)
				}
				copyDir(t, old, data)
				server.Restart()
			}
			return &copies{s, keep, setBack, true}
		},
		"sqlite": func(t *testing.T) *copies {
			t.Helper()
			path := filepath.Join(t.TempDir(), "store.db")
			s, err := sqlitestore.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			c := &copies{store: s}
			again := func(from, to string) {
				if err := c.store.Close(); err != nil {
					t.Fatal(err)
				}
				data, err := os.ReadFile(from)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(to, data, 0o600); err != nil {
					t.Fatal(err)
				}
				if c.store, err = sqlitestore.Open(path); err != nil {
					t.Fatal(err)
				}
			}
			c.keep = func() { again(path, path+".old") }
			c.setBack = func() { again(path+".old", path) }
			return c
		},
	}
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// Through a real Redis: what was acknowledged after the copy was taken is kept
// again once the copy is in its place.
func TestFailoverOfRealStores(t *testing.T) {
	t.Parallel()
	for name, open := range openCopies(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := redisbuffer.Open(t.Context(), testenv.Redis(t), redisbuffer.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = b.Close() })
			s := open(t)
			t.Cleanup(func() { _ = s.store.Close() })
			user := newUser(t, s.store)
			w := b.Writer("test", "test")
			pushReal(t, w, 0, 5)
			filtering := start(t, b, s.store)
			until(t, "the first are kept", func() bool { return keptBy(t, s.store, user) == 50 })
			filtering()
			s.keep()
			filtering = start(t, b, s.store)
			pushReal(t, w, 5, 10)
			until(t, "all are kept and acknowledged", func() bool {
				frames, inFlight := depth(t, b)
				return keptBy(t, s.store, user) == 150 && frames+inFlight == 0
			})
			if !s.live {
				filtering()
			}
			s.setBack()
			if !s.live {
				filtering = start(t, b, s.store)
			}
			until(t, "all are kept again", func() bool {
				frames, inFlight := depth(t, b)
				return frames+inFlight == 0 && hasKept(t, s.store, user, 150)
			})
			filtering()
		})
	}
}

// hasKept is keptBy for a store that may be away.
func hasKept(t *testing.T, s *dbstore.Store, user int64, want int) bool {
	t.Helper()
	if s.Ping(t.Context()) != nil {
		return false
	}
	page, err := s.Matches(t.Context(), event.Query{User: user, Limit: 200})
	return err == nil && len(page.Changes) == want
}

// start runs a filter; the returned function stops it.
func start(t *testing.T, b *redisbuffer.Buffer, s *dbstore.Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	f := filter.New(filter.Config{Taker: b, Writer: s, Rules: s, Recent: b, Ledger: s, Log: zap.NewNop()})
	go func() { result <- f.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	}
}
