package api

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"riffle/pkg/auth"
	"riffle/pkg/event"
	"riffle/pkg/pause"
	"riffle/pkg/rule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testUnknownPaths asks for what is not there.
func testUnknownPaths(t *testing.T, w *world, _ *memory) {
	owner := w.token(t, w.alice, auth.Read)
	for call, allow := range map[string]string{
		"GET /v1":           "",
		"GET /v1/":          "",
		"GET /v1/match":     "",
		"GET /v1/rules/1/x": "",
		"GET /v2/matches":   "",
		"GET /favicon.ico":  "",
		"POST /v1/matches":  "GET, HEAD, OPTIONS",
		"DELETE /v1/rules":  "GET, HEAD, POST, OPTIONS",
		"PATCH /v1/rules/1": "GET, HEAD, PUT, DELETE, OPTIONS",
		"POST /livez":       "GET, HEAD, OPTIONS",
		"PUT /":             "GET, HEAD, OPTIONS",
		"GET /v1/session":   "POST, DELETE, OPTIONS",
		"BREW /v1/users":    "GET, HEAD, POST, OPTIONS",
	} {
		answer := w.do(t, owner, call, "")
		if got := answer.header.Get("Allow"); got != allow {
			t.Errorf("%s: got Allow %q, want %q", call, got, allow)
		}
		if allow == "" {
			answer.wantFailure(t, http.StatusNotFound, "not_found")
		} else {
			answer.wantFailure(t, http.StatusMethodNotAllowed, "method_not_allowed")
		}
	}
}

