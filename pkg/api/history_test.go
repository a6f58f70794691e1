package api

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/auth"
	"riffle/pkg/event"
	"riffle/pkg/pause"
)

// board keeps samples in memory, like those of a buffer.
type board struct {
	entries [][]byte
	err     error
}

func (b *board) KeepSample(_ context.Context, _ time.Time, entry []byte) error {
	if b.err == nil {
		b.entries = append(b.entries, entry)
	}
	return b.err
}
func (b *board) Samples(context.Context) ([][]byte, error) { return b.entries, b.err }

// TestHistory lets an api run, takes the buffer away for some minutes, and asks
// another api, which was not there, for the last hour.
func TestHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now().UTC()
		kept := &board{}
		w := newWorld(t, newMemory(time.Now), inMemory)
		w.api.samples = kept
		filter := Stage{Stage: "filter", Instance: "f1", State: "running", Rates: map[string]float64{"events": 40}, Totals: map[string]int64{"matches": 100}}
		silent := Stage{Stage: "filter", Instance: "f0", State: stateSilent, Rates: map[string]float64{"events": 999}, Totals: map[string]int64{"matches": 1000}}
		w.neighbours.stages = []Stage{filter, silent, {Stage: "ingest", Instance: "i1", State: "reading", Rates: map[string]float64{"events": 50}}}
		w.neighbours.depths = []event.Depth{{Source: "a", Events: 7, Oldest: event.TimeOf(began)}, {Source: "b", Events: 3}}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.api.Run(ctx) }()

		at := func(minute int) { // and a bit
			time.Sleep(time.Until(began.Add(time.Duration(minute)*time.Minute + time.Second)))
			synctest.Wait()
		}
		at(1)
		w.neighbours.change(func() { w.neighbours.stages[0].Totals = map[string]int64{"matches": 160} })
		at(2)
		w.neighbours.change(func() { w.neighbours.err = errAway })
		at(4)
		w.neighbours.change(func() { w.neighbours.err = nil })
		at(5)

		other := newWorld(t, newMemory(time.Now), inMemory)
		other.api.samples = kept
		show := func() []Sample {
			t.Helper()
			answer := other.do(t, other.token(t, other.alice, auth.Admin), "GET /v1/status", "").want(t, http.StatusOK)
			return into[struct{ History []Sample }](t, answer.Data).History
		}
		none, one := 0.0, 1.0
		sample := func(minute int, matched *float64) Sample {
			return Sample{At: stamp(began.Add(time.Duration(minute) * time.Minute)), Ingested: 50, Judged: 40, Matched: matched, Events: 10, LagMS: int64(minute) * 60_000}
		}
		want := []Sample{sample(1, nil), sample(2, &one), sample(5, &none)}
		same := cmp.Comparer(func(a, b stamp) bool { return time.Time(a).Equal(time.Time(b)) })
		if diff := cmp.Diff(want, show(), same); diff != "" {
			t.Errorf("history, with a hole at 3 and 4 (-want +got):\n%s", diff)
		}
		stop()
		kept.entries = append(kept.entries, []byte("not ours"))
		at(61)
		if diff := cmp.Diff(want[1:], show(), same); diff != "" {
			t.Errorf("an hour after the first (-want +got):\n%s", diff)
		}
		kept.err = errAway
		if got := show(); got == nil || len(got) != 0 {
			t.Errorf("got %v while the buffer is away, want an empty history", got)
		}
	})
}

// TestPausing: a stage whose switch is on is never said to be at work.
func TestPausing(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	w.neighbours.switches = []pause.Switch{{Stage: "filter", Revision: 1, Paused: true}, {Stage: "ingest/b", Revision: 1, Paused: true}}
	w.neighbours.stages = []Stage{
		{Stage: "filter", State: "running"}, {Stage: "filter", State: "paused"}, {Stage: "filter", State: "store_away"}, {Stage: "filter", State: stateSilent},
		{Stage: "ingest", Name: "a", State: "reading"}, {Stage: "ingest", Name: "b", State: "reading"}, {Stage: "api", State: "running"},
	}
	answer := w.do(t, w.token(t, w.alice, auth.Admin), "GET /v1/status", "").want(t, http.StatusOK)
	var got []string
	for _, s := range into[struct{ Stages []struct{ State string } }](t, answer.Data).Stages {
		got = append(got, s.State)
	}
	if diff := cmp.Diff([]string{"pausing", "paused", "store_away", "silent", "reading", "pausing", "running"}, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}
