package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/retry"
)

const (
	// heartbeat is how long a stream is silent at most: proxies cut what is
	// silent for longer.
	heartbeat = 15 * time.Second
	// streamWrite is how long a client may take to read what it was sent. A
	// slower one is cut off and comes back with Last-Event-ID, missing nothing.
	streamWrite = 10 * time.Second
	// streamPage is how many changes are in memory for one client at most.
	streamPage = 100
	// streamRetry is how long a stream rests when the store is away.
	streamRetry = time.Second
	// reconnectMS tells clients how soon to come back.
	reconnectMS = "2000"
)

var streamParameters = []string{"tag", "rule", "after"}

// stream is one client's SSE connection. It reads pages like any poller, so
// that nothing is queued for a client that is slow.
type stream struct {
	api     *API
	who     *identity
	query   event.Query
	writer  http.ResponseWriter
	control *http.ResponseController
	written time.Time
}

// serveStream serves GET /v1/stream.
func (a *API) serveStream(w http.ResponseWriter, r *http.Request, who *identity) error {
	query, err := streamQuery(r)
	if err != nil {
		return err
	}
	query.User = who.user()
	release, err := who.hold()
	if err != nil {
		return err
	}
	defer release()
	s := &stream{api: a, who: who, query: query, writer: w, control: http.NewResponseController(w)}
	if err := s.begin(r.Context()); err != nil || r.Method == http.MethodHead {
		return err
	}
	ctx, cancel := a.untilStop(r.Context())
	defer cancel()
	a.counters.streaming(1)
	defer a.counters.streaming(-1)
	s.run(ctx)
	return nil
}

// streamQuery reads where the stream is to go on: a browser that reconnects
// sends the id of the last event it saw, which is newer than what stands in the
// address.
func streamQuery(r *http.Request) (event.Query, error) {
	q := matchQuery{Query: event.Query{Limit: streamPage}}
	found, err := parseParams(r.URL.RawQuery, streamParameters...)
	if err != nil {
		return q.Query, err
	}
	for _, name := range streamParameters {
		if value, given := found[name]; given {
			if err := q.set(name, value); err != nil {
				return q.Query, err
			}
		}
	}
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		q.HasAfter = true
		q.After, err = cursorParameter("Last-Event-ID", last)
	}
	return q.Query, err
}

// begin answers with the head of a stream. Without a cursor it starts with what
// comes from now on.
func (s *stream) begin(ctx context.Context) error {
	if !s.query.HasAfter {
		now, err := s.now(ctx)
		if err != nil {
			return err
		}
		s.query.After, s.query.HasAfter = now, true
	}
	header := s.writer.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // nginx would collect events otherwise
	s.writer.WriteHeader(http.StatusOK)
	return nil
}

// now is the number after which everything is new.
func (s *stream) now(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	page, err := s.api.store.Matches(ctx, event.Query{User: s.query.User, Limit: 1})
	return page.Next, err
}

// run sends changes until the client leaves, is too slow, loses its token, or
// the api stops.
func (s *stream) run(ctx context.Context) {
	err := s.send(append([]byte("retry: "+reconnectMS+"\n"), s.mark(nil)...))
	for err == nil && ctx.Err() == nil {
		err = s.step(ctx)
		if retry.IsTransient(err) || errors.Is(err, context.DeadlineExceeded) {
			err = s.rest(ctx)
		}
	}
}

// step sends what there is, or waits for it.
func (s *stream) step(ctx context.Context) error {
	if err := s.api.recheck(ctx, s.who); err != nil {
		return err
	}
	seen, page, err := s.api.readNow(ctx, s.query)
	if errors.Is(err, event.ErrCursorExpired) {
		return s.skip(ctx)
	}
	if err != nil {
		return err
	}
	s.query.After = page.Next
	switch {
	case len(page.Changes) > 0:
		return s.sendChanges(&page)
	case page.More:
		return nil
	}
	return s.await(ctx, seen)
}

// await waits for news, with a sign of life now and then.
func (s *stream) await(ctx context.Context, seen int64) error {
	quiet, cancel := context.WithDeadline(ctx, s.written.Add(heartbeat))
	defer cancel()
	changed, err := s.api.awaitChange(quiet, s.who, seen)
	if err != nil || changed || ctx.Err() != nil {
		return err
	}
	return s.send(s.mark(nil))
}

// rest waits while the store is away; the stream stays, and is heard of.
func (s *stream) rest(ctx context.Context) error {
	if !sleep(ctx, streamRetry) || time.Since(s.written) < heartbeat {
		return nil
	}
	return s.send([]byte(":\n\n"))
}

// skip tells the client which stretch of changes is lost to it, and goes on
// from now.
func (s *stream) skip(ctx context.Context) error {
	now, err := s.now(ctx)
	if err != nil {
		return err
	}
	lost, err := json.Marshal(struct {
		After string `json:"after"`
		Next  string `json:"next"`
		From  stamp  `json:"from"`
		To    stamp  `json:"to"`
	}{cursorOf(s.query.After), cursorOf(now), timeOf(s.query.After), timeOf(now)})
	if err != nil {
		return err
	}
	s.query.After = now
	return s.send(fmt.Appendf(nil, "id: %s\nevent: gap\ndata: %s\n\n", cursorOf(now), lost))
}

func cursorOf(number int64) string { return string(appendCursor(nil, number)) }

// timeOf is about when a change was numbered: numbers are microseconds of the
// store's clock.
func timeOf(number int64) stamp { return stamp(time.UnixMicro(number)) }

// sendChanges sends each change of a page as one event, whose id is the cursor
// behind it.
func (s *stream) sendChanges(page *event.Page) error {
	buffer := takeBuffer()
	defer giveBuffer(buffer)
	b := *buffer
	for i := range page.Changes {
		c := &page.Changes[i]
		b = append(b, "id: "...)
		b = appendCursor(b, c.Number)
		b = append(b, "\nevent: "...)
		b = append(b, c.Kind.String()...)
		b = append(b, "\ndata: "...)
		b = appendMatch(b, c) // JSON of the store has no line breaks
		b = append(b, "\n\n"...)
	}
	*buffer = b
	return s.send(b)
}

// mark is an event of an id alone: browsers note it and tell nobody, so that
// whoever comes back later does not read again what was left out for them.
func (s *stream) mark(b []byte) []byte {
	b = append(b, "id: "...)
	b = appendCursor(b, s.query.After)
	return append(b, "\n\n"...)
}

// send writes and flushes, or gives the client up.
func (s *stream) send(b []byte) error {
	s.written = time.Now()
	// Not every writer has a deadline to set: a recorder in a test has none.
	_ = s.control.SetWriteDeadline(s.written.Add(streamWrite))
	if _, err := s.writer.Write(b); err != nil {
		return err
	}
	return s.control.Flush()
}
