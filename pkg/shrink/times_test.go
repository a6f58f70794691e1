package shrink_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/shrink"
)

var rfc3339Form = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?$`)

// wantRFC3339 reads a moment by the standard library.
func wantRFC3339(s string) (int64, bool) {
	if !rfc3339Form.MatchString(s) {
		return 0, false
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05", s)
	}
	return at.UnixMicro(), err == nil && at.UTC().Year() > 0 && at.UTC().Year() < 10000
}

var moments = []string{
	"2024-11-21T16:26:19.741Z", "2024-11-21T16:26:19Z", "2024-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
	"2000-02-29T23:59:59.999999999Z", "1969-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
	"0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2024-11-21T16:26:19.741123+02:00", "2024-11-21T16:26:19-09:30",
	"2024-11-21T16:26:19", "2024-11-21T16:26:19.5", "2024-11-21T16:26:19.", "2024-11-21T16:26:19.Z", "2024-11-21T24:00:00Z",
	"2024-11-21T16:60:19Z", "2024-11-21T16:26:60Z", "2024-13-21T16:26:19Z", "2024-00-21T16:26:19Z", "2024-11-31T16:26:19Z", "2024-11-00T16:26:19Z",
	"2024-11-21 16:26:19Z", "2024-11-21t16:26:19z", "2024-11-21", "", "x", "2024-11-21T16:26:19+24:00", "2024-11-21T16:26:19+0200", "2024-1x-21T16:26:19Z",
	"-024-11-21T16:26:19Z", "2024-11-21T16:26:19,5Z", "2024-11-21T1:26:19Z", "2024-11-21T16:26:19ZZ",
}

func checkRFC3339(t *testing.T, s string) {
	t.Helper()
	got, ok := shrink.RFC3339(s)
	want, wantOK := wantRFC3339(s)
	if ok != wantOK || ok && got != want {
		t.Errorf("%q: got %d %v, want %d %v", s, got, ok, want, wantOK)
	}
}

func TestRFC3339(t *testing.T) {
	t.Parallel()
	for _, s := range moments {
		checkRFC3339(t, s)
	}
	for day := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 10000; day = day.AddDate(0, 0, 1) {
		if got, ok := shrink.Unix(day.Year(), int(day.Month()), day.Day(), 0, 0, 0); !ok || got != day.Unix() {
			t.Fatalf("%v: got %d %v", day, got, ok)
		}
	}
}

func FuzzRFC3339(f *testing.F) {
	for _, s := range moments {
		f.Add(s)
	}
	f.Fuzz(checkRFC3339)
}

func TestMillis(t *testing.T) {
	t.Parallel()
	for micros, want := range map[int64]event.Time{0: 0, 1: 0, 999: 0, 1000: 1, -1: -1, -1000: -1, -1001: -2, 1732206349164509: 1732206349164} {
		if got := shrink.Millis(micros); got != want || got != event.TimeOf(time.UnixMicro(micros)) {
			t.Errorf("%d: got %d, want %d", micros, got, want)
		}
	}
}

func TestTID(t *testing.T) {
	t.Parallel()
	last := int64(-1)
	for _, s := range []string{"2222222222222", "2222222222223", "3jt6wgfuuvs23", "3lbhuvbqued2c", "bzzzzzzzzzzzz"} {
		got, ok := shrink.TID(s)
		if !ok || got <= last {
			t.Errorf("%s: got %d %v after %d", s, got, ok, last)
		}
		last = got
	}
	if last != 1<<63-1 {
		t.Errorf("the greatest is %d", last)
	}
	for _, s := range []string{"", "3lbhuvbqued2", "3lbhuvbqued2cc", "czzzzzzzzzzzz", "3lbhuvbqued21", "3LBHUVBQUED2C", "3lbhuvbqué2c"} {
		if got, ok := shrink.TID(s); ok {
			t.Errorf("%s: got %d", s, got)
		}
	}
	// A revision of this moment lies between those made of the times around it.
	rev, _ := shrink.TID("3lbhuvbqued2c")
	micros := rev >> 10
	if shrink.MicrosTID(micros-1) >= rev || shrink.MicrosTID(micros) < rev {
		t.Errorf("%d is not between %d and %d", rev, shrink.MicrosTID(micros-1), shrink.MicrosTID(micros))
	}
}

func ExampleTID() {
	rev, _ := shrink.TID("3lbhuvbqued2c")
	fmt.Println(time.UnixMicro(rev >> 10).UTC().Format(time.RFC3339Nano))
	// Output: 2024-11-21T16:25:21.690953Z
}
