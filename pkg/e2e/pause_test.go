package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// paused waits until the status shows all these stages as paused.
func (w *town) paused(t *testing.T, stages ...string) (read int64) {
	t.Helper()
	eventually(t, fmt.Sprint(stages, " are paused"), func() bool {
		var s struct {
			Stages []struct {
				Stage, State string
				Totals       map[string]int64
			}
		}
		if err := json.Unmarshal([]byte(run(t, "riffle", "status", "--json", "--buffer", w.buffer, "--store", w.store)), &s); err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, stage := range s.Stages {
			if stage.State == "paused" {
				found[stage.Stage] = true
				read = max(read, stage.Totals["read"])
			}
		}
		for _, stage := range stages {
			if !found[stage] {
				return false
			}
		}
		return true
	})
	return read
}

// body gives what an address answers.
func body(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// All stages are paused, killed and started anew, and Redis, once drained, is
// emptied meanwhile. They stay paused until they are resumed one by one, go on
// where they stopped, and nothing is lost or doubled.
func TestPauseOutlivesEverything(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	const posts = 6000
	days, file := steady(t, posts)
	lines := int64(len(days.messages))
	states := t.TempDir()
	stages := func() (ingest, filter, api *process) {
		api = start(t, "riffle-api", "--store", w.store, "--buffer", w.buffer, "--listen", w.api, "--state", filepath.Join(states, "api")).alive(t)
		if len(w.users["ann"].next) == 0 {
			for _, u := range w.users {
				u.follow(t) // from here on
			}
		}
		filter = start(t, "riffle-filter", "--buffer", w.buffer, "--store", w.store, "--state", filepath.Join(states, "filter")).alive(t)
		ingest = start(t, "riffle-ingest", "--buffer", w.buffer, "--name", "steady", "--source", fileURL(file, "format=event&rate=1000"),
			"--state", filepath.Join(states, "ingest")).alive(t)
		return ingest, filter, api
	}
	tool := func(args ...string) { run(t, "riffle", append(args, "--buffer", w.buffer)...) }

	ingest, filter, api := stages()
	eventually(t, "some posts are read", func() bool { d := w.depths(t); return len(d) == 1 && d[0].Position.Cursor != "" })
	tool("pause", "ingest", "--reason", "a test")
	read := w.paused(t, "ingest")
	eventually(t, "the buffer is drained", func() bool { d := w.depths(t)[0]; return d.Events == 0 && d.InFlight == 0 })
	tool("pause", "filter", "--reason", "a test")
	tool("pause", "api", "--reason", "a test")
	w.paused(t, "ingest", "filter", "api")
	cursor := w.depths(t)[0].Position.Cursor
	eventually(t, "the cursor is on ingest's disk", func() bool {
		var kept struct{ Cursor string }
		text, err := os.ReadFile(filepath.Join(states, "ingest", "cursor-steady.json"))
		return err == nil && json.Unmarshal(text, &kept) == nil && kept.Cursor == cursor
	})
	for _, p := range []*process{ingest, filter, api} {
		p.kill()
	}
	w.emptyRedis(t)

	ingest, filter, api = stages()
	w.paused(t, "ingest", "filter", "api")
	if len(w.depths(t)) != 0 {
		t.Errorf("the emptied buffer holds %+v, though ingest is paused", w.depths(t))
	}
	for _, p := range []*process{ingest, filter, api} {
		if got := body(t, "http://"+p.debug+"/readyz"); got != "paused\n" {
			t.Errorf("%s is %q to its probe, want paused", p.name, got)
		}
	}
	if got := status(t, "http://"+w.api+"/v1/matches"); got != http.StatusServiceUnavailable {
		t.Errorf("the paused api answers %d, want 503", got)
	}
	if got := body(t, "http://"+w.api+"/readyz"); got != "paused\n" {
		t.Errorf("the paused api is %q to a balancer, want paused", got)
	}

	tool("resume", "api")
	eventually(t, "the api answers", func() bool { return status(t, "http://"+w.api+"/v1/matches") == http.StatusUnauthorized })
	for _, u := range w.users {
		u.follow(t)
	}
	tool("resume", "ingest")
	eventually(t, "something waits, for the filter is still paused", func() bool { return w.events(t) > 0 })
	tool("resume", "filter")
	ingest.wait(t)
	w.drained(t)
	w.check(t, days.messages)
	if got := ingest.summary(t).Read + read; got != lines {
		t.Errorf("%d lines were read in all, want %d, each once", got, lines)
	}
	filter.stop(t)
	api.stop(t)
}

// emptyRedis takes away all that Redis holds.
func (w *town) emptyRedis(t *testing.T) {
	t.Helper()
	options, err := goredis.ParseURL(w.buffer)
	if err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(options)
	defer func() { _ = client.Close() }()
	if err := client.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}

// A filter is paused with frames in hand and behind it, by --for alone: within
// 5 s it holds nothing, and later goes on by itself.
func TestPauseWithAnEnd(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	days, file := steady(t, 60_000)
	w.startAPI(t)
	ingestFile(t, w.buffer, "steady", fileURL(file, "format=event"))
	w.startFilter(t)
	eventually(t, "the filter has frames in hand", func() bool { return w.depths(t)[0].InFlight > 0 })
	run(t, "riffle", "pause", "filter", "--for", "8s", "--buffer", w.buffer)
	w.paused(t, "filter")
	if d := w.depths(t)[0]; d.InFlight != 0 || d.Events == 0 {
		t.Errorf("paused with %d frames in hand and %d events waiting, want none and some", d.InFlight, d.Events)
	}
	w.drained(t)
	w.check(t, days.messages)
}
