package write

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
)

// post is a verdict on an event that so many users keep.
func post(name string, users, size int) event.Verdict {
	v := event.Verdict{Event: &event.Event{Key: "test:" + name}, JSON: make([]byte, size)}
	for i := range users {
		v.Matches = append(v.Matches, event.Match{User: int64(i)})
	}
	return v
}

func TestSplit(t *testing.T) {
	t.Parallel()
	const bytes = 1 << 20
	for _, test := range []struct {
		name     string
		verdicts []event.Verdict
		want     []string // of each part: pieces, matches
	}{
		{"nothing", nil, []string{"0 pieces, 0 matches"}},
		{"a few", []event.Verdict{post("a", 1, 1), post("b", 0, 1)}, []string{"2 pieces, 1 matches"}},
		{"an account alone", []event.Verdict{{Event: &event.Event{Account: true}}}, []string{"0 pieces, 0 matches"}},
		{"as many rows as may be", slices.Repeat([]event.Verdict{post("a", 1, 1)}, maxRows/2), []string{"1000 pieces, 1000 matches"}},
		{"one more", slices.Repeat([]event.Verdict{post("a", 1, 1)}, maxRows/2+1), []string{"1000 pieces, 1000 matches", "1 pieces, 1 matches"}},
		{"much text", slices.Repeat([]event.Verdict{post("a", 0, bytes/2)}, 5), []string{"2 pieces, 0 matches", "2 pieces, 0 matches", "1 pieces, 0 matches"}},
		{"too much text", []event.Verdict{post("a", 0, 2*bytes), post("b", 0, 1)}, []string{"1 pieces, 0 matches", "1 pieces, 0 matches"}},
		{
			"many matches between others",
			[]event.Verdict{post("a", 1, 1), post("b", 2*maxRows+5, 1), post("c", 1, 1)},
			[]string{"1 pieces, 1 matches", "1 pieces, 2000 matches", "1 pieces, 2000 matches", "2 pieces, 6 matches"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			parts, _ := split(&event.Batch{Verdicts: test.verdicts}, bytes)
			var got []string
			for _, p := range parts {
				matches := 0
				for i := range p.pieces {
					matches += len(p.pieces[i].matches)
				}
				got = append(got, fmt.Sprintf("%d pieces, %d matches", len(p.pieces), matches))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("parts differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLatest: of two deliveries of one frame the later one counts.
func TestLatest(t *testing.T) {
	t.Parallel()
	d := func(id byte, stamp int64) event.Delivery { return event.Delivery{ID: event.FrameID{id}, Stamp: stamp} }
	got := latest([]event.Delivery{d(2, 1), d(1, 5), d(2, 7), d(2, 3)})
	if diff := cmp.Diff([]event.Delivery{d(1, 5), d(2, 7)}, got); diff != "" {
		t.Errorf("claims differ (-want +got):\n%s", diff)
	}
}
