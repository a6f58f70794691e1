package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"riffle/pkg/event"
	"riffle/pkg/store/mysql"
)

// notices lists the kinds of what the stages tell an operator.
func (w *town) notices(t *testing.T) (kinds []string) {
	t.Helper()
	var s struct {
		Stages []struct{ Notices []struct{ Kind string } }
	}
	if err := json.Unmarshal([]byte(run(t, "riffle", "status", "--json", "--buffer", w.buffer, "--store", w.store)), &s); err != nil {
		t.Fatal(err)
	}
	for _, stage := range s.Stages {
		for _, n := range stage.Notices {
			kinds = append(kinds, n.Kind)
		}
	}
	return kinds
}

// A pause that an ingest does not obey, since its source cannot be read again, is
// refused where it is asked for; one that was asked for before that ingest was
// there is seen in the status for as long as it is not obeyed.
func TestPauseThatIsRefused(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	feed, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tell.Close() }()
	run(t, "riffle", "pause", "ingest/pipe", "--buffer", w.buffer) // nobody is there who would mind
	ingest := startFed(t, feed, "riffle-ingest", "--buffer", w.buffer, "--source", "stdin:?format=event", "--name", "pipe", "--state", t.TempDir()).alive(t)
	_ = feed.Close()
	told := func() bool { return strings.Contains(strings.Join(w.notices(t), " "), "not_paused") }
	eventually(t, "the status says that it is not obeyed", told)
	if _, stderr, status := try(t, "riffle", "pause", "ingest/pipe", "--buffer", w.buffer); status == 0 || !strings.Contains(stderr, "--accept-gap") {
		t.Errorf("asked for again: got status %d and %q, want a refusal that names the way out", status, stderr)
	}
	run(t, "riffle", "pause", "ingest/pipe", "--accept-gap", "--buffer", w.buffer)
	w.paused(t, "ingest")
	eventually(t, "the status says so no longer", func() bool { return !told() })
	ingest.stop(t)
}

// Dead letters that are tried again wait as all else does while filters are
// paused, and ask nothing of the switch of the source from which they came.
func TestRetryWhilePaused(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	run(t, "riffle", "rule", "add", "ann", "zebra", "--store", w.store)
	w.startAPI(t)
	w.startFilter(t)
	run(t, "riffle", "pause", "filter", "--buffer", w.buffer)
	run(t, "riffle", "pause", "ingest/zoo", "--buffer", w.buffer)
	w.paused(t, "filter")
	w.bury(t, &event.Event{Key: "zoo:1", Version: 1, Network: "zoo", Source: "zoo", Text: "a zebra", Author: event.Author{ID: "1"}, ReceivedAt: 1_700_000_000_000})
	run(t, "riffle", "dead", "retry", "--all", "--store", w.store, "--buffer", w.buffer)
	// A filter that came now, and knew nothing of a pause, would find this source.
	for range 3 {
		if taken, err := w.peek.Take(t.Context(), 1); err != nil || len(taken) > 0 {
			t.Fatalf("took %d frames, %v; want none while filters are paused", len(taken), err)
		}
	}
	if got := w.events(t); got != 1 {
		t.Errorf("%d events wait, want that of the letter", got)
	}
	run(t, "riffle", "resume", "filter", "--buffer", w.buffer)
	w.drained(t)
	eventually(t, "the letter is a match", func() bool {
		w.users["ann"].follow(t)
		return len(w.users["ann"].matches) == 1
	})
}

// bury puts a dead letter of one event into the store.
func (w *town) bury(t *testing.T, ev *event.Event) {
	t.Helper()
	s, err := mysql.Open(w.store)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	alone, err := event.Alone(ev)
	if err != nil {
		t.Fatal(err)
	}
	letter := event.DeadLetter{Source: ev.Source, Frame: alone.ID, Key: ev.Key, Reason: event.DeadRow, Error: "a test", Deliveries: 1, Events: 1, Data: alone.Data}
	batch := event.Batch{Deliveries: []event.Delivery{{ID: alone.ID, Stamp: 1}}, Dead: []event.DeadLetter{letter}}
	if err := s.Write(t.Context(), &batch); err != nil {
		t.Fatal(err)
	}
}
