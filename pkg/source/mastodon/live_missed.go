package mastodon

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"riffle/pkg/event"
)

// maxPages bounds what is fetched after an interruption: 40,000 statuses, for
// which a server's usual limit, 300 requests in 5 minutes, takes 17 minutes.
const maxPages = 1000

// fetchMissed fetches what the stream did not tell since the connection before,
// and tells as a gap what the timeline does not give. The stream has begun
// already, so that nothing can fall between the two.
//
// Errors: emit's, or ctx's cause.
func (c *connection) fetchMissed(ctx context.Context) error {
	newest, err := c.newestStatus(ctx)
	if err == nil && !c.position.empty() {
		err = c.fetchSince(ctx, newest)
	}
	var refused *refusedError
	if errors.As(err, &refused) {
		err = nil
		if !c.position.empty() {
			err = c.gap(c.missing, event.TimeOf(c.begun), refused.Error())
		}
	}
	if err == nil {
		c.upToDate(newest)
	}
	return err
}

// refusedError says that the timeline can't be had.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return "the server gives no timeline: " + e.err.Error() }

// ask asks for a page.
//
// Errors: *refusedError; ctx's cause.
func (c *connection) ask(ctx context.Context, limit int, name, id string) ([]missed, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if name != "" {
		query.Set(name, id)
	}
	page, err := c.source.patient(ctx, query)
	if errors.Is(err, event.ErrDenied) {
		err = &refusedError{err}
	}
	return page, err
}

// newestStatus is the newest of the timeline, "0" where there is none.
func (c *connection) newestStatus(ctx context.Context) ([]byte, error) {
	page, err := c.ask(ctx, 1, "", "")
	if err != nil {
		return nil, err
	}
	if len(page) == 0 {
		return []byte("0"), nil
	}
	return page[len(page)-1].id, nil
}

// fetchSince fetches the statuses after the position, up to newest.
func (c *connection) fetchSince(ctx context.Context, newest []byte) error {
	from := c.position.clone()
	if len(from.id) == 0 {
		return c.gap(c.missing, event.TimeOf(c.begun), "nobody knows after which status to ask the server")
	}
	at, reaches := string(from.id), true
	if !c.fresh {
		at = from.rewound()
		var err error
		if reaches, err = c.reaches(ctx, string(from.id)); err != nil {
			return err
		}
	}
	for range maxPages {
		page, err := c.ask(ctx, pageSize, "min_id", at)
		if err != nil {
			return err
		}
		if !reaches {
			reaches = true
			if err := c.gap(c.missing, c.oldest(page), "the server's timeline does not go back so far"); err != nil {
				return err
			}
		}
		if err := c.fetched(page); err != nil {
			return err
		}
		if len(page) == 0 || !later(newest, page[len(page)-1].id) {
			return nil
		}
		at = string(page[len(page)-1].id)
	}
	return c.gap(c.position.at, event.TimeOf(c.begun), fmt.Sprintf("more than %d statuses were missed", maxPages*pageSize))
}

// reaches reports whether the timeline still goes back to a status: many keep
// some hundreds only.
func (c *connection) reaches(ctx context.Context, id string) (bool, error) {
	page, err := c.ask(ctx, 1, "max_id", after(id))
	return len(page) > 0 || id == "0", err
}

// oldest is when what the timeline gives begins.
func (c *connection) oldest(page []missed) event.Time {
	if len(page) == 0 {
		return event.TimeOf(c.begun)
	}
	return page[0].at
}
