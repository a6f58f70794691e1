package storetest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"riffle/pkg/event"
)

// testDead: a dead letter is stored in the step that finishes its frame, once,
// whatever its texts hold, and can be looked at and dropped.
func testDead(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	began := lastNumber(t, w, 1)
	frame := delivery()
	hostile := event.DeadLetter{
		Source: "s'\\\x00\xff", Frame: frame.ID, Key: strings.Repeat("k\xff", 2000), Reason: event.DeadRow,
		Error: strings.Repeat("\xffé'", 1000), Deliveries: 3, Events: 1, Data: []byte("\x00'\\\xff;"), Size: 5,
	}
	whole := event.DeadLetter{
		Source: "s", Frame: frame.ID, Reason: event.DeadDeliveries, Error: "often", Deliveries: 5, Events: 7,
		Data: bytes.Repeat([]byte("x"), 1<<20), Size: 1 << 20,
	}
	b := w.batch(verdict{key: "a", version: 1, users: []int64{1}})
	b.Deliveries, b.Unfinished = []event.Delivery{frame}, true
	for range 2 { // what is not finished may come again
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatalf("Write of a share of a frame: %v", err)
		}
	}
	last := &event.Batch{Deliveries: []event.Delivery{frame}, Dead: []event.DeadLetter{hostile, whole}}
	if err := s.Write(t.Context(), last); err != nil {
		t.Fatalf("Write of the rest: %v", err)
	}
	for _, late := range []*event.Batch{b, last} {
		if err := s.Write(t.Context(), late); !errors.Is(err, event.ErrRefused) {
			t.Errorf("Write after the frame was finished: got %v, want %v", err, event.ErrRefused)
		}
	}
	if got := describe(t, w.query(t, event.Query{User: 1}).Changes); len(got) != 1 {
		t.Errorf("the rest of the frame made %q, want one match", got)
	}
	hostile.Key, hostile.Error = hostile.Key[:2048], ""
	readDead(t, sc, hostile, whole, began)
	dropDead(t, sc)
}

func readDead(t *testing.T, sc scene, hostile, whole event.DeadLetter, began int64) {
	t.Helper()
	if n, err := sc.store.CountDeadLetters(t.Context()); err != nil || n != 2 {
		t.Errorf("CountDeadLetters: got %d, %v; want 2", n, err)
	}
	list, err := sc.store.DeadLetters(t.Context(), 0, 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("DeadLetters: got %d, %v; want 2", len(list), err)
	}
	ignore := cmpopts.IgnoreFields(event.DeadLetter{}, "ID", "At", "Error", "Data")
	if diff := cmp.Diff([]event.DeadLetter{whole, hostile}, list, ignore); diff != "" {
		t.Errorf("letters (-want +got):\n%s", diff)
	}
	if more, err := sc.store.DeadLetters(t.Context(), list[0].ID, 10); err != nil || len(more) != 1 || more[0].ID != list[1].ID {
		t.Errorf("DeadLetters before %d: got %v, %v; want the older one", list[0].ID, more, err)
	}
	for i, want := range []event.DeadLetter{whole, hostile} {
		got, err := sc.store.DeadLetter(t.Context(), list[i].ID)
		if err != nil || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("DeadLetter: got %d bytes, %v; want %d", len(got.Data), err, len(want.Data))
		}
		if got.At < began || got.Error == "" {
			t.Errorf("letter of %d with error %q, want one after %d", got.At, got.Error, began)
		}
	}
	if st, err := sc.store.Stats(t.Context()); err != nil || st.DeadLetters != 2 {
		t.Errorf("Stats: got %d dead letters, %v; want 2", st.DeadLetters, err)
	}
}

// dropDead drops the letters that are there, and then the oldest of others.
func dropDead(t *testing.T, sc scene) {
	t.Helper()
	s := sc.store
	ids := func() (ids []int64) {
		list, err := s.DeadLetters(t.Context(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			ids = append(ids, list[i].ID)
		}
		return ids
	}
	for _, id := range ids() {
		if err := s.DropDeadLetter(t.Context(), id); err != nil {
			t.Errorf("DropDeadLetter: %v", err)
		}
		if err := s.DropDeadLetter(t.Context(), id); !errors.Is(err, event.ErrNotFound) {
			t.Errorf("DropDeadLetter again: got %v, want %v", err, event.ErrNotFound)
		}
		if _, err := s.DeadLetter(t.Context(), id); !errors.Is(err, event.ErrNotFound) {
			t.Errorf("DeadLetter that was dropped: got %v, want %v", err, event.ErrNotFound)
		}
	}
	for range 10 {
		d := delivery()
		letter := event.DeadLetter{Frame: d.ID, Reason: event.DeadPanic, Data: make([]byte, 100)}
		if err := s.Write(t.Context(), &event.Batch{Deliveries: []event.Delivery{d}, Dead: []event.DeadLetter{letter}}); err != nil {
			t.Fatal(err)
		}
	}
	all := ids()
	for _, trim := range []struct {
		most          int
		bytes         int64
		dropped, left int
	}{{10, 1000, 0, 10}, {8, 1000, 2, 8}, {8, 599, 3, 5}, {0, 1000, 5, 0}} {
		got, err := s.TrimDeadLetters(t.Context(), trim.most, trim.bytes)
		if err != nil || got != int64(trim.dropped) {
			t.Errorf("TrimDeadLetters(%d, %d): got %d, %v; want %d", trim.most, trim.bytes, got, err, trim.dropped)
		}
		if diff := cmp.Diff(all[:trim.left], ids(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("left after TrimDeadLetters(%d, %d) (-want +got):\n%s", trim.most, trim.bytes, diff)
		}
	}
}

// testUnknown: the store tells frames that were finished from others.
func testUnknown(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	if got, err := s.Unknown(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("Unknown of none: got %v, %v", got, err)
	}
	var ids, want []event.FrameID
	for i := range 2500 {
		d := delivery()
		ids = append(ids, d.ID)
		b := &event.Batch{Deliveries: []event.Delivery{d}, Unfinished: i == 1}
		if i == 0 || i == 1 || i == 2499 {
			if err := w.Write(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		if i != 0 && i != 2499 {
			want = append(want, d.ID)
		}
	}
	got, err := s.Unknown(t.Context(), ids)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Unknown: %v, differ (-want +got):\n%s", err, diff)
	}
}
