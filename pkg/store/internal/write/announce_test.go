package write

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An announcement names each user's newest number, in whatever order the rows
// stand.
func TestAnnouncementNamesTheNewest(t *testing.T) {
	t.Parallel()
	match := func(user int64, offset int) Match { return Match{User: user, Offset: offset} }
	plan := Plan{
		Numbers: 5,
		Marked:  []Match{match(1, 4), match(1, 0), match(2, 1)},
		Made:    []Match{match(3, 2), match(3, 3), match(2, 2), match(1, 1)},
	}
	got := map[int64]int64{}
	if err := ReadAnnouncement(AppendAnnouncement(nil, &plan), 100, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[int64]int64{1: 100, 2: 98, 3: 99}, got); diff != "" {
		t.Errorf("newest numbers (-want +got):\n%s", diff)
	}
}
