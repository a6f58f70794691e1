package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"riffle/pkg/auth"
	"riffle/pkg/pause"
)

// switchAnswer is a switch as a client reads it.
type switchAnswer struct {
	Stage     string     `json:"stage"`
	Paused    bool       `json:"paused"`
	Who       string     `json:"who"`
	Reason    string     `json:"reason"`
	Since     time.Time  `json:"since"`
	Until     *time.Time `json:"until"`
	AcceptGap bool       `json:"accept_gap"`
}

func producePause(t *testing.T, w *world, _ *memory) {
	admin := w.token(t, w.alice, auth.Admin)
	flip := func(path, body string) *response {
		t.Helper()
		return w.do(t, admin, "POST /v1/stages/"+path, body)
	}
	got := into[switchAnswer](t, flip("filter/pause", `{"reason":"disk","for":"10m"}`).want(t, http.StatusOK).Data)
	if got.Until == nil || got.Until.Sub(got.Since) != 10*time.Minute {
		t.Errorf("got since %v until %v, want 10 minutes", got.Since, got.Until)
	}
	want := switchAnswer{Stage: "filter", Paused: true, Who: "alice (api)", Reason: "disk"}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(switchAnswer{}, "Since", "Until")); diff != "" {
		t.Errorf("paused (-want +got):\n%s", diff)
	}
	got = into[switchAnswer](t, flip("ingest%2Fa%20b/resume", "").want(t, http.StatusOK).Data)
	if got.Stage != "ingest/a b" || got.Paused || got.Until != nil {
		t.Errorf("resumed: got %+v", got)
	}
	flip("store/pause", "").wantFailure(t, http.StatusNotFound, "not_found")
	flip("store/resume", "").wantFailure(t, http.StatusNotFound, "not_found")
	for _, body := range []string{`{"for":"soon"}`, `{"for":"-1s"}`, `{"why":"x"}`, `{"reason":"` + strings.Repeat("x", 1001) + `"}`} {
		flip("api/pause", body).wantFailure(t, http.StatusBadRequest, "bad_field")
	}
	if n := len(w.neighbours.switches); n != 2 {
		t.Errorf("%d switches were flipped, want 2", n)
	}
	w.do(t, w.token(t, w.alice, auth.Read|auth.Write), "POST /v1/stages/api/pause", "").want(t, http.StatusForbidden)

	w.neighbours.stages = []Stage{
		{Stage: "ingest", Name: "jet", State: "reading"}, {Stage: "ingest", Name: "pipe", State: "reading", NoReplay: true},
		{Stage: "ingest", Name: "old", State: stateSilent, NoReplay: true},
	}
	for stage, status := range map[string]int{
		"ingest": 409, "ingest%2Fpipe": 409, "ingest%2Fjet": 200, "ingest%2Fold": 200, "filter": 200,
	} {
		flip(stage+"/pause", "").want(t, status)
	}
	answer := flip("ingest/pause", "").wantFailure(t, http.StatusConflict, "gap_not_accepted")
	if want := "The source pipe cannot be read again"; !strings.HasPrefix(answer.Error.Detail, want) {
		t.Errorf("got %q, want %q", answer.Error.Detail, want)
	}
	flip("ingest/pause", `{"accept_gap":true}`).want(t, http.StatusOK)

	w.neighbours.err = errAway
	for _, call := range []string{"filter/pause", "filter/resume"} {
		answer := flip(call, "").wantFailure(t, http.StatusServiceUnavailable, "maintenance")
		if !strings.Contains(answer.Error.Detail, "--local") {
			t.Errorf("got %q, want the way out", answer.Error.Detail)
		}
	}
}

// A paused api answers nobody but its operators, and stays ready.
func TestPausedAPI(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	all := w.token(t, w.alice, auth.Read|auth.Write|auth.Admin)
	w.lever.Pause(pause.Switch{Stage: "api", Paused: true, Reason: "secret reason", Until: time.Now().Add(10*time.Second + time.Second/2)})
	for _, rt := range w.api.table() {
		call := strings.NewReplacer("{id}", "1", "{token}", "x", "{stage}", "api").Replace(rt.pattern)
		answer := w.do(t, all, call, "")
		wantAnswer := map[string]bool{
			"GET /v1/status": true, "POST /v1/stages/api/pause": true, "POST /v1/stages/api/resume": true, "POST /v1/session": true,
		}[call]
		if got := answer.status != http.StatusServiceUnavailable; got != wantAnswer {
			t.Errorf("%s: got status %d, want an answer: %t", call, answer.status, wantAnswer)
		}
		if answer.status != http.StatusServiceUnavailable {
			continue
		}
		if got := answer.header.Get("Retry-After"); got != "10" {
			t.Errorf("%s: got Retry-After %q, want 10", call, got)
		}
		if answer.Error != nil && (answer.Error.Code != "maintenance" || strings.Contains(answer.body, "secret")) {
			t.Errorf("%s: got %s", call, answer.body)
		}
	}
	for path, want := range map[string]string{"/readyz": "paused\n", "/livez": "ok\n"} {
		if answer := w.do(t, nil, "GET "+path, "").want(t, http.StatusOK); answer.body != want {
			t.Errorf("%s: got %q, want %q", path, answer.body, want)
		}
	}
	w.do(t, nil, "GET /openapi.json", "").want(t, http.StatusOK)
	w.do(t, nil, "GET /v1/nothing", "").want(t, http.StatusNotFound)
	w.lever.Resume()
	w.do(t, all, "GET /v1/matches", "").want(t, http.StatusOK)

	w.lever.Pause(pause.Switch{})
	if got := w.do(t, all, "GET /v1/matches", "").header.Get("Retry-After"); got != "30" {
		t.Errorf("pause without end: got Retry-After %q, want 30", got)
	}
}

// A pause ends what waits: nobody is held longer than the drain.
func TestPauseEndsWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newMemory(time.Now), inMemory)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.api.Run(ctx) }()
		reader := w.token(t, w.alice, auth.Read)
		began := time.Now()
		answered := make(chan *response, 1)
		go func() { answered <- w.do(t, reader, "GET /v1/matches?wait=60s", "") }()
		time.Sleep(time.Second)
		w.lever.Pause(pause.Switch{})
		(<-answered).want(t, http.StatusOK)
		if took := time.Since(began); took != time.Second {
			t.Errorf("answered after %s, want 1s", took)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestPauseWithoutBuffer: what no server keeps cannot be away.
func TestPauseWithoutBuffer(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	w.api.switches = noSwitches{}
	operator := w.token(t, w.alice, auth.Admin)
	for _, call := range []string{"pause", "resume"} {
		answer := w.do(t, operator, "POST /v1/stages/filter/"+call, "").wantFailure(t, http.StatusServiceUnavailable, "maintenance")
		if !strings.HasPrefix(answer.Error.Detail, "No buffer is configured") {
			t.Errorf("%s: got %q, want it said that there is no buffer", call, answer.Error.Detail)
		}
	}
	w.do(t, operator, "POST /v1/stages/nothing/pause", "").wantFailure(t, http.StatusNotFound, "not_found")
}
