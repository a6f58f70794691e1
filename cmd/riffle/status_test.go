package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"riffle/cmd/internal"
	"riffle/pkg/api"
	"riffle/pkg/config"
	"riffle/pkg/event"
	"riffle/pkg/pause"
)

// scenery is what a status is asked of.
type scenery struct {
	now      time.Time
	store    error
	buffer   error
	letters  int64
	depths   []event.Depth
	stages   []api.Stage
	switches []pause.Switch
}

func (s *scenery) Ping(context.Context) error                      { return s.store }
func (s *scenery) CountDeadLetters(context.Context) (int64, error) { return s.letters, s.store }
func (s *scenery) Depths(context.Context) ([]event.Depth, error)   { return s.depths, s.buffer }
func (s *scenery) Stages(context.Context) ([]api.Stage, error)     { return s.stages, s.buffer }
func (s *scenery) Switches(context.Context) ([]pause.Switch, time.Time, error) {
	return s.switches, s.now, s.buffer
}

func (s *scenery) Flip(context.Context, *pause.Wish) (pause.Switch, error) {
	return pause.Switch{}, errors.New("not asked for")
}

func (s *scenery) status(t *testing.T) api.Status {
	t.Helper()
	view := api.View{
		StoreAt: "mysql://db", BufferAt: "redis://h", Store: s, DeadLetters: s, Depths: s, Stages: s, Switches: s,
		Now: func() time.Time { return s.now },
	}
	return view.Look(t.Context())
}

func newScenery() *scenery {
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	return &scenery{
		now: now,
		depths: []event.Depth{{
			Source: "jet", Events: 7, Bytes: 2000, InFlight: 2, Oldest: event.TimeOf(now.Add(-5 * time.Second)),
			OldestInFlight: event.TimeOf(now.Add(-3 * time.Second)), Seen: event.TimeOf(now), Pushed: event.TimeOf(now),
			Position: event.Position{Cursor: "1785585540000000"}, // a minute ago
		}},
		stages: []api.Stage{
			{Stage: "ingest", Name: "jet", State: "reading", SeenAt: now, TimedCursor: true, Spool: event.Depth{Events: 9, Bytes: 1 << 20}},
			{Stage: "filter", State: "running", SeenAt: now, LastError: "an old one", LastErrorAt: now.Add(-time.Hour)},
			{Stage: "filter", State: "silent", Instance: "dead", SeenAt: now.Add(-time.Minute)}, // another one has its place
		},
	}
}

func TestStatusTellsEverything(t *testing.T) {
	t.Parallel()
	s := newScenery()
	s.letters = 4
	s.switches = []pause.Switch{
		{Stage: "api", Paused: true, Who: "ann", Reason: "moving", Since: s.now.Add(-time.Hour), Until: s.now.Add(time.Hour)},
		{Stage: "filter", Paused: true, Until: s.now}, // over
	}
	s.depths = append(s.depths, event.Depth{Source: "left", Seen: event.TimeOf(s.now.Add(-24 * time.Hour))})
	s.stages[0].Notices = []api.Notice{{Kind: "quiet", Text: "no message", From: s.now.Add(-time.Minute)}}
	s.stages = append(s.stages, api.Stage{
		Stage: "api", State: "running", SeenAt: s.now, Rates: map[string]float64{"requests": 12.4}, Totals: map[string]int64{"streams": 3},
	})
	var out bytes.Buffer
	a := &app{stdout: &out}
	status := s.status(t)
	if err := a.showStatus(&status); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"store   mysql://db  reachable, 4 dead letters (riffle dead list)\n",
		"buffer  redis://h  reachable\n",
		"PAUSED  api  since 2026-08-01T11:00:00Z by ann, until 2026-08-01T13:00:00Z: moving\n",
		"not since 2026-07-31T12:00:00Z",
		"1h0m0s ago: an old one",
		"9 (1.0 MB)",
		"quiet  ingest jet  since 2026-08-01T11:59:00Z (1m0s): no message",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got no %q in\n%s", want, &out)
		}
	}
	if row := lineOf(t, out.String(), "api "); !strings.Contains(row, "  12 requests/s, 3 streams  ") {
		t.Errorf("got no rate of the api in %q", row)
	}
	row := lineOf(t, out.String(), "jet ")
	for _, want := range []string{"7", "2.0 kB", "3s ago", "5s", "1m0s", "now", "1785585540000000"} {
		if !strings.Contains(row, "  "+want) {
			t.Errorf("got no %q in %q", want, row)
		}
	}
	if strings.Contains(out.String(), "PAUSED  filter") {
		t.Error("a pause that is over is shown")
	}
}

