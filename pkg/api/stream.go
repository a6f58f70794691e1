package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
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
	out     outlet
	written time.Time
}

// outlet is where a stream is written to: a connection, or an answer.
type outlet interface {
	io.Writer
	SetWriteDeadline(t time.Time) error
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
	s := &stream{api: a, who: who, query: query}
	if err := s.begin(r.Context(), w); err != nil || r.Method == http.MethodHead {
		release()
		return err
	}
	if conn := taken(w, r); conn != nil {
		s.out = conn
		go s.onConn(context.WithoutCancel(r.Context()), conn, release)
		return nil
	}
	defer release()
	s.out = flushing{ResponseWriter: w, control: http.NewResponseController(w)}
	s.follow(r.Context())
	return nil
}

// taken takes the connection out of the http server's hands, once the head of
// the answer is sent: what the server keeps for a connection is several times
// what a stream needs. It gives nil where that can't be had, as in HTTP/2.
func taken(w http.ResponseWriter, r *http.Request) net.Conn {
	if r.ProtoMajor != 1 {
		return nil
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil
	}
	return conn
}

// flushing is an answer each write to which is sent at once.
type flushing struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Write sends.
func (f flushing) Write(b []byte) (int, error) {
	n, err := f.ResponseWriter.Write(b)
	if err != nil {
		return n, err
	}
	return n, f.control.Flush()
}

// SetWriteDeadline bounds the writes from now on. Not every writer has a deadline
// to set: a recorder in a test has none.
func (f flushing) SetWriteDeadline(t time.Time) error {
	if err := f.control.SetWriteDeadline(t); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// onConn follows on a connection of its own, until that is closed, by either
// side.
func (s *stream) onConn(ctx context.Context, conn net.Conn, release func()) {
	defer release()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	go func() {
		defer cancel()
		_, _ = conn.Read(make([]byte, 1)) // the client has said all that it had to say: this ends when it leaves
	}()
	_ = s.api.guard("/v1/stream", func() { s.follow(ctx) })
}

// follow sends changes until the client leaves or the api stops.
func (s *stream) follow(ctx context.Context) {
	ctx, cancel := s.api.untilStop(ctx)
	defer cancel()
	s.api.counters.streaming(1)
	defer s.api.counters.streaming(-1)
	s.api.streaming.Add(1)
	defer s.api.streaming.Add(-1)
	s.run(ctx)
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
func (s *stream) begin(ctx context.Context, w http.ResponseWriter) error {
	if !s.query.HasAfter {
		now, err := s.now(ctx)
		if err != nil {
			return err
		}
		s.query.After, s.query.HasAfter = now, true
	}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no")       // nginx would collect events otherwise
	header.Set("Transfer-Encoding", "identity") // not in chunks: the end of the connection is that of the answer
	w.WriteHeader(http.StatusOK)
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
	seen, page, err := s.read(ctx)
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

// read reads what there is, with a goroutine of its own: to read takes a deep
// stack, which would stay that of the stream's for as long as that lives.
func (s *stream) read(ctx context.Context) (seen int64, page event.Page, err error) {
	done := make(chan error)
	go func() {
		done <- s.api.guard("/v1/stream", func() { seen, page, err = s.api.readNow(ctx, s.query) })
	}()
	if broken := <-done; broken != nil {
		return 0, page, broken
	}
	return seen, page, err
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

// send writes, or gives the client up.
func (s *stream) send(b []byte) error {
	s.written = time.Now()
	if err := s.out.SetWriteDeadline(s.written.Add(streamWrite)); err != nil {
		return err
	}
	_, err := s.out.Write(b)
	return err
}