func TestUnknownParameters(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	all := w.token(t, w.alice, auth.Read|auth.Write|auth.Admin)
	feed := strings.TrimPrefix(w.token(t, w.alice, auth.Feed).Get("Authorization"), "Bearer ")
	for _, rt := range w.api.table() {
		method, path, _ := strings.Cut(rt.pattern, " ")
		if method == http.MethodGet {
			call := "GET " + strings.NewReplacer("{id}", "1", "{token}", feed).Replace(path) + "?bogus=1"
			w.do(t, all, call, "").wantFailure(t, http.StatusBadRequest, "bad_parameter")
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	good := w.token(t, w.alice, auth.Read).Get("Authorization")
	expired := auth.NewToken()
	_, err := w.store.AddToken(t.Context(), auth.Token{User: w.alice.ID, Hash: expired.Hash(), Scopes: auth.Read, ExpiresAt: time.Now().Add(-time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	session := auth.NewSession().Reveal()
	for name, test := range map[string]struct {
		header http.Header
		status int
	}{
		"good":              {http.Header{"Authorization": {good}}, http.StatusOK},
		"lower-case scheme": {http.Header{"Authorization": {"bearer" + good[6:]}}, http.StatusOK},
		"none":              {nil, http.StatusUnauthorized},
		"empty":             {http.Header{"Authorization": {"Bearer "}}, http.StatusUnauthorized},
		"another scheme":    {http.Header{"Authorization": {"Basic YTpi"}}, http.StatusUnauthorized},
		"no scheme":         {http.Header{"Authorization": {good[7:]}}, http.StatusUnauthorized},
		"mistyped":          {http.Header{"Authorization": {good[:len(good)-1] + "!"}}, http.StatusUnauthorized},
		"unknown":           {http.Header{"Authorization": {"Bearer " + auth.NewToken().Reveal()}}, http.StatusUnauthorized},
		"expired":           {http.Header{"Authorization": {"Bearer " + expired.Reveal()}}, http.StatusUnauthorized},
		"in the cookie":     {http.Header{"Cookie": {"riffle_session=" + good[7:]}}, http.StatusOK},
		"damaged cookie":    {http.Header{"Cookie": {"riffle_session=" + good[8:]}}, http.StatusUnauthorized},
		"unknown session":   {http.Header{"Cookie": {"riffle_session=" + session}}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := w.do(t, test.header, "GET /v1/me", "").want(t, test.status)
			if test.status == http.StatusUnauthorized && !strings.HasPrefix(answer.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("got WWW-Authenticate %q", answer.header.Get("WWW-Authenticate"))
			}
		})
	}
}

// TestNoSecretInLog uses every way to send a secret and then looks for it.
func TestNoSecretInLog(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	header := w.token(t, w.alice, auth.Read|auth.Write)
	secret := strings.TrimPrefix(header.Get("Authorization"), "Bearer ")
	code := w.login(t, w.alice, auth.Read, time.Now().Add(time.Minute))
	w.do(t, header, "GET /v1/me", "")
	w.do(t, header, "GET /v1/matches?token="+secret, "")
	w.do(t, header, "GET /v1/"+secret, "")
	w.do(t, nil, "POST /v1/session", code)
	m.setDown(errors.New("broken"))
	w.do(t, header, "GET /v1/matches", "").wantFailure(t, http.StatusInternalServerError, "internal")
	if got := w.logs.FilterMessage("request failed").FilterField(zap.String("call", "GET /v1/matches")).Len(); got != 1 {
		t.Errorf("got %d lines about the failure, want 1", got)
	}
	if got := w.logs.FilterMessage("request").Len(); got != 5 {
		t.Errorf("got %d lines for 5 requests", got)
	}
	for _, line := range w.logs.All() {
		encoded, err := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()).EncodeEntry(line.Entry, line.Context)
		if err != nil {
			t.Fatal(err)
		}
		text := encoded.String()
		for _, hidden := range []string{secret, secret[8:], code[9:40]} {
			if strings.Contains(text, hidden) {
				t.Errorf("got a secret in the log: %s", text)
			}
		}
	}
}

func TestStoreAway(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	all := w.token(t, w.alice, auth.Read|auth.Write|auth.Admin)
	feed := strings.TrimPrefix(w.token(t, w.alice, auth.Feed).Get("Authorization"), "Bearer ")
	w.do(t, all, "GET /v1/status", "").want(t, http.StatusOK)
	m.setDown(errAway)
	w.api.tokens.now = func() time.Time { return time.Now().Add(2 * tokenFresh) }
	for _, rt := range w.api.table() {
		method, path, _ := strings.Cut(rt.pattern, " ")
		call := method + " " + strings.NewReplacer("{id}", "1", "{token}", feed).Replace(path)
		body := map[string]string{
			"POST /v1/rules": `{"value":"a"}`, "PUT /v1/rules/1": `{"value":"a"}`, "POST /v1/tokens": `{}`, "POST /v1/users": `{"name":"x"}`, "POST /v1/rules/preview": `{"value":"a"}`,
			"POST /v1/session": loginBody(t),
		}[call]
		if rt.offline || call == "POST /v1/rules/validate" || call == "DELETE /v1/session" {
			continue
		}
		answer := w.do(t, all, call, body).wantFailure(t, http.StatusServiceUnavailable, "maintenance")
		if answer.header.Get("Retry-After") == "" || strings.Contains(answer.body, "10.0.0.1") {
			t.Errorf("%s: got Retry-After %q and %s", call, answer.header.Get("Retry-After"), answer.body)
		}
	}
	status := w.do(t, all, "GET /v1/status", "").want(t, http.StatusOK)
	if got := into[statusAnswer](t, status.Data); got.Store.Reachable || !got.Buffer.Reachable {
		t.Errorf("got %s, want the store away and the buffer there", status.Data)
	}
	stranger := http.Header{"Authorization": {"Bearer " + auth.NewToken().Reveal()}}
	refused := w.do(t, stranger, "GET /v1/status", "").wantFailure(t, http.StatusServiceUnavailable, "maintenance")
	if !strings.Contains(refused.body, "riffle resume") {
		t.Errorf("got %s, want what works without the token named", refused.body)
	}
	m.setDown(nil)
	w.do(t, all, "GET /v1/matches", "").want(t, http.StatusOK)
}

// TestStoreAwayForLong holds that status and resume are served for as long as the
// store is away, to those who were good when it went, and to nobody else.
func TestStoreAwayForLong(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	var ahead atomic.Int64
	w.api.tokens.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	// after has the loop of watch look at the end of each of these times.
	after := func(times ...time.Duration) {
		for _, d := range times {
			ahead.Add(int64(d))
			w.api.tokens.lookAgain(t.Context())
		}
	}
	idOf := func(header http.Header) int64 {
		id := into[struct {
			Token struct {
				ID int64 `json:",string"`
			}
		}](t, w.do(t, header, "GET /v1/me", "").want(t, http.StatusOK).Data).Token.ID
		return id
	}
	idle := w.token(t, w.alice, auth.Admin)
	idOf(idle)
	after(adminIdle, 2*touchEvery)
	good, revoked, ending := w.token(t, w.alice, auth.Admin), w.token(t, w.alice, auth.Admin), w.token(t, w.alice, auth.Admin)
	reader, unseen := w.token(t, w.alice, auth.Read), w.token(t, w.alice, auth.Admin)
	elsewhere := idOf(revoked)
	for _, header := range []http.Header{good, reader, ending} {
		idOf(header)
	}
	// As another process would do it: nobody tells this one.
	if err := m.RevokeToken(t.Context(), w.alice.ID, elsewhere); err != nil {
		t.Fatal(err)
	}
	m.setExpiry(idOf(ending), time.Now().Add(time.Duration(ahead.Load())+48*time.Hour))
	after(2*tokenFresh, 2*tokenFresh)
	m.setDown(errAway)
	after(2*tokenFresh, 24*time.Hour)
	w.do(t, ending, "GET /v1/status", "").want(t, http.StatusOK)
	after(48 * time.Hour)
	w.do(t, good, "GET /v1/status", "").want(t, http.StatusOK)
	w.do(t, good, "POST /v1/stages/api/resume", "").want(t, http.StatusOK)
	w.do(t, good, "GET /v1/rules", "").wantFailure(t, http.StatusServiceUnavailable, "maintenance")
	for name, header := range map[string]http.Header{"idle": idle, "unseen": unseen, "reader": reader} {
		if got := w.do(t, header, "GET /v1/status", ""); got.status != http.StatusServiceUnavailable {
			t.Errorf("%s: got status %d, want 503: nobody knows whether it was good", name, got.status)
		}
	}
	for name, header := range map[string]http.Header{"revoked": revoked, "ending": ending} {
		if got := w.do(t, header, "GET /v1/status", ""); got.status == http.StatusOK {
			t.Errorf("%s: got status %d, want it refused", name, got.status)
		}
	}
	m.setDown(nil)
	w.do(t, idle, "GET /v1/status", "").want(t, http.StatusOK)
}

// TestAdminsAreWatched holds that Run notices a revocation of another process in
// the seconds before the store goes away, though nobody asks.
func TestAdminsAreWatched(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, m *memory, _ func()) {
		good, revoked := w.token(t, w.alice, auth.Admin), w.token(t, w.alice, auth.Admin)
		w.do(t, good, "GET /v1/status", "").want(t, http.StatusOK)
		me := w.do(t, revoked, "GET /v1/me", "").want(t, http.StatusOK)
		id := into[struct {
			Token struct {
				ID int64 `json:",string"`
			}
		}](t, me.Data).Token.ID
		if err := m.RevokeToken(t.Context(), w.alice.ID, id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * tokenFresh)
		m.setDown(errAway)
		time.Sleep(24 * time.Hour)
		w.do(t, good, "GET /v1/status", "").want(t, http.StatusOK)
		w.do(t, revoked, "GET /v1/status", "").wantFailure(t, http.StatusServiceUnavailable, "maintenance")
		m.setDown(nil)
	})
}

func loginBody(t *testing.T) string {
	t.Helper()
	code, err := auth.NewLogin(auth.Read)
	if err != nil {
		t.Fatal(err)
	}
	return `{"code":"` + code.Reveal() + `"}`
}

type statusAnswer struct {
	Version string
	Store   struct{ Reachable bool }
	Buffer  struct {
		Reachable bool
		Events    int64
		LagMS     int64 `json:"lag_ms"`
		Sources   []struct{ Source string }
	}
	Stages []struct {
		Stage, Name, State string
		Notices            []struct{ Text string }
	}
	Switches []struct {
		Paused bool
		Reason string
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	admin := w.token(t, w.alice, auth.Admin)
	w.neighbours.depths = []event.Depth{
		{Source: "a", Events: 3, Oldest: event.TimeOf(time.Now().Add(-time.Minute))}, {Source: "b", Events: 4},
	}
	w.neighbours.stages = []Stage{{Stage: "ingest", Name: "a", State: "paused", Notices: []Notice{{Kind: "gap", Text: "line down"}}}}
	w.neighbours.switches = []pause.Switch{{Stage: "filter", Paused: true, Who: "ann", Reason: "disk"}}
	answer := w.do(t, admin, "GET /v1/status", "").want(t, http.StatusOK)
	got := into[statusAnswer](t, answer.Data)
	if got.Version != "test" || !got.Store.Reachable || !got.Buffer.Reachable || got.Buffer.Events != 7 || len(got.Buffer.Sources) != 2 {
		t.Errorf("got %s", answer.Data)
	}
	if got.Buffer.LagMS < 60_000 || got.Buffer.LagMS > 90_000 {
		t.Errorf("got lag %d ms, want a minute", got.Buffer.LagMS)
	}
	if len(got.Stages) != 1 || got.Stages[0].State != "paused" || len(got.Stages[0].Notices) != 1 || got.Stages[0].Notices[0].Text != "line down" {
		t.Errorf("got stages %+v", got.Stages)
	}
	if len(got.Switches) != 1 || !got.Switches[0].Paused || got.Switches[0].Reason != "disk" {
		t.Errorf("got switches %+v", got.Switches)
	}
	w.neighbours.err = errAway
	answer = w.do(t, admin, "GET /v1/status", "").want(t, http.StatusOK)
	if got := into[statusAnswer](t, answer.Data); got.Buffer.Reachable || !got.Store.Reachable {
		t.Errorf("got %s, want the buffer away and the store there", answer.Data)
	}
}

// TestLagOfASpool: what waits on the disk of an ingest is part of its source's lag.
func TestLagOfASpool(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_800_000_000_000).UTC()
	ago := func(d time.Duration) event.Time { return event.TimeOf(now.Add(-d)) }
	spooled := func(state, host string, started time.Time, oldest event.Time) Stage {
		return Stage{Stage: "ingest", Name: "a", State: state, Host: host, StartedAt: started, Spool: event.Depth{Events: 1, Oldest: oldest}}
	}
	for name, tt := range map[string]struct {
		buffer event.Time
		stages []Stage
		want   time.Duration
	}{
		"nothing":                    {0, []Stage{spooled("reading", "h", now, 0)}, 0},
		"in the buffer":              {ago(time.Minute), []Stage{spooled("reading", "h", now, 0)}, time.Minute},
		"in the spool":               {0, []Stage{spooled("spooling", "h", now, ago(time.Hour))}, time.Hour},
		"in both":                    {ago(time.Minute), []Stage{spooled("spooling", "h", now, ago(time.Hour))}, time.Hour},
		"in the buffer for longer":   {ago(time.Hour), []Stage{spooled("spooling", "h", now, ago(time.Minute))}, time.Hour},
		"of an ingest that is gone":  {0, []Stage{spooled("stopped", "h", now, ago(time.Hour))}, time.Hour},
		"of one with a successor":    {0, []Stage{spooled("stopped", "h", now, ago(time.Hour)), spooled("reading", "h", now.Add(1), 0)}, 0},
		"of one succeeded elsewhere": {0, []Stage{spooled("silent", "h", now, ago(time.Hour)), spooled("reading", "i", now.Add(1), 0)}, time.Hour},
		"of another source":          {0, []Stage{{Stage: "ingest", Name: "b", Spool: event.Depth{Oldest: ago(time.Hour)}}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &neighbours{depths: []event.Depth{{Source: "a", Oldest: tt.buffer}}, stages: tt.stages}
			store := newMemory(time.Now)
			view := View{Store: store, DeadLetters: store, Depths: n, Stages: n, Switches: n, Now: func() time.Time { return now }}
			s := view.Look(t.Context())
			if got, want := s.Buffer.Sources[0].LagMS, tt.want.Milliseconds(); got != want || s.Buffer.LagMS != want {
				t.Errorf("got a lag of %d ms, of all %d ms, want %d ms", got, s.Buffer.LagMS, want)
			}
			if got, want := time.Time(s.Stages[0].Spool.Oldest), tt.stages[0].Spool.Oldest.Std(); !got.Equal(want) {
				t.Errorf("got an oldest of %s in the spool, want %s", got, want)
			}
		})
	}
}

// broken panics where a handler asks for rules.
type broken struct{ *memory }

func (broken) Rules(context.Context, int64) ([]rule.Rule, error) { panic("a bug") }

func TestPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, broken{newMemory(time.Now)}, overTCP)
	answer := w.do(t, w.token(t, w.alice, auth.Read), "GET /v1/rules", "").wantFailure(t, http.StatusInternalServerError, "internal")
	lines := w.logs.FilterMessage("panic in a request").All()
	if len(lines) != 1 {
		t.Fatalf("got %d lines about a panic, want 1", len(lines))
	}
	fields := lines[0].ContextMap()
	if fields["request_id"] != answer.header.Get("X-Request-Id") || fields["request_id"] == "" {
		t.Errorf("got request_id %v, want that of the answer", fields["request_id"])
	}
	if stack, _ := fields["stack"].(string); !strings.Contains(stack, "broken.Rules") {
		t.Errorf("got stack %v, want where it happened", fields["stack"])
	}
	if strings.Contains(answer.body, "a bug") {
		t.Errorf("got our internals: %s", answer.body)
	}
}

