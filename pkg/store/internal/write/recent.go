package write

import (
	"context"
	"slices"
	"sync"
)

// recent remembers which events this process has written lately, and which it is
// writing now. What follows close upon an event, as its deletion or a second
// source's copy of it, would often meet it in a transaction that is under way,
// and one of the two would have to be decided and sent again.
type recent struct {
	mu sync.Mutex
	// young and old hold the turn that an event was in last. When young is full
	// it becomes old.
	young, old map[[16]byte]int64
	turn       int64
	underWay   map[int64]chan struct{} // closed when the turn is over
}

// remembered is how many events young holds.
const remembered = 1 << 15

func newRecent() *recent {
	return &recent{
		young: make(map[[16]byte]int64), old: make(map[[16]byte]int64),
		underWay: make(map[int64]chan struct{}),
	}
}

// enter waits until no part is under way that holds one of this part's events,
// marks the pieces about events that were written lately, and gives what ends
// the turn. A few pieces that had to be waited for become the first of the next
// part instead, where there is one. A turn waits for earlier ones only, so none
// waits for itself.
//
// Errors: that of ctx. The turn is over then.
func (r *recent) enter(ctx context.Context, p, next *part) (leave func(), err error) {
	turn, before := r.register(p, next)
	leave = func() { r.leave(turn) }
	for _, over := range before {
		select {
		case <-over:
		case <-ctx.Done():
			leave()
			return nil, ctx.Err()
		}
	}
	return leave, nil
}

// register begins a turn and gives the ends of those to wait for.
func (r *recent) register(p, next *part) (turn int64, before []chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= remembered {
		r.young, r.old = r.old, r.young
		clear(r.young)
	}
	if next != nil && !p.single && !next.single {
		r.putOff(p, next)
	}
	r.turn++
	turn = r.turn
	for i := range p.pieces {
		piece := &p.pieces[i]
		last, written := r.last(piece.id)
		r.young[piece.id] = turn
		if !written || last == turn {
			continue
		}
		piece.recent = true
		if over := r.underWay[last]; over != nil && !slices.Contains(before, over) {
			before = append(before, over)
		}
	}
	r.underWay[turn] = make(chan struct{})
	return turn, before
}

// last is the last turn that an event was in.
func (r *recent) last(id [16]byte) (turn int64, written bool) {
	if turn, written = r.young[id]; !written {
		turn, written = r.old[id]
	}
	return turn, written
}

// putOff moves the pieces about events that are under way to the next part,
// unless they are so many that it would become too large.
func (r *recent) putOff(p, next *part) {
	if len(r.underWay) == 0 {
		return
	}
	var off, rest []piece
	for i := range p.pieces {
		last, written := r.last(p.pieces[i].id)
		busy := written && r.underWay[last] != nil
		switch {
		case busy && off == nil:
			rest = append(make([]piece, 0, len(p.pieces)), p.pieces[:i]...)
			fallthrough
		case busy:
			off = append(off, p.pieces[i])
		case off != nil:
			rest = append(rest, p.pieces[i])
		}
	}
	if n := len(off); n > 0 && n <= len(p.pieces)/mostOff {
		p.pieces, next.pieces = rest, append(off, next.pieces...)
	}
}

// mostOff says how many of a part's pieces may be put off: one of so many.
const mostOff = 16

func (r *recent) leave(turn int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.underWay[turn])
	delete(r.underWay, turn)
}
