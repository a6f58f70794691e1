package api

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestHSTS asks by TLS, and without, under names that are ours alone and others.
func TestHSTS(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	for host, want := range map[string]string{
		"https://example.com": "max-age=2592000", "https://example.com:443": "max-age=2592000", "https://www.example.com.": "max-age=2592000",
		"https://example.com:8443": "", "https://127.0.0.1": "", "https://[::1]": "", "https://[::1]:443": "",
		"https://localhost": "", "https://riffle.localhost": "", "https://riffle.LOCALHOST": "", "https://LOCALHOST.": "", "https://nas": "",
		"http://example.com": "", "http://example.com:443": "",
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(w.api.Handler())
			if host[:5] == "https" {
				server.StartTLS()
			} else {
				server.Start()
			}
			t.Cleanup(server.Close)
			transport := server.Client().Transport.(*http.Transport).Clone()
			transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
			}
			if transport.TLSClientConfig != nil {
				transport.TLSClientConfig.ServerName = "example.com" // the certificate is not what is looked at
			}
			t.Cleanup(transport.CloseIdleConnections)
			for _, path := range []string{"/", "/v1/me", "/readyz"} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, host+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				// What a proxy says of the way before it is the proxy's business.
				r.Header.Set("X-Forwarded-Proto", "https")
				answer, err := transport.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = answer.Body.Close()
				if got := answer.Header.Get("Strict-Transport-Security"); got != want {
					t.Errorf("%s: got Strict-Transport-Security %q, want %q", path, got, want)
				}
			}
		})
	}
}
