package buffertest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/pause"
)

func flip(tb testing.TB, b Buffer, s pause.Switch) {
	tb.Helper()
	s.Stage = pause.Filter
	if err := b.Pause(tb.Context(), s); err != nil {
		tb.Fatalf("pause: %v", err)
	}
}

// testPause: while filters are paused nothing is handed out, whoever asks and
// whatever its lease; what is in hand can be finished, and pushing goes on.
func testPause(t scene) {
	b, other := t.open(t, Options{Lease: brief}), t.open(t, Options{})
	frames := fill(t, b, "s", 4)
	taken := takeExactly(t, b, 2)
	flip(t, b, pause.Switch{Revision: 5, Paused: true})
	outlast(t, b) // the leases of both have ended
	takesNothing(t, other)
	if err := b.Ack(t.Context(), taken[:1]); err != nil {
		t.Fatal(err)
	}
	if err := b.GiveBack(t.Context(), taken[1:]); err != nil {
		t.Fatal(err)
	}
	pushAll(t, b.Writer("s", "w"), frames[3].ID, Frames(t, 1, 3))
	if d := depthOf(t, b, "s"); d.Frames != 4 || d.InFlight != 0 {
		t.Errorf("got %d frames waiting and %d in flight, want 4 and 0", d.Frames, d.InFlight)
	}
	flip(t, other, pause.Switch{Revision: 4}) // a late message of somebody who resumed before
	takesNothing(t, b)
	flip(t, other, pause.Switch{Revision: 6})
	again := takeExactly(t, b, 4)
	if diff := cmp.Diff(idsOf(frames[1:]), takenIDs(again[:3])); diff != "" {
		t.Errorf("taken after the pause (-want +got):\n%s", diff)
	}
}

func testPauseEnds(t scene) {
	b := t.open(t, Options{})
	fill(t, b, "s", 1)
	flip(t, b, pause.Switch{Revision: 1, Paused: true, Until: time.Now().Add(time.Hour)})
	takesNothing(t, b)
	flip(t, b, pause.Switch{Revision: 2, Paused: true, Until: time.Now().Add(-time.Minute)})
	takeExactly(t, b, 1)
}

func takesNothing(t scene, b Taker) {
	t.Helper()
	got, err := b.Take(t.Context(), 10)
	if err != nil || len(got) != 0 {
		t.Errorf("take while paused: got %d frames, %v, want none", len(got), err)
	}
}
