package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"riffle/cmd/internal"
	"riffle/pkg/config"
	"riffle/pkg/control"
)

func TestPauseThatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		args   []string
		status int
		stderr string
	}{
		"no stage":         {[]string{"pause"}, 64, "accepts 1 arg(s)"},
		"an unknown stage": {[]string{"pause", "store"}, 64, `"store" is no stage that can be paused; there are ingest, ingest/NAME (one source), filter and api`},
		"an odd time":      {[]string{"pause", "api", "--for", "soon"}, 64, `"soon" is no length of time`},
		"no time":          {[]string{"pause", "api", "--for", "0s"}, 64, "must be longer than nothing"},
		"a long reason":    {[]string{"pause", "api", "--reason", strings.Repeat("x", 1001)}, 64, "at most 1000 bytes"},
		"state alone":      {[]string{"pause", "api", "--state", dir}, 64, "--state is for --local"},
		"resume for":       {[]string{"resume", "api", "--for", "1h"}, 64, "unknown flag: --for"},
		"no buffer":        {[]string{"pause", "api", "--data", dir}, 78, "--buffer: is not set"},
		"no directory":     {[]string{"pause", "api", "--local", "--state", filepath.Join(dir, "x")}, 78, "is no directory"},
		"redis away":       {[]string{"pause", "api", "--buffer", "redis://:geheim@127.0.0.1:1/0"}, 1, "--local works without it"},
		"redis away still": {[]string{"resume", "api", "--buffer", "redis://:geheim@127.0.0.1:1/0"}, 1, "redis://:***@127.0.0.1:1/0 cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := riffle(t, "", nil, tt.args...)
			got.expect(t, tt.status, "", tt.stderr)
			if strings.Contains(got.stderr, "geheim") {
				t.Errorf("the message shows the password: %s", got.stderr)
			}
		})
	}
}

func TestPauseLocal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	wantSwitch := func(paused bool) {
		t.Helper()
		s, err := control.State(dir).Switch("ingest/a b")
		if err != nil || s.On(time.Now()) != paused || s.Reason != "why" || !strings.Contains(s.Who, "@") {
			t.Errorf("got %+v, %v, want paused %t", s, err, paused)
		}
	}
	riffle(t, "", nil, "pause", "ingest/a b", "--local", "--state", dir, "--reason", "why", "--for", "2h").
		expect(t, 0, "ingest/a b is paused until 2", "")
	wantSwitch(true)
	riffle(t, "", nil, "pause", "ingest/a b", "--local", "--state", dir, "--reason", "why").expect(t, 0, "obeys it only with --accept-gap", "")
	wantSwitch(true)
	riffle(t, "", []string{"STATE_DIRECTORY=" + dir}, "resume", "ingest/a b", "--local", "--reason", "why").expect(t, 0, "ingest/a b is resumed", "")
	wantSwitch(false)
	if err := os.WriteFile(filepath.Join(dir, "pause-ingest%2Fa%20b.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	riffle(t, "", nil, "pause", "ingest/a b", "--local", "--data", dir, "--reason", "why").expect(t, 0, "is paused until riffle resume", "it is replaced")
	wantSwitch(true)
}

// TestPauseOfNobody: a switch that no stage sees is set, and said to be nobody's.
func TestPauseOfNobody(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, config.BufferFile)
	buffer, err := internal.OpenBuffer(t.Context(), &config.Buffer{Path: path}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []control.Beat{{Instance: "1", Stage: "ingest", Name: "zoo"}, {Instance: "2", Stage: "api"}} {
		if err := buffer.Beat(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := buffer.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		warn string
	}{
		{[]string{"ingest", "--data", dir}, ""},
		{[]string{"ingest/zoo", "--data", dir}, ""},
		{[]string{"api", "--data", dir}, ""},
		{[]string{"filter", "--data", dir}, "warning: no filter has left a sign of life"},
		{[]string{"ingest/unknown", "--data", dir}, "warning: no ingest/unknown has left a sign of life"},
		{[]string{"ingest/api", "--data", dir}, "warning: no ingest/api has left a sign of life"},
		{[]string{"filter", "--local", "--state", dir}, "warning: no stage has run with --state " + dir},
	} {
		got := riffle(t, "", nil, append([]string{"pause"}, tt.args...)...)
		got.expect(t, 0, tt.args[0]+" is paused until", tt.warn)
		if tt.warn == "" && got.stderr != "" {
			t.Errorf("pause %v: got %q on stderr, want nothing", tt.args, got.stderr)
		}
	}
}

// TestPauseUp pauses all stages of riffle up, restarts it, and resumes.
func TestPauseUp(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := startUp(t, "--data", data, "--source", "sim:?rate=500")
	first.stdout.find(t, first.ended, `\[coffee\]`)
	for _, stage := range []string{"ingest", "filter", "api"} {
		riffle(t, "", nil, "pause", stage, "--data", data, "--reason", "a test").expect(t, 0, stage+" is paused until riffle resume", "")
	}
	riffle(t, "", nil, "pause", "ingest/sim", "--data", data).expect(t, 0, "ingest/sim is paused", "")
	first.paused(t, data)
	first.stopped(t)

	again := startUp(t, "--data", data, "--source", "sim:?rate=500")
	again.paused(t, data)
	riffle(t, "", nil, "resume", "ingest", "--data", data).expect(t, 0, "ingest is resumed\ningest/sim is still paused by ", "")
	for _, stage := range []string{"ingest/sim", "filter", "api"} {
		riffle(t, "", nil, "resume", stage, "--data", data).expect(t, 0, stage+" is resumed\n", "")
	}
	again.stdout.find(t, again.ended, `\[coffee\]`)
	again.stopped(t)
	local := riffle(t, "", nil, "pause", "filter", "--local", "--state", data)
	local.expect(t, 0, "filter is paused until", "")
	if local.stderr != "" {
		t.Errorf("pause --local of a stage that ran: got %q on stderr, want nothing", local.stderr)
	}
}

// paused waits until all three stages say that they are.
func (r *running) paused(t *testing.T, data string) {
	t.Helper()
	for {
		got := riffle(t, "", nil, "status", "--json", "--data", data)
		if strings.Count(got.stdout, `"state": "paused"`) == 3 {
			return
		}
		select {
		case status := <-r.ended:
			t.Fatalf("ended with status %d; %s", status, r.stderr)
		case <-t.Context().Done():
			t.Fatalf("not paused: %s", got.stdout)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestConcerns(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]bool{
		{"ingest", "ingest/a"}: true, {"ingest/a", "ingest"}: true, {"ingest/a", "ingest/b"}: false, {"filter", "ingest"}: false,
	} {
		if got := concerns(pair[0], pair[1]); got != want {
			t.Errorf("%v: got %t", pair, got)
		}
	}
}
