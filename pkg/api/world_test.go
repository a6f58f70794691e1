package api

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"riffle/pkg/auth"
	"riffle/pkg/pause/pausetest"
)

// world is an api over a store, with two users.
type world struct {
	api        *API
	store      testStore
	neighbours *neighbours
	lever      *pausetest.Lever
	logs       *observer.ObservedLogs
	alice, bob auth.User
	produced   *produced // notes every documented answer; may be nil
}

func newWorld(t *testing.T, store testStore, now func() time.Time) *world {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	w := &world{store: store, neighbours: &neighbours{}, lever: pausetest.NewLever(), logs: logs}
	var err error
	w.api, err = New(Config{
		Store: store, Depths: w.neighbours, Stages: w.neighbours, Switches: w.neighbours, Switch: w.lever, Retrier: w.neighbours,
		Log: zap.New(core), Version: "test", Now: now,
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	w.api.versions.fresh = 0 // a test sees what it has written at once
	for name, user := range map[string]*auth.User{"alice": &w.alice, "bob": &w.bob} {
		if *user, err = store.AddUser(t.Context(), name); err != nil {
			t.Fatalf("AddUser: %v", err)
		}
	}
	return w
}

// memoryWorld is a world without servers.
func memoryWorld(t *testing.T) (*world, *memory) {
	t.Helper()
	m := newMemory(time.Now)
	return newWorld(t, m, time.Now), m
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
	body    string
	Summary json.RawMessage
	Data    json.RawMessage
	Error   *failure
}

// do sends a request straight to the handler.
func (w *world) do(t *testing.T, header http.Header, call, body string) *response {
	t.Helper()
	method, target, _ := strings.Cut(call, " ")
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		r.Header[name] = values
	}
	recorder := httptest.NewRecorder()
	w.api.Handler().ServeHTTP(recorder, r)
	answer := read(t, call, recorder.Result())
	if r.Pattern != "/" && r.Pattern != "" && !strings.HasPrefix(r.Pattern, "GET /page") && r.Pattern != "GET /icon.svg" {
		checkDocumented(t, method, r.Pattern, answer)
		_, path, _ := strings.Cut(strings.TrimSuffix(r.Pattern, "{$}"), " ")
		w.produced.note(strings.Replace(method, "HEAD", "GET", 1) + " " + path + " " + strconv.Itoa(answer.status))
	}
	return answer
}

func read(t *testing.T, call string, result *http.Response) *response {
	t.Helper()
	body, err := io.ReadAll(result.Body)
	if err != nil {
		t.Fatalf("%s: read: %v", call, err)
	}
	answer := &response{status: result.StatusCode, header: result.Header, body: string(body)}
	if call != "GET /openapi.json" && result.StatusCode != http.StatusNotModified && strings.HasPrefix(result.Header.Get("Content-Type"), "application/json") && len(body) > 0 {
		answer.checkEnvelope(t, call)
	}
	return answer
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
