package internal

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// A probe reaches the listener whatever that is, and tells no answer from a bad one.
func TestProbe(t *testing.T) {
	t.Parallel()
	for name, network := range map[string]string{"tcp": "tcp", "tls": "tcp", "unix": "unix"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := ":0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "api")
			}
			listener, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			var status atomic.Int64
			status.Store(http.StatusOK)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/livez" {
					t.Errorf("asked for %s", r.URL)
				}
				w.WriteHeader(int(status.Load()))
			}))
			server.Listener = listener
			if name == "tls" {
				server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
				server.StartTLS()
			} else {
				server.Start()
			}
			defer server.Close()
			client := probeClient(listener.Addr(), name == "tls")
			if err := probe(t.Context(), client, name == "tls"); err != nil {
				t.Errorf("probe: %v", err)
			}
			status.Store(http.StatusServiceUnavailable)
			if err := probe(t.Context(), client, name == "tls"); err == nil {
				t.Error("an answer of 503: got no error")
			}
			server.Close()
			if err := probe(t.Context(), client, name == "tls"); err == nil {
				t.Error("nobody listens: got no error")
			}
		})
	}
}

// An api that never answered itself is not stuck; one that did, and does no
// longer, is, until it does again.
func TestProbing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &Process{Log: zap.NewNop()}
		var answers atomic.Bool
		part := p.probing(func(context.Context) error {
			if answers.Load() {
				return nil
			}
			return errors.New("no answer")
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- part.Run(ctx) }()
		want := func(turning bool, when string) {
			t.Helper()
			time.Sleep(2 * probeStuck)
			synctest.Wait()
			if got := p.turning(time.Now()); got != turning {
				t.Errorf("%s: got turning %t, want %t", when, got, turning)
			}
		}
		want(true, "never answered")
		answers.Store(true)
		want(true, "it answers")
		answers.Store(false)
		want(false, "it answers no longer")
		answers.Store(true)
		want(true, "it answers again")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want(true, "stopped")
	})
}
