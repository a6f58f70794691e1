package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"riffle/pkg/buffer/redis"
	"riffle/pkg/event"
	"riffle/pkg/testenv"
)

// An ingest whose source can't be read again spools while Redis is down, and is
// killed. The next one empties the spool: what was accepted is in the buffer,
// once, in order.
func TestSpoolOfAKilledIngest(t *testing.T) {
	t.Parallel()
	const half = 10_000
	server := testenv.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	feed, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = feed.Close()
		_ = tell.Close()
	})
	args := []string{"--buffer", server.URL, "--source", "stdin:?format=event", "--name", "pipe", "--state", t.TempDir()}
	victim := startFed(t, feed, "riffle-ingest", args...)
	writePosts(t, tell, 0, half)
	eventually(t, "the first half is accepted", func() bool { victim.mustRun(t); return victim.metric(t, "accepted_total") == half })
	server.Kill()
	writePosts(t, tell, half, half)
	eventually(t, "the second half is accepted", func() bool { victim.mustRun(t); return victim.metric(t, "accepted_total") == 2*half })
	if got := victim.metric(t, "spool_events"); got != half {
		t.Errorf("spool holds %v events, want %d", got, half)
	}
	victim.kill()
	server.Restart()
	last := start(t, "riffle-ingest", args...) // without any input
	last.wait(t)
	if !strings.Contains(last.stderr.String(), "spool holds frames of an earlier run") {
		t.Errorf("nothing is said of the spool:\n%s", last.stderr)
	}
	for i, key := range takeKeys(t, server.URL) {
		if want := fmt.Sprintf("pipe:%06d", i); key != want {
			t.Fatalf("event %d is %s, want %s", i, key, want)
		}
		if i == 2*half-1 {
			return
		}
	}
	t.Error("events are missing")
}

// writePosts writes numbered posts.
func writePosts(t *testing.T, w io.Writer, first, n int) {
	t.Helper()
	var b strings.Builder
	for i := first; i < first+n; i++ {
		fmt.Fprintf(&b, `{"key":"pipe:%06d","version":1,"network":"pipe","text":"post %d","author":{"id":"1"},"created_at":"2026-01-02T03:04:05Z"}`+"\n", i, i)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		t.Fatal(err)
	}
}

// metric reads one of an ingest's metrics; -1 where it does not answer.
func (p *process) metric(t *testing.T, name string) (value float64) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.debug+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return -1
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "riffle_ingest_"+name+"{") {
			_, number, _ := strings.Cut(line, "} ")
			if _, err := fmt.Sscan(number, &value); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return value
		}
	}
	return -1
}

// takeKeys takes all that a buffer holds.
func takeKeys(t *testing.T, url string) (keys []string) {
	t.Helper()
	b, err := redis.Open(t.Context(), url, redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	r := event.NewReader()
	for {
		frames, err := b.Take(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(frames) == 0 {
			return keys
		}
		for _, d := range frames {
			if _, err := r.Open(d.Data); err != nil {
				t.Fatal(err)
			}
			var ev event.Event
			for more, err := r.Next(&ev); more || err != nil; more, err = r.Next(&ev) {
				if err != nil {
					t.Fatal(err)
				}
				keys = append(keys, strings.Clone(ev.Key))
			}
		}
	}
}
