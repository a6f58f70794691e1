package sourcetest

import (
	"context"
	"io"
	"log"
	"slices"
	"sync"
)

// quiet is a log for servers that break their connections on purpose.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// Posts is the list of messages that a network's server sends to every stream,
// and of those that were sent. It may be used by many goroutines.
type Posts[T any] struct {
	mu    sync.Mutex
	all   []T
	grown chan struct{} // closed when one is added
	sent  []string
}

// NewPosts makes an empty list.
func NewPosts[T any]() *Posts[T] { return &Posts[T]{grown: make(chan struct{})} }

// Add adds what of makes of the next message's number.
func (p *Posts[T]) Add(of func(i int) T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, of(len(p.all)))
	close(p.grown)
	p.grown = make(chan struct{})
}

// Len is how many messages there are.
func (p *Posts[T]) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

// All lists the messages.
func (p *Posts[T]) All() []T {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}

// Wait returns message i, or a channel that is closed when there are more.
func (p *Posts[T]) Wait(i int) (post T, more <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i < len(p.all) {
		return p.all[i], nil
	}
	return post, p.grown
}

// At waits for message i; false when ctx or stop ends before.
func (p *Posts[T]) At(ctx context.Context, stop <-chan struct{}, i int) (post T, there bool) {
	for {
		post, more := p.Wait(i)
		if more == nil {
			return post, true
		}
		select {
		case <-more:
		case <-stop:
			return post, false
		case <-ctx.Done():
			return post, false
		}
	}
}

// Note notes that the message with this key was written whole to a stream that
// still stood.
func (p *Posts[T]) Note(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, key)
}

// Sent lists the noted keys, in order.
func (p *Posts[T]) Sent() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent)
}
