package control

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
)

func samples(t scene) (got []string) {
	t.Helper()
	all, err := t.Samples(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range all {
		got = append(got, string(entry))
	}
	slices.Sort(got)
	return got
}

// testSamples keeps more than an hour: an old sample makes room for the one an
// hour later, and of two of a minute the last stays.
func testSamples(t scene) {
	if got := samples(t); len(got) != 0 {
		t.Errorf("nobody kept one yet: got %v", got)
	}
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var want []string
	for minute := range SampleSlots + 5 {
		for _, who := range []string{"first", "second"} {
			entry := fmt.Sprintf(`{"minute":%02d,"who":%q}`, minute, who)
			if err := t.KeepSample(t.Context(), began.Add(time.Duration(minute)*time.Minute), []byte(entry)); err != nil {
				t.Fatal(err)
			}
			if minute >= 5 && who == "second" {
				want = append(want, entry)
			}
		}
	}
	if diff := cmp.Diff(want, samples(t)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}