func lineOf(t *testing.T, text, prefix string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			return line
		}
	}
	t.Fatalf("no line begins with %q in\n%s", prefix, text)
	return ""
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*scenery)
		status int
		line   string
	}{
		"all is well":      {func(*scenery) {}, 0, "RIFFLE OK | lag=5.000s;60;600 events=7 bytes=2000B dead_letters=0;0"},
		"store away":       {func(s *scenery) { s.store = errors.New("refused") }, 2, "RIFFLE CRITICAL: the store cannot be reached: refused |"},
		"buffer away":      {func(s *scenery) { s.buffer = errors.New("refused") }, 2, "RIFFLE CRITICAL: the buffer cannot be reached: refused |"},
		"no filter":        {func(s *scenery) { s.stages = s.stages[:1] }, 2, "RIFFLE CRITICAL: 7 events wait and no filter is alive |"},
		"dead letters":     {func(s *scenery) { s.letters = 2 }, 1, "RIFFLE WARNING: 2 dead letters |"},
		"some lag":         {func(s *scenery) { s.depths[0].Oldest -= 60_000 }, 1, "RIFFLE WARNING: jet lags by 1m5s |"},
		"much lag":         {func(s *scenery) { s.depths[0].Oldest -= 3600_000 }, 2, "RIFFLE CRITICAL: jet lags by 1h0m5s |"},
		"silent ingest":    {func(s *scenery) { s.stages[0].State = "silent" }, 1, "RIFFLE WARNING: ingest jet has been silent since 2026-08-01T12:00:00Z |"},
		"stopped ingest":   {func(s *scenery) { s.stages[0].State = "stopped" }, 0, "RIFFLE OK |"},
		"a pause":          {func(s *scenery) { s.switches = []pause.Switch{{Stage: "api", Paused: true, Who: "ann"}} }, 1, "RIFFLE WARNING: api is paused by ann |"},
		"a lasting notice": {func(s *scenery) { s.stages[0].Notices = []api.Notice{{Kind: "quiet", Text: "x"}} }, 1, "RIFFLE WARNING: ingest jet: quiet: x |"},
		"a spool":          {func(s *scenery) { s.stages[0].State = "spooling" }, 1, "RIFFLE WARNING: ingest jet: spooling, 9 events in its spool |"},
		"an old spool": {func(s *scenery) {
			s.stages[0].State, s.stages[0].Spool.Oldest = "spooling", event.TimeOf(s.now.Add(-time.Hour))
		}, 2, "RIFFLE CRITICAL: jet lags by 1h0m0s; ingest jet: spooling, 9 events in its spool | lag=3600.000s"},
		"loss under way": {func(s *scenery) {
			s.stages[0].State, s.stages[0].Notices = "buffer_full", []api.Notice{{Kind: "refused", Text: "x"}}
		}, 2, "RIFFLE CRITICAL: ingest jet: refused: x; ingest jet: buffer_full, 9 events in its spool |"},
		"a gap that is over": {func(s *scenery) { s.stages[0].Notices = []api.Notice{{Kind: "gap", To: s.now}} }, 0, "RIFFLE OK |"},
		"several": {func(s *scenery) { s.store, s.depths[0].Oldest = errors.New("x"), s.depths[0].Oldest-90_000 }, 2,
			"RIFFLE CRITICAL: the store cannot be reached: x; jet lags by 1m35s |"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScenery()
			tt.change(s)
			var out bytes.Buffer
			err := (&app{stdout: &out}).check(s.status(t), looking{check: true})
			if got := internal.ExitStatus(err); got != tt.status {
				t.Errorf("got status %d, want %d", got, tt.status)
			}
			if !strings.HasPrefix(out.String(), tt.line) || strings.Count(out.String(), "\n") != 1 {
				t.Errorf("got %q, want %q", &out, tt.line)
			}
		})
	}
}

func TestStatusOfNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	riffle(t, "", nil, "status", "--data", dir).expect(t, 0, "NOT REACHABLE", "")
	riffle(t, "", nil, "status", "--check", "--data", dir).expect(t, 2, "RIFFLE CRITICAL", "")
	riffle(t, "", []string{"RIFFLE_STOER=x"}, "status", "--check").expect(t, 3, "RIFFLE UNKNOWN: ", "")
	wrong := riffle(t, "", []string{"RIFFLE_STOER=x"}, "status", "--check", "--json")
	wrong.expect(t, 3, "", "RIFFLE UNKNOWN: ")
	checked := riffle(t, "", nil, "status", "--check", "--json", "--data", dir)
	checked.expect(t, 2, `"reachable": false`, "")
	if !json.Valid([]byte(checked.stdout)) || wrong.stdout != "" {
		t.Errorf("--check --json: got %q and %q, want JSON and nothing", checked.stdout, wrong.stdout)
	}
	got := riffle(t, "", nil, "status", "--json", "--data", dir)
	var status struct {
		Store struct {
			Reachable   bool
			Error       string
			DeadLetters *int64 `json:"dead_letters"`
		}
		Switches []any
		Stages   []any
	}
	if err := json.Unmarshal([]byte(got.stdout), &status); err != nil {
		t.Fatal(err)
	}
	if status.Store.Reachable || status.Store.Error == "" || status.Store.DeadLetters != nil || status.Switches == nil || status.Stages == nil {
		t.Errorf("got %s", got.stdout)
	}
}

// TestWatch looks again and again until it is stopped.
func TestWatch(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out := newWatched()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"status", "--watch", "--json", "--data", t.TempDir()}, nil, strings.NewReader(""), out, out)
	}()
	out.find(t, ended, `^\{.*\}\n\{.*\}\n`)
	cancel()
	if status := <-ended; status != 0 {
		t.Errorf("got status %d, want 0", status)
	}
}

// blackHole accepts connections and never answers.
func blackHole(t *testing.T) (address string) {
	t.Helper()
	var conf net.ListenConfig
	l, err := conf.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
		}
	}()
	return l.Addr().String()
}

// TestStatusOfOneThatHangs: a neighbour that never answers is away, and the other
// one is not.
func TestStatusOfOneThatHangs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		store, buffer bool
	}{{"the store", false, true}, {"the buffer", true, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			store, buffer := "sqlite:"+filepath.Join(dir, "store.db"), "sqlite:"+filepath.Join(dir, "buffer.db")
			riffle(t, "", nil, "migrate", "--store", store).expect(t, 0, "", "")
			b, err := internal.OpenBuffer(t.Context(), &config.Buffer{Path: filepath.Join(dir, "buffer.db")}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			if !c.store {
				store = "mysql://u:p@" + blackHole(t) + "/d"
			}
			if !c.buffer {
				buffer = "redis://" + blackHole(t)
			}
			var s struct{ Store, Buffer struct{ Reachable bool } }
			out := riffle(t, "", nil, "status", "--json", "--store", store, "--buffer", buffer)
			if err := json.Unmarshal([]byte(out.stdout), &s); err != nil {
				t.Fatalf("%v: %s%s", err, out.stdout, out.stderr)
			}
			if s.Store.Reachable != c.store || s.Buffer.Reachable != c.buffer {
				t.Errorf("%s hangs: store reachable %t, buffer %t", c.name, s.Store.Reachable, s.Buffer.Reachable)
			}
		})
	}
}
