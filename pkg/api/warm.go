package api

import (
	"context"
	"time"

	"riffle/pkg/event"
)

const (
	// warmFor is how long after a poll the newest page of its user is kept ready.
	warmFor = time.Minute
	// warmQueue is how many pages may wait to be read ahead; whose page finds no
	// place there reads it with the next poll.
	warmQueue = 1000
)

// isNewest reports whether a query asks for the newest matches, whose page is
// kept warm.
func isNewest(q *event.Query) bool { return !q.HasAfter && q.Before == 0 && len(q.IDs) == 0 }

// warm reads the newest pages of active users as their changes are announced, so
// that their next poll finds its page ready.
func (a *API) warm(ctx context.Context) {
	for {
		select {
		case q := <-a.versions.cold:
			a.readAhead(ctx, q)
		case <-ctx.Done():
			return
		}
	}
}

// readAhead fails silently: the next poll reads the page itself, and tells.
func (a *API) readAhead(ctx context.Context, q event.Query) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	last, err := a.versions.last(ctx, q.User)
	if err != nil {
		return
	}
	tag := a.pageTag(last, &q, false)
	if _, ok := a.pages.get(tag); ok {
		return
	}
	if page, err := a.readPage(ctx, q, last, false); err == nil {
		a.pages.put(tag, page)
	}
}
