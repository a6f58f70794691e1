package control

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/pause"
)

func switches(t scene) []pause.Switch {
	t.Helper()
	all, now, err := t.Switches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if off := time.Since(now).Abs(); off > 5*time.Minute {
		t.Errorf("the board's clock is %s off", off)
	}
	slices.SortFunc(all, func(a, b pause.Switch) int { return strings.Compare(a.Stage, b.Stage) })
	return all
}

// testSwitches: the newest of each stage is kept, whole.
func testSwitches(t scene) {
	if got := switches(t); len(got) != 0 {
		t.Errorf("nobody flipped one yet: got %+v", got)
	}
	want := pause.Switch{
		Stage: "ingest/a b{c}", Revision: 1 << 52, Paused: true, Who: "ann", Reason: "möp \"x\"", AcceptGap: true,
		Since: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), Until: time.Date(2026, 1, 2, 4, 4, 5, 6e6, time.UTC),
	}
	for _, step := range []struct {
		s    pause.Switch
		kept bool
	}{
		{pause.Switch{Stage: want.Stage, Revision: 7}, true},
		{want, true},
		{pause.Switch{Stage: want.Stage, Revision: want.Revision, Reason: "as new"}, false},
		{pause.Switch{Stage: want.Stage, Revision: want.Revision - 1, Reason: "older"}, false},
		{pause.Switch{Stage: "api", Revision: 1}, true},
	} {
		if kept, err := t.KeepSwitch(t.Context(), step.s); err != nil || kept != step.kept {
			t.Errorf("keep %+v: got %t, %v, want %t", step.s, kept, err, step.kept)
		}
	}
	if diff := cmp.Diff([]pause.Switch{{Stage: "api", Revision: 1}, want}, switches(t)); diff != "" {
		t.Errorf("switches (-want +got):\n%s", diff)
	}
}

// testFlipsAtOnce: of many who flip at once each gets a revision of its own.
func testFlipsAtOnce(t scene) {
	var mu sync.Mutex
	seen := map[int64]bool{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := Flip(t.Context(), t, &pause.Wish{Stage: "filter", Pause: true})
			mu.Lock()
			defer mu.Unlock()
			if err != nil || seen[s.Revision] {
				t.Errorf("got revision %d, %v, want one of its own", s.Revision, err)
			}
			seen[s.Revision] = true
		})
	}
	all.Wait()
}
