package write

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
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
			leave, err := r.enter(t.Context(), p, nil)
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
		if _, err := r.enter(canceled, about(1), nil); !errors.Is(err, context.Canceled) {
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
		leave, err := r.enter(t.Context(), p, nil)
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

// TestRecentPutsOff: a few pieces that would have to be waited for go into the
// next part, before its own; many are waited for, and so are those of a part that
// has none behind it or none that may grow.
func TestRecentPutsOff(t *testing.T) {
	t.Parallel()
	ids := func(p *part) (all []uint32) {
		for i := range p.pieces {
			all = append(all, binary.BigEndian.Uint32(p.pieces[i].id[:]))
		}
		return all
	}
	many := make([]uint32, 2*mostOff)
	for i := range many {
		many[i] = uint32(i)
	}
	single := about(100)
	single.single = true
	for _, test := range []struct {
		name       string
		underWay   []uint32
		next       *part
		left, then []uint32
		waits      bool
	}{
		{"a few", []uint32{3, 5}, about(100, 3), slices.DeleteFunc(slices.Clone(many), func(id uint32) bool { return id == 3 || id == 5 }), []uint32{3, 5, 100, 3}, false},
		{"many", []uint32{3, 5, 7}, about(100), many, []uint32{100}, true},
		{"none behind", []uint32{3}, nil, many, nil, true},
		{"one behind that is single", []uint32{3}, single, many, []uint32{100}, true},
		{"none under way", []uint32{200}, about(100), many, []uint32{100}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecent()
			if _, err := r.enter(t.Context(), about(test.underWay...), nil); err != nil {
				t.Fatal(err)
			}
			p := about(many...)
			_, before := r.register(p, test.next)
			if diff := cmp.Diff(test.left, ids(p)); diff != "" {
				t.Errorf("the part (-want +got):\n%s", diff)
			}
			if test.next != nil {
				if diff := cmp.Diff(test.then, ids(test.next)); diff != "" {
					t.Errorf("the next part (-want +got):\n%s", diff)
				}
			}
			if waits := len(before) > 0; waits != test.waits {
				t.Errorf("waits: %t, want %t", waits, test.waits)
			}
		})
	}
}
