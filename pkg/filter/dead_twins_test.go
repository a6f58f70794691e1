package filter_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/filter"
	dbstore "riffle/pkg/store"
)

// spoiler makes rows of some events that no database takes.
type spoiler struct {
	*dbstore.Store
	keys map[string]bool
}

func (s *spoiler) Write(ctx context.Context, b *event.Batch) error {
	for i := range b.Verdicts {
		if s.keys[b.Verdicts[i].Event.Key] {
			b.Verdicts[i].JSON = []byte("{\"text\":\"\xff\xfe\"}") // no UTF-8
		}
	}
	return s.Store.Write(ctx, b)
}

// Through the real buffers and stores: bad rows and events at which judging
// panics become dead letters alone, everything else is kept once, and a letter
// that is given back under another id is judged anew.
func TestDeadLettersOverTheTwins(t *testing.T) {
	t.Parallel()
	for name, open := range twins {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, source, s := open(t)
			t.Cleanup(func() { _ = s.Close() })
			user := newUser(t, s)
			pushReal(t, source, 0, 10)
			deadly := post("deadly", "apple")
			deadly.Audience = []string{"twitter:7"}
			pushFrame(t, source, frame(t, post("before", "apple"), deadly, post("after", "apple")))

			writer := &spoiler{s, map[string]bool{"test:000033": true, "test:000077": true}}
			f := filter.New(filter.Config{Taker: b, Writer: writer, Rules: s, Log: zap.NewNop()})
			f.BreakAudiences()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			result := make(chan error, 1)
			go func() { result <- f.Run(ctx) }()
			until(t, "all but three are kept", func() bool { return keptBy(t, s, user) == 100 })
			until(t, "all is acknowledged", func() bool {
				frames, inFlight := depth(t, b)
				return frames+inFlight == 0
			})
			letters, err := s.DeadLetters(t.Context(), 0, 10)
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[string]event.DeadReason)
			for _, d := range letters {
				got[d.Key] = d.Reason
			}
			want := map[string]event.DeadReason{
				"test:000033": event.DeadRow, "test:000077": event.DeadRow, "test:deadly": event.DeadPanic,
			}
			if diff := cmp.Diff(want, got); diff != "" || len(letters) != 3 {
				t.Errorf("%d letters, differ (-want +got):\n%s", len(letters), diff)
			}
			cancel()
			if err := <-result; err != nil {
				t.Errorf("Run() = %v, want nil", err)
			}
			for _, d := range letters {
				again(t, s, source, d.ID)
			}
			runUntil(t, filter.Config{Taker: b, Writer: s, Rules: s, Log: zap.NewNop()}, func() bool {
				frames, inFlight := depth(t, b)
				return frames+inFlight == 0
			})
			if got := keptBy(t, s, user); got != 102 { // nobody is linked to the third's audience
				t.Errorf("%d matches after all, want 102", got)
			}
		})
	}
}

// again gives a letter back to the buffer, twice.
func again(t *testing.T, s *dbstore.Store, w pusher, id int64) {
	t.Helper()
	d, err := s.DeadLetter(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		f, err := event.WithID(d.Data, event.FrameID(fmt.Appendf(nil, "again %010d", id)))
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 { // as if its first push had been forgotten
			pushReal(t, w, 0, 1)
		}
		pushFrame(t, w, f)
	}
}

func pushFrame(t *testing.T, w pusher, f event.Frame) {
	t.Helper()
	at, err := w.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Push(t.Context(), event.Push{Frame: f, Prev: at.Frame}); err != nil {
		t.Fatal(err)
	}
}

// runUntil runs a filter until done, and stops it.
func runUntil(t *testing.T, c filter.Config, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- filter.New(c).Run(ctx) }()
	until(t, "the filter is done", done)
	cancel()
	if err := <-result; err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
}
