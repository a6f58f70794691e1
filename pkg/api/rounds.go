package api

import (
	"context"
	"sync"
)

// rounds asks for users' last numbers. Whoever asks gets a number that was read
// after the question, never an older one; but all who ask about a user while an
// answer is on its way share the next.
type rounds struct {
	numbers NumberReader

	mu      sync.Mutex
	running map[int64]*round
}

// round is one question to the store.
type round struct {
	done chan struct{} // closed when last and err are set
	last int64
	err  error
	next *round // of those who came while this one was asked
}

func newRounds(numbers NumberReader) *rounds {
	return &rounds{numbers: numbers, running: map[int64]*round{}}
}

// last gives the number of the user's newest change; 0: none.
func (r *rounds) last(ctx context.Context, user int64) (int64, error) {
	mine, before, first := r.join(user)
	if first {
		if before != nil {
			<-before.done // a question has its own deadline
		}
		r.ask(ctx, user, mine)
	}
	select {
	case <-mine.done:
		return mine.last, mine.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// join gives the round that answers a question asked now, the one to be waited
// for, and whether the caller is the first of its round, who asks for all.
func (r *rounds) join(user int64) (mine, before *round, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before = r.running[user]
	switch {
	case before == nil:
		mine = &round{done: make(chan struct{})}
		r.running[user] = mine
		return mine, nil, true
	case before.next == nil:
		before.next = &round{done: make(chan struct{})}
		return before.next, before, true
	}
	return before.next, before, false
}

func (r *rounds) ask(ctx context.Context, user int64, mine *round) {
	// The others wait too: the first one's leaving must not spoil it for them.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	mine.last, mine.err = r.numbers.LastNumber(ctx, user)
	r.mu.Lock()
	defer r.mu.Unlock()
	if mine.next != nil {
		r.running[user] = mine.next
	} else {
		delete(r.running, user)
	}
	close(mine.done)
}
