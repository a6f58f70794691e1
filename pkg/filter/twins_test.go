package filter_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	redisbuffer "riffle/pkg/buffer/redis"
	sqlitebuffer "riffle/pkg/buffer/sqlite"
	"riffle/pkg/event"
	"riffle/pkg/filter"
	"riffle/pkg/rule"
	dbstore "riffle/pkg/store"
	"riffle/pkg/store/mysql"
	sqlitestore "riffle/pkg/store/sqlite"
	"riffle/pkg/testenv"
)

// realBuffer is what these tests use of both buffers.
type realBuffer interface {
	filter.Taker
	Depths(ctx context.Context) ([]event.Depth, error)
}

// pusher is a source's writer.
type pusher interface {
	Position(ctx context.Context) (event.Position, error)
	Push(ctx context.Context, p event.Push) error
}

// twins opens the embedded pair, or that of servers.
var twins = map[string]func(t *testing.T) (realBuffer, pusher, *dbstore.Store){
	"embedded": func(t *testing.T) (realBuffer, pusher, *dbstore.Store) {
		t.Helper()
		dir := t.TempDir()
		b, err := sqlitebuffer.Open(t.Context(), filepath.Join(dir, "buffer.db"), sqlitebuffer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		s, err := sqlitestore.Open(filepath.Join(dir, "store.db"))
		if err != nil {
			t.Fatal(err)
		}
		return b, b.Writer("test", "test"), s
	},
	"servers": func(t *testing.T) (realBuffer, pusher, *dbstore.Store) {
		t.Helper()
		b, err := redisbuffer.Open(t.Context(), testenv.Redis(t), redisbuffer.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		s, err := mysql.Open(testenv.MariaDB(t))
		if err != nil {
			t.Fatal(err)
		}
		return b, b.Writer("test", "test"), s
	},
}

// outage is a store that can be switched off.
type outage struct {
	*dbstore.Store
	off atomic.Bool
}

func (o *outage) Write(ctx context.Context, b *event.Batch) error {
	if o.off.Load() {
		return transient()
	}
	return o.Store.Write(ctx, b)
}

func (o *outage) Ping(ctx context.Context) error {
	if o.off.Load() {
		return transient()
	}
	return o.Store.Ping(ctx)
}

// Through the real buffer and store: an outage gives back what was held, and
// afterwards each post is kept once.
func TestOutageOverTheTwins(t *testing.T) {
	t.Parallel()
	for name, open := range twins {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, source, s := open(t)
			t.Cleanup(func() { _ = s.Close() })
			user := newUser(t, s)
			pushReal(t, source, 0, 10)

			writer := &outage{Store: s}
			f := filter.New(filter.Config{Taker: b, Writer: writer, Rules: s, Log: zap.NewNop()})
			ctx, cancel := context.WithCancel(t.Context())
			result := make(chan error, 1)
			go func() { result <- f.Run(ctx) }()
			until(t, "the first frames are kept", func() bool { return keptBy(t, s, user) == 100 })

			writer.off.Store(true)
			pushReal(t, source, 10, 10)
			until(t, "all is given back", func() bool {
				frames, inFlight := depth(t, b)
				return f.Status().State == filter.StateAway && frames == 10 && inFlight == 0
			})
			if got := keptBy(t, s, user); got != 100 {
				t.Errorf("%d matches during the outage, want 100", got)
			}
			writer.off.Store(false)
			until(t, "all frames are kept", func() bool { return keptBy(t, s, user) == 200 })
			until(t, "all frames are acknowledged", func() bool {
				frames, inFlight := depth(t, b)
				return frames == 0 && inFlight == 0
			})
			cancel()
			if err := <-result; err != nil {
				t.Errorf("Run() = %v, want nil", err)
			}
		})
	}
}

// newUser migrates the store and makes a user with one rule.
func newUser(t *testing.T, s *dbstore.Store) int64 {
	t.Helper()
	if err := s.Migrate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	user, err := s.AddUser(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddRule(t.Context(), rule.Rule{User: user.ID, Value: "apple", Canonical: "apple", Enabled: true}); err != nil {
		t.Fatal(err)
	}
	return user.ID
}

// pushReal pushes frames of ten posts that the rule keeps.
func pushReal(t *testing.T, w pusher, first, n int) {
	t.Helper()
	at, err := w.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	enc, prev := event.NewEncoder(), at.Frame
	for i := range n {
		frame := pack(t, enc, posts((first+i)*10, 10, "apple"))
		if err := w.Push(t.Context(), event.Push{Frame: frame, Prev: prev, Cursor: fmt.Sprint(first + i + 1)}); err != nil {
			t.Fatal(err)
		}
		prev = frame.ID
	}
}

func keptBy(t *testing.T, s *dbstore.Store, user int64) (n int) {
	t.Helper()
	query := event.Query{User: user, HasAfter: true, Limit: 200}
	for {
		page, err := s.Matches(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Changes)
		if !page.More {
			return n
		}
		query.After = page.Next
	}
}

func depth(t *testing.T, b realBuffer) (frames, inFlight int64) {
	t.Helper()
	depths, err := b.Depths(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range depths {
		frames, inFlight = frames+d.Frames, inFlight+d.InFlight
	}
	return frames, inFlight
}

// until asks again and again: real servers send no signals.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if <-ticker.C; time.Now().After(deadline) {
			t.Fatalf("waited a minute in vain: %s", what)
		}
	}
}
