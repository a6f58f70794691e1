package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
)

// testClaims: a frame is written by its latest delivery, once.
func testClaims(sc scene) {
	t, s := sc.T, sc.store
	for _, test := range []struct {
		name     string
		before   []int64 // stamps of deliveries that were finished, in this order
		overtake bool    // by a claim of stamp 9 that was not finished
		stamp    int64
		want     error
	}{
		{name: "the first delivery", stamp: 1},
		{name: "again after it was finished", before: []int64{1}, stamp: 1, want: event.ErrRefused},
		{name: "a later delivery of a finished frame", before: []int64{1}, stamp: 2, want: event.ErrRefused},
		{name: "overtaken", overtake: true, stamp: 8, want: event.ErrRefused},
		{name: "the same delivery again", overtake: true, stamp: 9},
		{name: "taken over", overtake: true, stamp: 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(s)
			frame := delivery()
			try := func(stamp int64, verdicts ...verdict) error {
				b := w.batch(verdicts...)
				frame.Stamp = stamp
				b.Deliveries = append(b.Deliveries, frame)
				return w.Write(t.Context(), b)
			}
			for _, stamp := range test.before {
				if err := try(stamp); err != nil {
					t.Fatalf("Write with stamp %d: %v", stamp, err)
				}
			}
			if test.overtake {
				claimOnly(t, w, frame, 9)
			}
			err := try(test.stamp, verdict{key: "a", version: 1, users: []int64{1}}, verdict{key: "b", version: 1, deleted: true})
			if !errors.Is(err, test.want) {
				t.Errorf("Write: got %v, want %v", err, test.want)
			}
			want := []string{"new a 1"}
			if test.want != nil {
				want = nil
			}
			if diff := cmp.Diff(want, describe(t, w.query(t, event.Query{User: 1}).Changes)); diff != "" {
				t.Errorf("matches differ (-want +got):\n%s", diff)
			}
		})
	}
}

// claimOnly claims a frame without finishing it: the deletion of an account is
// noted in a transaction of its own, and the one after it fails for a row that
// no dialect takes.
func claimOnly(t *testing.T, w world, frame event.Delivery, stamp int64) {
	t.Helper()
	b := w.batch(verdict{key: "nobody", version: 1, deleted: true, account: true}, verdict{key: "z", version: 1, users: []int64{9}})
	b.Verdicts[1].JSON = notText
	frame.Stamp = stamp
	b.Deliveries = []event.Delivery{frame}
	if err := w.Write(t.Context(), b); !errors.Is(err, event.ErrRow) {
		t.Fatalf("Write of a row that can't be written: got %v, want %v", err, event.ErrRow)
	}
}

// notText is no UTF-8.
var notText = []byte("{\"text\":\"\xff\xfe\"}")

// testClaimRace: many deliveries of one frame at once, all with the same
// verdicts: those that succeed finish the frame once and make one match.
func testClaimRace(sc scene) {
	t, s := sc.T, sc.store
	const frames, deliveries = 20, 8
	w := newWorld(s)
	for f := range frames {
		frame := delivery()
		key := string(rune('a' + f))
		var finished atomic.Int64
		var all sync.WaitGroup
		for stamp := range int64(deliveries) {
			all.Go(func() {
				b := w.batch(verdict{key: key, version: 1, users: []int64{1}}, verdict{key: key + "!", version: 1, deleted: true})
				d := frame
				d.Stamp = stamp + 1
				b.Deliveries = []event.Delivery{d}
				switch err := w.Write(t.Context(), b); {
				case err == nil:
					finished.Add(1)
				case !errors.Is(err, event.ErrRefused):
					t.Errorf("Write: %v", err)
				}
			})
		}
		all.Wait()
		if got := finished.Load(); got != 1 {
			t.Errorf("frame %d: finished by %d deliveries, want 1", f, got)
		}
	}
	changes, _ := w.changes(t, 1, 0)
	if got := len(changes); got != frames {
		t.Errorf("%d changes, want %d", got, frames)
	}
}
