package daemon_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"riffle/pkg/daemon"
)

func TestDebugListenerAnswers(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "riffle_test_total", Help: "For the test."}))
	turning := true
	health := &daemon.Health{Turning: func() bool { return turning }}
	debug, err := daemon.ListenDebug(t.Context(), "127.0.0.1:0", false, registry, health)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path string) string { return get(t, "http://"+debug.Addr()+path) }

	part := daemon.Part{Name: "asker", Run: func(context.Context) error {
		expect(t, ask("/metrics"), "200", "riffle_test_total 0")
		expect(t, ask("/debug/pprof/cmdline"), "200", "daemon.test")
		expect(t, ask("/livez"), "200", "alive")
		turning = false
		expect(t, ask("/livez"), "503", "stands still")
		expect(t, ask("/readyz"), "200", "ready")
		return nil
	}}
	// The debug listener is there before the first part and answers "starting"
	// or "ready", whichever is true at that moment.
	if err := (daemon.Frame{Log: zap.NewNop(), Health: health, Debug: debug}).Run(t.Context(), readyFirst(health, part)); err != nil {
		t.Fatal(err)
	}
	if got := unlessGone("http://" + debug.Addr() + "/metrics"); strings.Contains(got, "riffle_test_total") {
		t.Errorf("the debug listener still answers after the run: %.200q", got)
	}
}

// unlessGone asks an address that may be nobody's, or another test's, by now.
func unlessGone(url string) string {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url) //nolint:noctx // it is refused at once, or answered by a neighbour
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return string(body)
}

// readyFirst lets a part begin when the frame says that it is ready.
func readyFirst(health *daemon.Health, part daemon.Part) daemon.Part {
	return daemon.Part{Name: part.Name, Run: func(ctx context.Context) error {
		for health.State() != daemon.Ready {
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		return part.Run(ctx)
	}}
}

func TestReadyzWhileStopping(t *testing.T) {
	t.Parallel()
	health := &daemon.Health{}
	debug, err := daemon.ListenDebug(t.Context(), "127.0.0.1:0", false, prometheus.NewRegistry(), health)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	part := daemon.Part{Name: "drainer", Run: func(context.Context) error {
		for health.State() != daemon.Stopping {
		}
		expect(t, get(t, "http://"+debug.Addr()+"/readyz"), "503", "stopping")
		return nil
	}}
	if err := (daemon.Frame{Log: zap.NewNop(), Health: health, Debug: debug}).Run(ctx, part); err != nil {
		t.Fatal(err)
	}
}

func TestListenDebugWhereThePortIsTaken(t *testing.T) {
	t.Parallel()
	var conf net.ListenConfig
	taken, err := conf.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	addr := taken.Addr().String()

	if _, err := daemon.ListenDebug(t.Context(), addr, false, prometheus.NewRegistry(), nil); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("a port that was asked for: got %v, want an error with %s", err, addr)
	}
	debug, err := daemon.ListenDebug(t.Context(), addr, true, prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatalf("a default port: %v", err)
	}
	if debug.Addr() == addr {
		t.Errorf("got the taken address %s", addr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := debug.Serve(ctx); err != nil {
		t.Errorf("serve with an ended context: %v", err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.Status + "\n" + string(body)
}

func expect(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("got %.200q, want %q in it", got, w)
		}
	}
}
