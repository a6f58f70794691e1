package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

// sse is one event of a stream as a browser reads it.
type sse struct{ id, kind, data string }

// client is somebody who follows a stream.
type client struct {
	events <-chan sse
	// done is closed when the server has ended the stream.
	done <-chan struct{}
	stop context.CancelFunc
}

// leave hangs up.
func (c *client) leave() {
	c.stop()
	<-c.done
}

// listen opens a stream, each event of which is held to the document.
func (w *world) listen(t *testing.T, header http.Header, target string) *client {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	call := "GET " + target
	result := w.send(ctx, t, header, call, "") //nolint:bodyclose // the goroutine below closes it
	answer := read(t, call, result)
	w.produced.note(checkDocumented(t, call, answer))
	answer.want(t, http.StatusOK)
	events, ended := make(chan sse, 1000), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(events)
		defer func() { _ = result.Body.Close() }()
		readEvents(result.Body, func(e sse) {
			w.produced.note(checkSSE(t, e))
			events <- e
		})
	}()
	return &client{events: events, done: ended, stop: stop}
}

// readEvents follows the HTML standard's way of reading an event stream, as far
// as it is used here.
func readEvents(from io.Reader, to func(sse)) {
	var now sse
	buffer, rest := make([]byte, 4096), ""
	for {
		n, err := from.Read(buffer)
		rest += string(buffer[:n])
		for {
			line, after, whole := strings.Cut(rest, "\n")
			if !whole {
				break
			}
			rest = after
			name, value, _ := strings.Cut(line, ": ")
			switch name {
			case "id":
				now.id = value
			case "event":
				now.kind = value
			case "data":
				now.data = value
			case "":
				to(now)
				now = sse{id: now.id}
			}
		}
		if err != nil {
			return
		}
	}
}

// kinds lists the kinds of the next n events that have one.
func kinds(events <-chan sse, n int) (all []string, last sse) {
	for len(all) < n {
		e, ok := <-events
		if !ok {
			return append(all, "end"), last
		}
		if e.kind != "" {
			all, last = append(all, e.kind), e
		}
	}
	return all, last
}

func TestStream(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, m *memory, _ func()) {
		reader := w.token(t, w.alice, auth.Read)
		keep(t, m, w.alice.ID, "test:0", "before the stream", "a", 1)
		c := w.listen(t, reader, "/v1/stream")
		<-c.events // the first mark: it stands
		keep(t, m, w.bob.ID, "test:1", "of another", "a", 1)
		keep(t, m, w.alice.ID, "test:2", "hers\nwith a line", "a", 1)
		if got, _ := kinds(c.events, 1); !cmp.Equal(got, []string{"new"}) {
			t.Errorf("got %v, want one new match", got)
		}
		keep(t, m, w.alice.ID, "test:2", "hers, edited", "a", 2)
		time.Sleep(time.Minute)
		forget(t, m, "test:2")
		got, last := kinds(c.events, 2)
		if diff := cmp.Diff([]string{"update", "delete"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		c.leave()

		keep(t, m, w.alice.ID, "test:3", "while away", "a", 1)
		again := reader.Clone()
		again.Set("Last-Event-ID", last.id)
		c = w.listen(t, again, "/v1/stream")
		got, last = kinds(c.events, 1)
		if !cmp.Equal(got, []string{"new"}) || !strings.Contains(last.data, "while away") {
			t.Errorf("got %v %s, want what came while away", got, last.data)
		}
		c.leave()
	})
}

// TestStreamIDs comes back with each id that a stream gave and expects exactly
// what followed it.
func TestStreamIDs(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, m *memory, _ func()) {
		reader := w.token(t, w.alice, auth.Read)
		for _, key := range keys(5) {
			keep(t, m, w.alice.ID, key, key, "a", 1)
		}
		whole := "/v1/stream?after=" + cursorOf(0)
		c := w.listen(t, reader, whole)
		ids := []string{(<-c.events).id}
		for range 5 {
			ids = append(ids, (<-c.events).id)
		}
		c.leave()
		for i, id := range ids {
			header := reader.Clone()
			header.Set("Last-Event-ID", id)
			c := w.listen(t, header, whole)
			<-c.events
			for j := i; j < 5; j++ {
				if got := <-c.events; !strings.Contains(got.data, keys(5)[j]) {
					t.Errorf("after %d: got %s, want %s", i, got.data, keys(5)[j])
				}
			}
			c.leave()
		}
	})
}

func TestStreamFilters(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, m *memory, _ func()) {
		c := w.listen(t, w.token(t, w.alice, auth.Read), "/v1/stream?tag=wanted")
		first := <-c.events
		keep(t, m, w.alice.ID, "test:1", "one", "other", 1)
		marked := <-c.events
		if marked.kind != "" || marked.id == first.id {
			t.Errorf("got %+v, want a mark that has moved on", marked)
		}
		keep(t, m, w.alice.ID, "test:2", "two", "wanted", 1)
		if _, last := kinds(c.events, 1); !strings.Contains(last.data, "two") {
			t.Errorf("got %s, want the wanted one alone", last.data)
		}
		c.leave()
	})
}

