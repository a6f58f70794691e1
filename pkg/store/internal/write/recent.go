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
// the turn. A turn waits for earlier ones only, so none waits for itself.
//
// Errors: that of ctx. The turn is over then.
func (r *recent) enter(ctx context.Context, p *part) (leave func(), err error) {
	turn, before := r.register(p)
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

func (r *recent) register(p *part) (turn int64, before []chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= remembered {
		r.young, r.old = r.old, r.young
		clear(r.young)
	}
	r.turn++
	turn = r.turn
	for i := range p.pieces {
		piece := &p.pieces[i]
		last, written := r.young[piece.id]
		if !written {
			last, written = r.old[piece.id]
		}
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

func (r *recent) leave(turn int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.underWay[turn])
	delete(r.underWay, turn)
}