func TestCounters(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	api, err := New(Config{Store: newMemory(time.Now), Depths: &neighbours{}, Stages: &neighbours{}, Log: zap.NewNop(), Registerer: registry})
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/v1/rules/1", "/v1/rules/2", "/v1/x"} {
		api.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", target, nil))
	}
	want := `
# HELP riffle_api_requests_total Requests by route and status. Many 503: see riffle_api_store_away. Many 401: a client uses a revoked token. Many 500: see the log.
# TYPE riffle_api_requests_total counter
riffle_api_requests_total{route="/v1/rules/{id}",status="401"} 2
riffle_api_requests_total{route="other",status="404"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "riffle_api_requests_total"); err != nil {
		t.Error(err)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		w := newWorld(t, m, inMemory)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.api.Run(ctx) }()
		ready := func(status int, line string) {
			t.Helper()
			time.Sleep(2 * pingEvery)
			if got := w.do(t, nil, "GET /readyz", "").want(t, status); got.body != line+"\n" {
				t.Errorf("got %q, want %q", got.body, line)
			}
		}
		ready(http.StatusOK, "ok")
		m.setDown(errAway)
		ready(http.StatusOK, "store away")
		w.do(t, nil, "GET /livez", "").want(t, http.StatusOK)
		m.setDown(nil)
		ready(http.StatusOK, "ok")
		if got := w.logs.FilterMessage("store away").Len() + w.logs.FilterMessage("store back").Len(); got != 2 {
			t.Errorf("got %d lines about one outage, want 2", got)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		ready(http.StatusServiceUnavailable, "stopping")
	})
}

func TestTokenCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		w := newWorld(t, m, inMemory)
		header := w.token(t, w.alice, auth.Read)
		for range 100 {
			w.do(t, header, "GET /v1/me", "").want(t, http.StatusOK)
		}
		if m.lookups != 1 {
			t.Errorf("got %d lookups for 100 requests at once, want 1", m.lookups)
		}
		if err := m.RevokeToken(t.Context(), w.alice.ID, m.tokens[0].ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		w.do(t, header, "GET /v1/me", "").wantFailure(t, http.StatusUnauthorized, "unauthorized")
	})
}

func TestTokenCacheIsBounded(t *testing.T) {
	t.Parallel()
	cache := newTokenCache(newMemory(time.Now), nil, time.Now, zap.NewNop())
	for i := range uint64(tokenEntries + 10) {
		var hash [32]byte
		binary.LittleEndian.PutUint64(hash[:], i)
		cache.entry(hash)
	}
	if got := len(cache.entries); got > tokenEntries {
		t.Errorf("got %d entries, want at most %d", got, tokenEntries)
	}
}

func TestLastUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		w := newWorld(t, m, inMemory)
		header := w.token(t, w.alice, auth.Read)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.api.Run(ctx) }()
		began := time.Now()
		for range 30 {
			w.do(t, header, "GET /v1/me", "").want(t, http.StatusOK)
			time.Sleep(time.Second)
		}
		m.mu.Lock()
		if got := m.tokens[0].LastUsedAt; !got.Equal(began) {
			t.Errorf("got last use %v, want %v: the first of the minute", got, began)
		}
		m.mu.Unlock()
		time.Sleep(time.Minute)
		w.do(t, header, "GET /v1/me", "").want(t, http.StatusOK)
		used := time.Now()
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if got := m.tokens[0].LastUsedAt; !got.Equal(used) {
			t.Errorf("got last use %v, want %v, written at the stop", got, used)
		}
	})
}

// waiting is a world in virtual time, with its background parts running.
func waiting(t *testing.T, test func(t *testing.T, w *world, m *memory, stop func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		w := newWorld(t, m, inMemory)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.api.Run(ctx) }()
		test(t, w, m, cancel)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestWaitEndsWithNews(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, m *memory, _ func()) {
		reader := w.token(t, w.alice, auth.Read)
		next := into[pageSummary](t, w.do(t, reader, "GET /v1/matches", "").Summary).Next
		began := time.Now()
		time.AfterFunc(10*time.Second, func() {
			keep(t, m, w.bob.ID, "test:1", "of another", "a", 1)
		})
		time.AfterFunc(20*time.Second, func() { keep(t, m, w.alice.ID, "test:2", "hers", "a", 1) })
		page := w.do(t, reader, "GET /v1/matches?wait=25s&after="+next, "").want(t, http.StatusOK)
		if got := into[[]matchForm](t, page.Data); len(got) != 1 || got[0].Change != "new" {
			t.Errorf("got %s, want one new match", page.Data)
		}
		if took := time.Since(began); took < 20*time.Second || took > 20*time.Second+2*newsEvery {
			t.Errorf("got an answer after %v, want 20s and at most %v", took, 2*newsEvery)
		}
		if page.header.Get("ETag") != "" {
			t.Errorf("got ETag %q, want none with wait", page.header.Get("ETag"))
		}
	})
}

func TestWaitSkipsWhatIsFilteredOut(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, m *memory, _ func()) {
		reader := w.token(t, w.alice, auth.Read)
		next := cursorOf(m.number)
		time.AfterFunc(1*time.Second, func() { keep(t, m, w.alice.ID, "test:1", "text", "other", 1) })
		time.AfterFunc(2*time.Second, func() { keep(t, m, w.alice.ID, "test:2", "text", "wanted", 1) })
		page := w.do(t, reader, "GET /v1/matches?tag=wanted&wait=25s&after="+next, "").want(t, http.StatusOK)
		if got := into[[]matchForm](t, page.Data); len(got) != 1 || keyOf(t, got[0]) != "test:2" {
			t.Errorf("got %s, want test:2 alone", page.Data)
		}
		if from, _ := parseCursor(next); m.asked.After <= from {
			t.Errorf("got a last question from %d on, want what was left out not looked at again", m.asked.After)
		}
	})
}

func TestWaitRunsOut(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, _ *memory, _ func()) {
		reader := w.token(t, w.alice, auth.Read)
		began := time.Now()
		page := w.do(t, reader, "GET /v1/matches?wait=25s", "").want(t, http.StatusOK)
		if string(page.Data) != "[]" || into[pageSummary](t, page.Summary).Next == "" {
			t.Errorf("got %s, want an empty page with a cursor", page.body)
		}
		if took := time.Since(began); took != 25*time.Second {
			t.Errorf("got an answer after %v, want 25s", took)
		}
	})
}

func TestWaitEndsWithTheAPI(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, _ *memory, stop func()) {
		reader := w.token(t, w.alice, auth.Read)
		began := time.Now()
		time.AfterFunc(5*time.Second, stop)
		w.do(t, reader, "GET /v1/matches?wait=25s", "").want(t, http.StatusOK)
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("got an answer after %v, want 5s", took)
		}
	})
}

func TestWaitEndsWithTheToken(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, m *memory, _ func()) {
		reader := w.token(t, w.alice, auth.Read)
		id := m.tokens[0].ID
		began := time.Now()
		time.AfterFunc(5*time.Second, func() {
			if err := m.RevokeToken(t.Context(), w.alice.ID, id); err != nil {
				t.Error(err)
			}
		})
		w.do(t, reader, "GET /v1/matches?wait=25s", "").wantFailure(t, http.StatusUnauthorized, "unauthorized")
		if took := time.Since(began); took > 7*time.Second {
			t.Errorf("got an answer %v after the start, want it within 2 s of the revocation", took)
		}
	})
}

func TestWaitEndsWithTheClient(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, _ *memory, _ func()) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/matches?wait=25s", nil)
		r.Header = w.token(t, w.alice, auth.Read)
		ctx, leave := context.WithCancel(t.Context())
		began := time.Now()
		time.AfterFunc(3*time.Second, leave)
		w.api.Handler().ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("got an end after %v, want 3s", took)
		}
	})
}

func TestExpiredCursor(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	m.floor = m.number
	reader := w.token(t, w.alice, auth.Read)
	w.do(t, reader, "GET /v1/matches?after="+cursorOf(m.floor-1), "").wantFailure(t, http.StatusGone, "cursor_expired")
	w.do(t, reader, "GET /v1/matches?after="+cursorOf(m.floor), "").want(t, http.StatusOK)
}

// TestRulesTag: a list of rules has another tag once it says something else.
func TestRulesTag(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	reader := w.token(t, w.alice, auth.Read|auth.Write)
	w.do(t, reader, "POST /v1/rules", `{"value":"cat OR"}`).want(t, http.StatusUnprocessableEntity)
	w.do(t, reader, "POST /v1/rules", `{"value":"cat or dog"}`).want(t, http.StatusCreated)
	seen := map[string]string{}
	id := m.rules[0].ID
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"as it was", func() {}},
		{"matches", func() { m.numbers = map[int64]rule.Numbers{id: {Day: 1}} }},
		{"matches an hour", func() { m.numbers = map[int64]rule.Numbers{id: {Hour: 1}} }},
		{"a last match", func() { m.numbers = map[int64]rule.Numbers{id: {Last: time.Now()}} }},
		{"off", func() { m.flood(id) }},
		{"another", func() { w.do(t, reader, "POST /v1/rules", `{"value":"bird"}`).want(t, http.StatusCreated) }},
	} {
		step.do()
		var answer *response
		for range 2 { // the second time what was warned is remembered
			answer = w.do(t, reader, "GET /v1/rules", "").want(t, http.StatusOK)
			if got := into[[]ruleAnswer](t, answer.Data)[0].Warnings; len(got) != 1 {
				t.Errorf("%s: got warnings %v, want one", step.name, got)
			}
		}
		tag := answer.header.Get("ETag")
		if before, ok := seen[tag]; ok {
			t.Errorf("%s: got the tag of %s", step.name, before)
		}
		seen[tag] = step.name
	}
}

// TestWarningsAreBounded: what is remembered of rules does not grow for ever, and
// what is asked for stays.
func TestWarningsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWarnings()
	known := func(value string) bool {
		key := maphash.String(w.seed, value)
		_, young := w.young[key]
		_, old := w.old[key]
		return young || old
	}
	ask := func(values ...string) {
		t.Helper()
		for _, value := range values {
			want := strings.Count(value, " or ")
			if got := w.of(value); len(got) != want {
				t.Errorf("%s: got warnings %v, want %d", value, got, want)
			}
		}
	}
	ask("cat or dog", "forgotten")
	w.size = warnedRules // as if there were so many
	ask("bird", "cat or dog")
	w.size = warnedRules
	ask("fish")
	if known("forgotten") || known("bird") || !known("cat or dog") || !known("fish") {
		t.Errorf("got %d and %d rules remembered, want those that were asked for last", len(w.young), len(w.old))
	}
}

// TestLoosePaths asks for what net/http would redirect in its own words.
func TestLoosePaths(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	reader := w.token(t, w.alice, auth.Read)
	for _, path := range []string{"/v1//matches", "//", "//v1/matches", "/v1/matches//", "/v1/./matches", "/v1/rules/../matches", "/v1/matches/..", "/."} {
		w.do(t, reader, "GET "+path, "").wantFailure(t, http.StatusNotFound, "not_found")
	}
	for path, want := range map[string]int{"/": http.StatusOK, "/v1/matches": http.StatusOK, "/v1/stages/ingest%2F%2Fx/pause": http.StatusMethodNotAllowed, "/.well-known": http.StatusNotFound} {
		w.do(t, reader, "GET "+path, "").want(t, want)
	}
}

// TestServe stops the server in the middle of a wait.
func TestServe(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.api.Run(ctx) }()
	reader := w.token(t, w.alice, auth.Read)
	answered := make(chan *response, 1)
	go func() {
		defer close(answered)
		answered <- w.do(t, reader, "GET /v1/matches?wait=60s", "")
	}()
	for w.api.news.users() == nil || len(w.api.news.users()) == 0 {
		if !sleep(t.Context(), time.Millisecond) {
			t.Fatal("nobody waits")
		}
	}
	w.stop()
	for { // it takes nobody any more, and lets who is in hand wait on
		conn, err := w.client().DialContext(t.Context(), "tcp", "")
		if err != nil {
			break
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if answer, ok := <-answered; ok {
		answer.want(t, http.StatusOK)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run: got %v at the stop", err)
	}
}

// TestCursorMovesOn polls for a user without news while others have some.
func TestCursorMovesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		w := newWorld(t, m, inMemory)
		reader := w.token(t, w.alice, auth.Read)
		first := into[pageSummary](t, w.do(t, reader, "GET /v1/matches", "").Summary).Next
		poll := func() string {
			return into[pageSummary](t, w.do(t, reader, "GET /v1/matches?tag=wanted&after="+first, "").want(t, http.StatusOK).Summary).Next
		}
		keep(t, m, w.bob.ID, "test:1", "of another", "a", 1)
		if got := poll(); got != first {
			t.Errorf("got next %q within the hour, want %q", got, first)
		}
		time.Sleep(2 * steady)
		keep(t, m, w.bob.ID, "test:2", "of another", "a", 1)
		if got := poll(); got == first {
			t.Error("got the same next after two hours, want it moved on")
		}
		w = newWorld(t, newMemory(time.Now), inMemory)
		reader = w.token(t, w.alice, auth.Read)
		first = into[pageSummary](t, w.do(t, reader, "GET /v1/matches", "").Summary).Next
		keep(t, w.store, w.alice.ID, "test:1", "hers", "not wanted", 1)
		if got := poll(); got == first {
			t.Error("got the same next after a change that was filtered out, want it moved on")
		}
	})
}

// TestUnchangedNeverExpires polls for a user without news by the book, with the
// ETag and the cursor of the last answer, while what others have is purged.
func TestUnchangedNeverExpires(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ keep, every, others time.Duration }{
		"a month is kept":         {30 * 24 * time.Hour, 5 * time.Minute, 3 * time.Hour},
		"ten minutes are kept":    {10 * time.Minute, 30 * time.Second, time.Second},
		"others have news seldom": {24 * time.Hour, time.Hour, 40 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMemory(time.Now)
				w := newWorld(t, m, inMemory)
				reader := w.token(t, w.alice, auth.Read)
				answer := w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusOK)
				next := into[pageSummary](t, answer.Summary).Next
				bodies, polls := 0, 0
				poll := func() *response {
					answer := w.do(t, reader, "GET /v1/matches?after="+next, "")
					reader.Set("If-None-Match", answer.header.Get("ETag"))
					if polls++; answer.status != http.StatusNotModified {
						next = into[pageSummary](t, answer.want(t, http.StatusOK).Summary).Next
						bodies++
					}
					return answer
				}
				told, changes := time.Now(), []int64{m.number}
				for began := time.Now(); time.Since(began) < 3*c.keep; time.Sleep(c.every) {
					if time.Since(told) >= c.others {
						keep(t, m, w.bob.ID, "test:1", "of another", "a", 1)
						changes, told = append(changes, m.number), time.Now()
					}
					m.kept = time.Now().Add(-c.keep).UnixMicro()
					for ; len(changes) > 0 && changes[0] < m.kept; changes = changes[1:] {
						m.floor = changes[0]
					}
					poll()
				}
				keep(t, m, w.alice.ID, "test:2", "hers", "a", 1)
				if got := into[[]matchForm](t, poll().want(t, http.StatusOK).Data); len(got) != 1 {
					t.Errorf("got %d changes, want the one there is", len(got))
				}
				if 4*bodies > polls {
					t.Errorf("got %d bodies of %d polls, want nearly all answered 304", bodies, polls)
				}
			})
		})
	}
}

// patchy finds nothing in the first stretch it looks at, and says that there is
// more.
type patchy struct {
	*memory
	first int64
}

func (p *patchy) Matches(ctx context.Context, q event.Query) (event.Page, error) {
	if q.HasAfter && q.After < p.first {
		return event.Page{More: true, Next: p.first}, nil
	}
	return p.memory.Matches(ctx, q)
}

func TestWaitLooksOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &patchy{memory: newMemory(time.Now)}
		w := newWorld(t, p, inMemory)
		p.first = p.number
		keep(t, p, w.alice.ID, "test:1", "hers", "a", 1)
		began := time.Now()
		page := w.do(t, w.token(t, w.alice, auth.Read), "GET /v1/matches?wait=25s&after="+cursorOf(1), "").want(t, http.StatusOK)
		if got := into[[]matchForm](t, page.Data); len(got) != 1 || time.Since(began) != 0 {
			t.Errorf("got %s after %v, want the match at once", page.Data, time.Since(began))
		}
	})
}
