package api

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"riffle/pkg/auth"
	"riffle/pkg/store/sqlite"
)

// sink takes an answer and keeps nothing of it.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}

// benchWorld is an api over SQLite with a user who has 1,000 matches.
func benchWorld(b *testing.B) (*API, *http.Request) {
	b.Helper()
	store, err := sqlite.Open(filepath.Join(b.TempDir(), "store.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := store.Migrate(b.Context(), nil); err != nil {
		b.Fatal(err)
	}
	user, err := store.AddUser(b.Context(), "ann")
	if err != nil {
		b.Fatal(err)
	}
	secret := auth.NewToken()
	if _, err := store.AddToken(b.Context(), auth.Token{User: user.ID, Hash: secret.Hash(), Hint: secret.Hint(), Scopes: auth.Read}); err != nil {
		b.Fatal(err)
	}
	for _, key := range keys(1000) {
		keep(b, store, user.ID, key, "a text of usual length, as people write it every day, with a few words more than needed", "tag", 1)
	}
	api, err := New(Config{Store: store, Depths: &neighbours{}, Stages: &neighbours{}, Log: zap.NewNop(), Registerer: prometheus.NewRegistry(), Rate: 1e9})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequestWithContext(b.Context(), "GET", "/v1/matches", nil)
	r.Header.Set("Authorization", "Bearer "+secret.Reveal())
	return api, r
}

// BenchmarkHandler is the api's own part of a poll, with its store and without
// the network.
func BenchmarkHandler(b *testing.B) {
	api, r := benchWorld(b)
	handler := api.Handler()
	first := httptest.NewRecorder()
	handler.ServeHTTP(first, r)
	run := func(b *testing.B, change func(*http.Request)) {
		b.Helper()
		w := &sink{header: http.Header{}}
		b.ReportAllocs()
		for b.Loop() {
			clear(w.header)
			change(r)
			handler.ServeHTTP(w, r)
		}
	}
	b.Run("page", func(b *testing.B) { run(b, func(*http.Request) {}) })
	b.Run("page not cached", func(b *testing.B) {
		run(b, func(*http.Request) { api.pages = newPageCache(time.Now) })
	})
	r.Header.Set("If-None-Match", first.Header().Get("ETag"))
	b.Run("304", func(b *testing.B) { run(b, func(*http.Request) {}) })
}

// BenchmarkServer compares polls with a bare handler that sends the same bytes,
// over connections that are kept.
func BenchmarkServer(b *testing.B) {
	api, r := benchWorld(b)
	page := httptest.NewRecorder()
	api.Handler().ServeHTTP(page, r)
	tag := page.Header().Get("ETag")
	conditional := r.Clone(b.Context())
	conditional.Header.Set("If-None-Match", tag)
	empty := httptest.NewRecorder()
	api.Handler().ServeHTTP(empty, conditional)
	for _, c := range []struct {
		name string
		r    *http.Request
		want *httptest.ResponseRecorder
	}{{"304", conditional, empty}, {"page", r, page}} {
		b.Run(c.name+"/bare", func(b *testing.B) { benchServer(b, bare(c.want), c.r) })
		b.Run(c.name+"/api", func(b *testing.B) { benchServer(b, api.Handler(), c.r) })
	}
}

// bare answers with the bytes of an earlier answer.
func bare(answer *httptest.ResponseRecorder) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

func benchServer(b *testing.B, handler http.Handler, r *http.Request) {
	b.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	var request bytes.Buffer
	if err := r.Write(&request); err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", server.Listener.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		answers := bufio.NewReaderSize(conn, 64<<10)
		for pb.Next() {
			if err := exchange(conn, request.Bytes(), answers); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// exchange sends a request and reads past the answer, with as little work as the
// server's time is to be measured by.
func exchange(conn net.Conn, request []byte, answers *bufio.Reader) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	length := 0
	for {
		line, err := answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		if name, value, ok := strings.Cut(string(line), ": "); ok && name == "Content-Length" {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return err
			}
		}
		if len(line) == 2 {
			break
		}
	}
	_, err := answers.Discard(length)
	return err
}
