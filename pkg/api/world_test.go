package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"riffle/pkg/auth"
	"riffle/pkg/pause/pausetest"
	"riffle/pkg/testenv/pipe"
)

// world is an api over a store, with two users, and a client of its server.
type world struct {
	api        *API
	store      testStore
	neighbours *neighbours
	lever      *pausetest.Lever
	logs       *observer.ObservedLogs
	alice, bob auth.User
	produced   *produced // notes every documented answer; may be nil
	// client starts the server when it is first asked for, so that a test can
	// change the api before.
	client func() *http.Transport
	// stop ends the server as a signal would; the end of the test does too.
	stop context.CancelFunc
}

func newWorld(t *testing.T, store testStore, over network) *world {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	w := &world{store: store, neighbours: &neighbours{}, lever: pausetest.NewLever(), logs: logs}
	var err error
	w.api, err = New(Config{
		Store: store, Depths: w.neighbours, Stages: w.neighbours, Switches: w.neighbours, Switch: w.lever, Retrier: w.neighbours,
		Log: zap.New(core), Version: "test",
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	w.api.versions.fresh = 0 // a test sees what it has written at once
	ctx, stop := context.WithCancel(t.Context())
	w.stop = stop
	w.client = sync.OnceValue(func() *http.Transport { return serve(ctx, t, w.api, over) })
	for name, user := range map[string]*auth.User{"alice": &w.alice, "bob": &w.bob} {
		if *user, err = store.AddUser(t.Context(), name); err != nil {
			t.Fatalf("AddUser: %v", err)
		}
	}
	return w
}

// network is where an api listens, and how a client reaches it.
type network func(t *testing.T) (net.Listener, dialer)

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// serve runs the server of an api until ctx ends, and gives a client of it.
func serve(ctx context.Context, t *testing.T, api *API, over network) *http.Transport {
	t.Helper()
	listener, dial := over(t)
	served := make(chan error, 1)
	go func() { served <- api.Serve(ctx, listener, 5*time.Second) }()
	// An answer is looked at as it was sent.
	client := &http.Transport{DialContext: dial, DisableCompression: true}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return client
}

func overTCP(t *testing.T) (net.Listener, dialer) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener, func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", listener.Addr().String())
	}
}

// inMemory is for tests in virtual time.
func inMemory(*testing.T) (net.Listener, dialer) {
	l := pipe.Listen()
	return l, l.Dial
}

// memoryWorld is a world without servers.
func memoryWorld(t *testing.T) (*world, *memory) {
	t.Helper()
	m := newMemory(time.Now)
	return newWorld(t, m, overTCP), m
}

// token makes a token of a user and gives the header that carries it.
func (w *world) token(t *testing.T, user auth.User, scopes auth.Scopes) http.Header {
	t.Helper()
	secret := auth.NewToken()
	_, err := w.store.AddToken(t.Context(), auth.Token{User: user.ID, Hash: secret.Hash(), Hint: secret.Hint(), Scopes: scopes})
	if err != nil {
		t.Fatalf("AddToken: %v", err)
	}
	return http.Header{"Authorization": {"Bearer " + secret.Reveal()}}
}

// response is an answer with its envelope read.
type response struct {
	status  int
	header  http.Header
	body    string // in no coding
	sent    int    // bytes of the body as it came
	Summary json.RawMessage
	Data    json.RawMessage
	Error   *failure
}

// do asks the server, holds what comes over the connection to the document, and
// reads it; of a stream it reads the head.
func (w *world) do(t *testing.T, header http.Header, call, body string) *response {
	t.Helper()
	answer := w.ask(t, header, call, body)
	w.produced.note(checkDocumented(t, call, answer))
	return answer
}

// ask is do for an answer that is too long for the document.
func (w *world) ask(t *testing.T, header http.Header, call, body string) *response {
	t.Helper()
	result := w.send(t.Context(), t, header, call, body)
	answer := read(t, call, result)
	if err := result.Body.Close(); err != nil {
		t.Errorf("%s: close: %v", call, err)
	}
	return answer
}

// send asks, and gives the answer with its body unread.
func (w *world) send(ctx context.Context, t *testing.T, header http.Header, call, body string) *http.Response {
	t.Helper()
	method, target, _ := strings.Cut(call, " ")
	r, err := http.NewRequestWithContext(ctx, method, "http://example.com"+target, strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", call, err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		r.Header[name] = values
	}
	result, err := w.client().RoundTrip(r)
	if err != nil {
		t.Fatalf("%s: %v", call, err)
	}
	return result
}

func read(t *testing.T, call string, result *http.Response) *response {
	t.Helper()
	answer := &response{status: result.StatusCode, header: result.Header}
	isHead := strings.HasPrefix(call, "HEAD ")
	if isStream(answer) && !isHead {
		if !result.Close || result.TransferEncoding != nil {
			t.Errorf("got a stream in %v, closing: %v, want one that ends with its connection", result.TransferEncoding, result.Close)
		}
		return answer
	}
	body, err := io.ReadAll(result.Body)
	if err != nil {
		t.Fatalf("%s: read: %v", call, err)
	}
	answer.sent = len(body)
	answer.body = unpack(t, result.Header.Get("Content-Encoding"), body)
	checkSent(t, call, result, answer)
	isJSON := strings.HasPrefix(result.Header.Get("Content-Type"), "application/json")
	if isJSON && len(body) > 0 && call != "GET /openapi.json" {
		answer.checkEnvelope(t, call)
	}
	return answer
}