func TestStreamIsHeardOf(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, m *memory, _ func()) {
		c := w.listen(t, w.token(t, w.alice, auth.Read), "/v1/stream")
		<-c.events
		if requests, streams := w.api.Traffic(); requests != 1 || streams != 1 {
			t.Errorf("got %d requests and %d streams, want 1 of each", requests, streams)
		}
		for _, down := range []error{nil, errAway} {
			m.setDown(down)
			began := time.Now()
			<-c.events
			if took := time.Since(began); took > heartbeat+2*streamRetry {
				t.Errorf("store %v: got a sign of life after %v, want at most %v", down, took, heartbeat)
			}
		}
		m.setDown(nil)
		keep(t, m, w.alice.ID, "test:1", "hers", "a", 1)
		if got, _ := kinds(c.events, 1); !cmp.Equal(got, []string{"new"}) {
			t.Errorf("got %v after the outage, want one new match", got)
		}
		c.leave()
		synctest.Wait()
		if _, streams := w.api.Traffic(); streams != 0 {
			t.Errorf("got %d streams when the client has left", streams)
		}
	})
}

func TestStreamTellsOfAGap(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, m *memory, _ func()) {
		m.floor = m.number
		old := cursorOf(m.floor - 1)
		c := w.listen(t, w.token(t, w.alice, auth.Read), "/v1/stream?after="+old)
		got, gap := kinds(c.events, 1)
		if !cmp.Equal(got, []string{"gap"}) {
			t.Fatalf("got %v, want a gap", got)
		}
		lost := into[struct {
			After, Next string
			From, To    time.Time
		}](t, []byte(gap.data))
		if lost.After != old || lost.Next != gap.id || lost.To.IsZero() || lost.To.Before(lost.From) {
			t.Errorf("got gap %s with id %s, want its bounds", gap.data, gap.id)
		}
		keep(t, m, w.alice.ID, "test:1", "hers", "a", 1)
		if got, _ := kinds(c.events, 1); !cmp.Equal(got, []string{"new"}) {
			t.Errorf("got %v behind the gap, want one new match", got)
		}
		c.leave()
	})
}

func TestStreamEndsWithTheToken(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, m *memory, _ func()) {
		c := w.listen(t, w.token(t, w.alice, auth.Read), "/v1/stream")
		<-c.events
		revokeAndTime(t, w, m, c)
	})
}

// endless has one more change whenever it is asked.
type endless struct{ *memory }

func (e endless) Matches(_ context.Context, q event.Query) (event.Page, error) {
	time.Sleep(10 * time.Millisecond)
	gone := event.Change{ID: "AAAA", Number: q.After + 1, Kind: event.ChangeDelete}
	return event.Page{Changes: []event.Change{gone}, Next: gone.Number, More: true}, nil
}

// TestBusyStreamEndsWithTheToken has a stream that never waits.
func TestBusyStreamEndsWithTheToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		w := newWorld(t, endless{m}, inMemory)
		c := w.listen(t, w.token(t, w.alice, auth.Read), "/v1/stream?after="+cursorOf(1))
		<-c.events
		go func() {
			for range c.events { // reads until the end
			}
		}()
		revokeAndTime(t, w, m, c)
	})
}

func revokeAndTime(t *testing.T, w *world, m *memory, c *client) {
	t.Helper()
	if err := m.RevokeToken(t.Context(), w.alice.ID, m.tokens[0].ID); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	<-c.done
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("got an end %v after the revocation, want at most 2s", took)
	}
}

func TestStreamEndsWithTheAPI(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, _ *memory, stop func()) {
		c := w.listen(t, w.token(t, w.alice, auth.Read), "/v1/stream")
		<-c.events
		began := time.Now()
		stop()
		<-c.done
		if took := time.Since(began); took != 0 {
			t.Errorf("got an end after %v, want it at once", took)
		}
	})
}

func TestStreamRefuses(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	reader := w.token(t, w.alice, auth.Read)
	w.do(t, reader, "GET /v1/stream?limit=1", "").wantFailure(t, http.StatusBadRequest, "bad_parameter")
	w.do(t, reader, "GET /v1/stream?after=x", "").wantFailure(t, http.StatusBadRequest, "bad_cursor")
	reader.Set("Last-Event-ID", "x")
	w.do(t, reader, "GET /v1/stream", "").wantFailure(t, http.StatusBadRequest, "bad_cursor")
	reader.Del("Last-Event-ID")
	w.do(t, reader, "HEAD /v1/stream", "").want(t, http.StatusOK)
	m.setDown(errAway)
	w.do(t, reader, "GET /v1/stream", "").wantFailure(t, http.StatusServiceUnavailable, "maintenance")
}

// stuck is a client that reads nothing: its writes end at the deadline.
type stuck struct {
	header   http.Header
	deadline atomic.Int64
}

func (s *stuck) Header() http.Header { return s.header }
func (s *stuck) WriteHeader(int)     {}
func (s *stuck) Flush()              {}

func (s *stuck) SetWriteDeadline(t time.Time) error {
	s.deadline.Store(t.UnixNano())
	return nil
}

func (s *stuck) Write(b []byte) (int, error) {
	if strings.HasPrefix(string(b), "retry") {
		return len(b), nil
	}
	time.Sleep(time.Until(time.Unix(0, s.deadline.Load())))
	return 0, os.ErrDeadlineExceeded
}

func TestStreamGivesSlowClientsUp(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, m *memory, _ func()) {
		keep(t, m, w.alice.ID, "test:1", "hers", "a", 1)
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/stream?after="+cursorOf(0), nil)
		r.Header = w.token(t, w.alice, auth.Read)
		began := time.Now()
		w.api.Handler().ServeHTTP(&stuck{header: http.Header{}}, r)
		if took := time.Since(began); took != streamWrite {
			t.Errorf("got rid of a stuck client after %v, want %v", took, streamWrite)
		}
	})
}
