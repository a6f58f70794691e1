package internal

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/control"
	"riffle/pkg/ingest"
)

// TestOffline: a gap that grows is told while it does, where the source does not
// repeat what it told.
func TestOffline(t *testing.T) {
	t.Parallel()
	last := time.Date(2026, 5, 28, 20, 26, 40, 0, time.UTC)
	for _, test := range []struct {
		name     string
		noReplay bool
		state    ingest.State
		want     []string
	}{
		{"without a connection", true, ingest.StateReconnecting, []string{"offline"}},
		{"with one", true, ingest.StateReading, nil},
		{"of a source that repeats", false, ingest.StateReconnecting, nil},
	} {
		b := control.Beat{NoReplay: test.noReplay}
		tellOffline(&b, ingest.Status{State: test.state, LastMessage: last})
		var got []string
		for _, n := range b.Notices {
			got = append(got, n.Kind)
			if !n.From.Equal(last) || !n.To.IsZero() {
				t.Errorf("%s: it lasts from %v to %v, want from %v on", test.name, n.From, n.To, last)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: notices (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestHeld: that nobody takes events is told while it is so.
func TestHeld(t *testing.T) {
	t.Parallel()
	var b control.Beat
	tellHeld(&b, ingest.Status{})
	if len(b.Notices) != 0 {
		t.Errorf("while the buffer takes all: %+v, want nothing", b.Notices)
	}
	since := time.Date(2026, 5, 28, 20, 26, 40, 0, time.UTC)
	tellHeld(&b, ingest.Status{Refused: since, RefusedWhy: "no space left"})
	if len(b.Notices) != 1 || b.Notices[0].Kind != "refused" || !b.Notices[0].From.Equal(since) || !strings.Contains(b.Notices[0].Text, "no space left") {
		t.Errorf("got %+v, want that events are refused since %v and why", b.Notices, since)
	}
}