func isStream(answer *response) bool {
	return strings.HasPrefix(answer.header.Get("Content-Type"), "text/event-stream")
}

// safety is what every answer with a body says, so that a browser runs nothing of
// it. The page says more; see TestPage.
var safety = map[string]string{
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Content-Security-Policy":      "default-src 'none';",
}

// checkSent holds what goes over the wire to HTTP: how long a body is, and that
// there is none where none may be.
func checkSent(t *testing.T, call string, result *http.Response, answer *response) {
	t.Helper()
	length, kind := result.Header.Get("Content-Length"), result.Header.Get("Content-Type")
	if result.TransferEncoding != nil {
		t.Errorf("%s: got a body in %v, want its length told", call, result.TransferEncoding)
	}
	switch {
	case answer.status == http.StatusNotModified || answer.status == http.StatusNoContent:
		if length+kind != "" || answer.sent > 0 {
			t.Errorf("%s: got %d with %d bytes, Content-Length %q and type %q, want none", call, answer.status, answer.sent, length, kind)
		}
		return
	case strings.HasPrefix(call, "HEAD "):
		if answer.sent > 0 || (length == "") != isStream(answer) {
			t.Errorf("%s: got %d bytes and Content-Length %q, want a length and no body", call, answer.sent, length)
		}
	case length != strconv.Itoa(answer.sent):
		t.Errorf("%s: got %d bytes, and Content-Length %q", call, answer.sent, length)
	}
	for name, want := range safety {
		if got := result.Header.Get(name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %d with %s %q, want %q", call, answer.status, name, got, want)
		}
	}
}

func unpack(t *testing.T, in string, body []byte) string {
	t.Helper()
	var from io.Reader = bytes.NewReader(body)
	var err error
	switch {
	case len(body) == 0: // of a HEAD
	case in == string(codingGzip):
		from, err = gzip.NewReader(from)
	case in == string(codingZstd):
		var unpacker *zstd.Decoder
		if unpacker, err = zstd.NewReader(from, zstd.WithDecoderConcurrency(1)); err == nil {
			defer unpacker.Close()
			from = unpacker
		}
	case in != "":
		t.Fatalf("got a body in %q", in)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// checkEnvelope holds every JSON body to the one form.
func (r *response) checkEnvelope(t *testing.T, call string) {
	t.Helper()
	var parts map[string]json.RawMessage
	if err := json.Unmarshal([]byte(r.body), &parts); err != nil {
		t.Fatalf("%s: got body %q: %v", call, r.body, err)
	}
	for _, name := range []string{"summary", "data", "error"} {
		if _, ok := parts[name]; !ok {
			t.Errorf("%s: got no %s in %s", call, name, r.body)
		}
	}
	if len(parts) != 3 {
		t.Errorf("%s: got %d parts in the envelope, want 3: %s", call, len(parts), r.body)
	}
	r.Summary, r.Data = parts["summary"], parts["data"]
	if err := json.Unmarshal(parts["error"], &r.Error); err != nil {
		t.Fatalf("%s: read error: %v", call, err)
	}
	if (r.status >= 400) != (r.Error != nil) {
		t.Errorf("%s: got status %d with error %s", call, r.status, parts["error"])
	}
	if r.Error == nil {
		return
	}
	if r.Error.Status != r.status || string(r.Data) != "null" || string(r.Summary) != "{}" || r.Error.Errors == nil {
		t.Errorf("%s: got a failure of the wrong form: %s", call, r.body)
	}
	if r.Error.Code == "" || r.Error.Title == "" || r.Error.Detail == "" {
		t.Errorf("%s: got a failure that does not say what is wrong: %s", call, r.body)
	}
}

// want stops the test unless the answer has this status.
func (r *response) want(t *testing.T, status int) *response {
	t.Helper()
	if r.status != status {
		t.Fatalf("got status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// wantFailure checks status and code of a failure.
func (r *response) wantFailure(t *testing.T, status int, code string) *response {
	t.Helper()
	r.want(t, status)
	if r.Error == nil || r.Error.Code != code {
		t.Fatalf("got error %+v, want code %s", r.Error, code)
	}
	return r
}

// into reads a part of the envelope.
func into[T any](t *testing.T, raw json.RawMessage) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("read %s: %v", raw, err)
	}
	return v
}

// pageSummary is the summary of a page of matches.
type pageSummary struct {
	Count       int     `json:"count"`
	Next        string  `json:"next"`
	Prev        *string `json:"prev"`
	More        bool    `json:"more"`
	PollAfterMS int     `json:"poll_after_ms"`
}

// matchForm is a match as a client reads it.
type matchForm struct {
	ID        string           `json:"id"`
	Change    string           `json:"change"`
	Event     *json.RawMessage `json:"event"`
	Rules     *json.RawMessage `json:"rules"`
	MatchedAt *time.Time       `json:"matched_at"`
}
