package storetest

import (
	"context"
	"fmt"
	"sync"

	"riffle/pkg/event"
)

// Feed is what following needs of a store.
type Feed interface {
	Write(ctx context.Context, b *event.Batch) error
	Matches(ctx context.Context, q event.Query) (event.Page, error)
}

// testFollow: a reader who follows next sees every change, once and in order,
// while four filters write.
func testFollow(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	missed, err := Follow(t.Context(), s, w.base)
	if err != nil {
		t.Fatal(err)
	}
	if missed != 0 {
		t.Errorf("the reader missed %d changes", missed)
	}
}

// Follow lets four filters write matches of the user after base, while a reader
// follows them, and counts what the reader missed. It is exported so that a
// dialect can show that a store which numbers in another way fails it.
//
// Errors: a change that came twice or out of order; what the store answers.
func Follow(ctx context.Context, s Feed, base int64) (missed int, err error) {
	const filters, batches, posts = 4, 40, 25
	w := world{prefix: fmt.Sprintf("test:follow.%d.", base), base: base}
	r := reader{feed: s, user: base + 1, seen: make(map[string]bool)}
	if err := r.start(ctx); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var writers sync.WaitGroup
	for f := range filters {
		writers.Go(func() {
			for i := range batches {
				var verdicts []verdict
				for j := range posts {
					verdicts = append(verdicts, verdict{key: fmt.Sprintf("%d.%d.%d", f, i, j), version: 1, users: []int64{1}})
				}
				if err := s.Write(ctx, w.batch(verdicts...)); err != nil {
					cancel(fmt.Errorf("write: %w", err))
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		writers.Wait()
	}()
	if err := r.follow(ctx, done); err != nil {
		return 0, err
	}
	return filters*batches*posts - len(r.seen), context.Cause(ctx)
}

// reader follows a user's changes.
type reader struct {
	feed Feed
	user int64
	at   int64
	last int64 // the number of the newest change seen
	seen map[string]bool
}

func (r *reader) start(ctx context.Context) error {
	page, err := r.feed.Matches(ctx, event.Query{User: r.user, Limit: 1})
	r.at = page.Next
	return err
}

// follow reads until done, and then once more to the end.
func (r *reader) follow(ctx context.Context, done <-chan struct{}) error {
	for finished := false; ; {
		page, err := r.feed.Matches(ctx, event.Query{User: r.user, HasAfter: true, After: r.at, Limit: 50})
		if err != nil {
			return err
		}
		for _, c := range page.Changes {
			if r.seen[c.ID] || c.Number <= r.last {
				return fmt.Errorf("change %d of match %s came after %d", c.Number, c.ID, r.last)
			}
			r.seen[c.ID], r.last = true, c.Number
		}
		r.at = page.Next
		if err := r.checkNewest(ctx); err != nil {
			return err
		}
		if page.More {
			continue
		}
		if finished {
			return nil
		}
		select {
		case <-done:
			finished = true
		default:
		}
	}
}

// checkNewest makes sure that who goes on from a page of the newest matches is
// not told of these again.
func (r *reader) checkNewest(ctx context.Context) error {
	page, err := r.feed.Matches(ctx, event.Query{User: r.user, Limit: 10})
	if err != nil {
		return err
	}
	for _, c := range page.Changes {
		if c.Number > page.Next {
			return fmt.Errorf("change %d is on a page that goes on at %d", c.Number, page.Next)
		}
	}
	return nil
}
