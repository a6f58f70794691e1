package e2e

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// steady makes demo posts, enough of them for a process to be killed among.
func steady(t *testing.T, n int) (*world, string) {
	t.Helper()
	days := newWorld(3)
	days.add("demo", n)
	var lines []string
	for _, m := range days.messages {
		lines = append(lines, m.line(t))
	}
	return days, writeFile(t, "steady.ndjson", lines)
}

// events adds up what the buffer has taken in hand or waits in it.
func (w *town) events(t *testing.T) (waiting int64) {
	t.Helper()
	for _, d := range w.depths(t) {
		waiting += d.Events
	}
	return waiting
}

// A filter is killed with frames in hand; another takes them over when their
// leases end. Nothing is lost or doubled.
func TestFilterKilled(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	days, file := steady(t, 60_000)
	w.startAPI(t)
	ingestFile(t, w.buffer, "steady", fileURL(file, "format=event"))
	all := w.events(t)
	for i := range 3 {
		victim := w.startFilter(t)
		eventually(t, "the filter has frames in hand and some behind it", func() bool {
			depths := w.depths(t)
			return len(depths) == 1 && depths[0].InFlight > 0 && depths[0].Events < all*int64(9-2*i)/10
		})
		victim.kill()
	}
	w.startFilter(t)
	w.drained(t)
	w.check(t, days.messages)
}

// Ingest is killed again and again while it reads; each time it goes on from
// where the buffer stands, once it is sure that the killed one is silent. The
// filter sees every event.
func TestIngestKilled(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	days, file := steady(t, 15_000)
	w.startAPI(t)
	w.startFilter(t)
	source := fmt.Sprintf("file:%s?format=event&rate=8000", file)
	args := []string{"--buffer", w.buffer, "--name", "steady", "--source", source, "--state", t.TempDir()}
	random := rand.New(rand.NewPCG(4, 4))
	for range 2 {
		victim := start(t, "riffle-ingest", args...)
		before := w.cursor(t)
		eventually(t, "ingest pushed something", func() bool { victim.mustRun(t); return w.cursor(t) != before })
		for range random.IntN(10) {
			at := w.cursor(t)
			eventually(t, "ingest pushed more", func() bool { victim.mustRun(t); return w.cursor(t) != at })
		}
		victim.kill()
	}
	last := start(t, "riffle-ingest", args...)
	last.wait(t)
	if s := last.summary(t); s.Read == 0 || s.Read >= int64(len(days.messages)) {
		t.Errorf("the last ingest read %d of %d lines; it must go on from the cursor", s.Read, len(days.messages))
	}
	w.drained(t)
	w.check(t, days.messages)
}

// cursor is where the only source stands.
func (w *town) cursor(t *testing.T) string {
	t.Helper()
	for _, d := range w.depths(t) {
		return d.Position.Cursor
	}
	return ""
}
