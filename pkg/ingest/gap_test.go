package ingest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"riffle/pkg/event"
	"riffle/pkg/spool"
)

// gappy is a source that tells gaps between its messages, and then ends.
type gappy struct {
	script
	gaps []event.Gap
}

func (s *gappy) Read(_ context.Context, _ string, emit func(event.Message) error) error {
	for i, g := range s.gaps {
		if err := emit(event.Message{Data: []byte(s.messages[i])}); err != nil {
			return err
		}
		if err := emit(event.Message{Gap: &g}); err != nil {
			return err
		}
	}
	return nil
}

// A gap is counted, logged with its bounds and shown; the stream goes on.
func TestGapIsTold(t *testing.T) {
	t.Parallel()
	at := func(s int64) event.Time { return event.Time(1_780_000_000_000 + 1000*s) }
	s := &gappy{script: script{messages: words(7)}}
	for i := range int64(7) {
		s.gaps = append(s.gaps, event.Gap{From: at(10 * i), To: at(10*i + 3), Why: "connection was down"})
	}
	s.gaps[6].From = 0 // nobody knows since when
	core, logged := observer.New(zap.ErrorLevel)
	registry, c := prometheus.NewPedanticRegistry(), newChain()
	in, err := New(Config{Name: "test", Source: s, Pusher: c, Log: zap.New(core), Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkKeys(t, c, words(7))
	status := in.Status()
	if diff := cmp.Diff(s.gaps[2:], status.Gaps); diff != "" || status.GapCount != 7 {
		t.Errorf("%d gaps in the status, want 7; the newest (-want +got):\n%s", status.GapCount, diff)
	}
	if got := testutil.ToFloat64(in.counters.gaps); got != 7 {
		t.Errorf("counted %v gaps, want 7", got)
	}
	if got := testutil.ToFloat64(in.counters.gapSeconds); got != 18 {
		t.Errorf("counted %v s in gaps, want 18: six of 3 s, and one of which nobody knows", got)
	}
	if got := logged.Len(); got != 7 {
		t.Fatalf("logged %d lines, want 7", got)
	}
	line := logged.All()[0].ContextMap()
	want := map[string]any{"reason": "connection was down", "from": at(0).Std(), "to": at(3).Std(), "length": 3 * time.Second}
	for name, value := range want {
		if got := line[name]; got != value {
			t.Errorf("field %s is %v, want %v", name, got, value)
		}
	}
}

// What the buffer lost of a source that cannot be read again is a gap from the
// newest frame that it still has to the oldest in memory.
func TestLostFramesAreAGap(t *testing.T) {
	t.Parallel()
	in := newIngest(t, &script{forward: true}, newChain())
	p := in.newPushing(&event.Position{})
	for i := range byte(4) {
		size := recentBytes / 2
		p.recent.add(event.Entry{Frame: event.Frame{ID: event.FrameID{i + 1}, Oldest: event.Time(i + 1), Data: make([]byte, size)}})
		p.prev = event.FrameID{i + 1}
	}
	if _, err := p.goBack(event.Position{Frame: event.FrameID{1}}); err != nil {
		t.Fatal(err)
	}
	got := in.Status().Gaps
	if len(got) != 1 || got[0].From != 1 || got[0].To != 4 {
		t.Errorf("gaps %+v, want one from 1 to 4", got)
	}
}

// A source that is read before the buffer can be asked goes on from the cursor on
// the own disk, so that it can tell what it missed.
func TestOwnCursorWhileTheBufferIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := &script{messages: words(3), forward: true, live: true}, newChain()
		c.position = func() error { return errAway }
		c.fault = func(int) (bool, error) { return false, errAway }
		in, err := New(Config{
			Name: "test", Source: s, Pusher: c, Depths: c, Memory: &disk{cursor: "7"}, Log: zap.NewNop(),
			Spool: openSpool(t, t.TempDir(), spool.Options{}),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := run(ctx, in)
		time.Sleep(time.Minute)
		s.mu.Lock()
		if diff := cmp.Diff([]string{"7"}, s.from); diff != "" {
			t.Errorf("read from (-want +got):\n%s", diff)
		}
		s.mu.Unlock()
		stop()
		wantStop(t, done)
	})
}
