package write

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
)

// about makes a part of new pieces about events.
func about(ids ...uint32) *part {
	p := &part{pieces: make([]piece, len(ids))}
	for i, id := range ids {
		binary.BigEndian.PutUint32(p.pieces[i].id[:], id)
	}
	return p
}

func recents(p *part) (all []bool) {
	for i := range p.pieces {
		all = append(all, p.pieces[i].recent)
	}
	return all
}

func TestRecentTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRecent()
		enter := func(p *part) (leave func()) {
			t.Helper()
			leave, err := r.enter(t.Context(), p)
			if err != nil {
				t.Fatalf("enter: %v", err)
			}
			return leave
		}
		first := about(1, 2, 2)
		leaveFirst := enter(first)
		enter(about(3))() // shares nothing, so it need not wait
		entered := false
		second := about(4, 2)
		go func() {
			leave := enter(second)
			entered = true
			leave()
		}()
		synctest.Wait()
		if entered {
			t.Error("a part entered beside one about the same event")
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.enter(canceled, about(1)); !errors.Is(err, context.Canceled) {
			t.Errorf("enter when canceled: got %v, want %v", err, context.Canceled)
		}
		leaveFirst()
		synctest.Wait()
		if !entered {
			t.Error("a part did not enter when the one before it was over")
		}
		if got := recents(first); got[0] || got[1] || got[2] {
			t.Errorf("of new events %v were written lately", got)
		}
		if got := recents(second); got[0] || !got[1] {
			t.Errorf("of a new event and a known one %v were written lately", got)
		}
		enter(about(1))() // the canceled turn is over too
	})
}

func TestRecentForgets(t *testing.T) {
	t.Parallel()
	r := newRecent()
	write := func(p *part) {
		t.Helper()
		leave, err := r.enter(t.Context(), p)
		if err != nil {
			t.Fatalf("enter: %v", err)
		}
		leave()
	}
	write(about(0))
	for id := uint32(1); id < 4*remembered; id += 1000 {
		ids := make([]uint32, 1000)
		for i := range ids {
			ids[i] = id + uint32(i)
		}
		write(about(ids...))
	}
	if n := len(r.young) + len(r.old); n > 2*(remembered+1000) {
		t.Errorf("%d events are remembered", n)
	}
	last, first := about(4*remembered-1000), about(0)
	write(last)
	write(first)
	if !last.pieces[0].recent || first.pieces[0].recent {
		t.Errorf("the last of many events is remembered: %t, want true; the first: %t, want false", last.pieces[0].recent, first.pieces[0].recent)
	}
}
