package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"riffle/pkg/buffer/redis"
	"riffle/pkg/event"
	"riffle/pkg/testenv"
)

// signal sends one to the process.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("%s: %v: %v", p.name, s, err)
	}
}

// ended waits for the end, whatever it is, and says how it was.
func (p *process) ended(t *testing.T) string {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatalf("%s does not end\n%s", p.name, p.stderr)
	}
	return p.cmd.ProcessState.String()
}

// says waits until the process has logged something.
func (p *process) says(t *testing.T, text string) {
	t.Helper()
	eventually(t, p.name+" says "+text, func() bool { return strings.Contains(p.stderr.String(), text) })
}

// pushes waits until a source has pushed a frame.
func pushes(t *testing.T, address string) {
	t.Helper()
	buffer, err := redis.Open(t.Context(), address, redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = buffer.Close() }()
	eventually(t, "a frame is pushed", func() bool {
		depths, err := buffer.Depths(t.Context())
		return err == nil && slices.ContainsFunc(depths, func(d event.Depth) bool { return d.Pushed != 0 })
	})
}

// A stage whose neighbours are away stops within its drain, with status 0; a
// second signal ends it at once.
func TestStopWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]bool{"drains": false, "at the second signal": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testenv.StartRedis(t)
			store := "sqlite:" + filepath.Join(t.TempDir(), "store.db")
			run(t, "riffle", "migrate", "--store", store)
			ingest := start(t, "riffle-ingest", "--buffer", server.URL, "--source", "sim:?rate=5000", "--state", t.TempDir()).alive(t)
			filter := start(t, "riffle-filter", "--buffer", server.URL, "--store", store, "--state", t.TempDir()).alive(t)
			pushes(t, server.URL)
			server.Kill()
			ingest.says(t, "buffer does not take frames")
			ingest.signal(t, syscall.SIGTERM)
			filter.signal(t, syscall.SIGTERM)
			ingest.says(t, `"msg":"stopping"`)
			if second {
				ingest.signal(t, syscall.SIGTERM)
				if got := ingest.ended(t); got != "signal: terminated" {
					t.Errorf("ingest: got %s, want an end at once", got)
				}
				return
			}
			began := time.Now()
			for _, p := range []*process{ingest, filter} {
				if got := p.ended(t); got != "exit status 0" {
					t.Errorf("%s: got %s, want 0\n%s", p.name, got, p.stderr)
				}
				if strings.Contains(p.stderr.String(), "still running") {
					t.Errorf("%s was given up\n%s", p.name, p.stderr)
				}
			}
			t.Logf("stopped after %s", time.Since(began))
		})
	}
}

// A process that ends as a panic does has status 2, which units restart; the
// next run logs the stack and counts it. The signal makes the runtime end as a
// panic does.
func TestPanicIsLoggedAndCounted(t *testing.T) {
	t.Parallel()
	redis := testenv.Redis(t)
	data := t.TempDir()
	for binary, args := range map[string][]string{
		"riffle-ingest": {"--buffer", redis, "--source", "sim:"},
		"riffle":        {"up", "--data", data, "--listen", "127.0.0.1:0", "--log", "info"},
	} {
		t.Run(binary, func(t *testing.T) {
			t.Parallel()
			args := append(args, "--state", t.TempDir())
			first := start(t, binary, args...).alive(t)
			first.signal(t, syscall.SIGQUIT)
			if got := first.ended(t); got != "exit status 2" {
				t.Fatalf("got %s, want the status of a panic", got)
			}
			second := start(t, binary, args...).alive(t)
			second.says(t, "a run before ended in a panic")
			second.says(t, "goroutine ")
			if got := body(t, "http://"+second.debug+"/metrics"); !strings.Contains(got, "\nriffle_panics_total 1\n") {
				t.Errorf("the panic is not counted:\n%s", got)
			}
			second.stop(t)
			third := start(t, binary, args...).alive(t)
			if strings.Contains(third.stderr.String(), "ended in a panic") {
				t.Error("the panic is told twice")
			}
			third.stop(t)
		})
	}
}
