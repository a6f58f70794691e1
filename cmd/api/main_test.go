package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"riffle/cmd/internal"
	"riffle/pkg/config"
)

func migrated(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	store, err := internal.OpenStore(&config.Store{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if err := store.Migrate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	store := migrated(t)
	var conf net.ListenConfig
	taken, err := conf.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	tests := []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"a port that is taken", []string{"--store", store, "--listen", taken.Addr().String()}, 1, "is taken by another process"},
		{"a certificate that is not there", []string{"--store", store, "--listen", "127.0.0.1:0", "--tls-cert", "/none.pem"}, 78, "--tls-cert: cannot be used: open /none.pem"},
		{"an empty store", []string{"--store", "sqlite:" + filepath.Join(t.TempDir(), "x.db"), "--listen", "127.0.0.1:0"}, 78, "run `riffle migrate`"},
		{"no store", []string{"--listen", ":x"}, 78, `--listen: "x" is no port`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), append(tt.args, "--debug-listen", "off", "--state", t.TempDir()), nil, strings.NewReader(""), &stdout, &stderr)
			if status != tt.status || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("got status %d, want %d; %q, want %q in it", status, tt.status, &stderr, tt.want)
			}
		})
	}
}

// TestListeners answers on a socket and with TLS, and takes over the socket of
// a process that was killed.
func TestListeners(t *testing.T) {
	t.Parallel()
	store := migrated(t)
	dir := t.TempDir()
	socket := filepath.Join(dir, "api.sock")
	leaveStale(t, socket)
	pemFile, pool := certificate(t, dir)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	port := freePort(t)
	for name, tt := range map[string]struct {
		args   []string
		url    string
		client *http.Client
	}{
		"socket": {[]string{"--listen", "unix:" + socket}, "http://api/readyz", &http.Client{Transport: &http.Transport{DialContext: dial}}},
		"tls": {[]string{"--listen", port, "--tls-cert", pemFile}, "https://" + port + "/readyz", &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan int, 1)
			var stderr bytes.Buffer
			go func() {
				ended <- run(ctx, append(tt.args, "--store", store, "--debug-listen", "off", "--state", t.TempDir()), nil, strings.NewReader(""), io.Discard, &stderr)
			}()
			answer := untilAnswered(t, tt.client, tt.url, ended)
			if !strings.HasPrefix(answer, "200 OK") {
				t.Errorf("got %q", answer)
			}
			if name == "tls" && !strings.Contains(answer, "HTTP/2.0") {
				t.Errorf("got %q, want HTTP/2", answer)
			}
			tt.client.CloseIdleConnections()
			cancel()
			if status := <-ended; status != 0 {
				t.Errorf("got status %d: %s", status, &stderr)
			}
		})
	}
}

// untilAnswered asks until somebody listens.
func untilAnswered(t *testing.T, client *http.Client, url string, ended <-chan int) string {
	t.Helper()
	for {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			return resp.Status + " " + resp.Proto
		}
		select {
		case status := <-ended:
			t.Fatalf("ended with status %d", status)
		case <-t.Context().Done():
			t.Fatal(err)
		default:
		}
	}
}

func leaveStale(t *testing.T, socket string) {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	var conf net.ListenConfig
	l, err := conf.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// certificate makes one file with certificate and key, and a pool that trusts it.
func certificate(t *testing.T, dir string) (string, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	path := filepath.Join(dir, "api.pem")
	if err := os.WriteFile(path, append(cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), 0o600); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return path, pool
}
