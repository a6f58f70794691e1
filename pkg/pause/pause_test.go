package pause_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/pause"
)

func TestParseStage(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"ingest", "filter", "api", "ingest/bluesky", "ingest/a/b", "ingest/ü {x}"} {
		if got, err := pause.ParseStage(good); got != good || err != nil {
			t.Errorf("ParseStage(%q): got %q, %v", good, got, err)
		}
	}
	for _, bad := range []string{"", "Ingest", "store", "ingest/", "filter/1", "api/", "/ingest", "ingest/" + strings.Repeat("x", 256)} {
		if _, err := pause.ParseStage(bad); err == nil {
			t.Errorf("ParseStage(%q): got no error", bad)
		}
	}
}

func TestAWishIsNewerThanTheLastSwitch(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	wish := pause.Wish{Stage: "filter", Pause: true, Who: "ann@h", Reason: "disk", For: 10 * time.Minute}
	first := wish.After(&pause.Switch{}, now)
	want := pause.Switch{
		Stage: "filter", Revision: now.UnixMicro(), Paused: true, Who: "ann@h", Reason: "disk",
		Since: now, Until: now.Add(10 * time.Minute),
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
	for at, on := range map[time.Duration]bool{0: true, 10*time.Minute - 1: true, 10 * time.Minute: false} {
		if got := first.On(now.Add(at)); got != on {
			t.Errorf("on after %s: got %t, want %t", at, got, on)
		}
	}
	// A clock that was set back makes no switch older.
	resume := pause.Wish{Stage: "filter", For: time.Hour}
	second := resume.After(&first, now.Add(-time.Hour))
	if second.Revision != first.Revision+1 || second.On(now) || !second.Until.IsZero() {
		t.Errorf("resumed: got %+v, want revision %d, off, without end", second, first.Revision+1)
	}
}

func TestWishesThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, bad := range []pause.Wish{{Stage: "x"}, {Stage: "api", For: -1}, {Stage: "api", Reason: strings.Repeat("x", 1001)}} {
		if bad.Check() == nil {
			t.Errorf("%+.40v: got no error", bad)
		}
	}
}
