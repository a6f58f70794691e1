package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/auth"
)

// sink takes an answer and keeps nothing of it.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}

// BenchmarkPoll measures the api's own part of a poll, without network and
// store.
func BenchmarkPoll(b *testing.B) {
	m := newMemory(time.Now)
	api, err := New(Config{Store: m, Depths: &neighbours{}, Stages: &neighbours{}, Log: zap.NewNop()})
	if err != nil {
		b.Fatal(err)
	}
	user, err := m.AddUser(b.Context(), "ann")
	if err != nil {
		b.Fatal(err)
	}
	secret := auth.NewToken()
	if _, err := m.AddToken(b.Context(), auth.Token{User: user.ID, Hash: secret.Hash(), Scopes: auth.Read}); err != nil {
		b.Fatal(err)
	}
	for _, key := range keys(50) {
		keep(b, m, user.ID, key, "a text of usual length, as people write it every day, with a few words more", "tag", 1)
	}
	for _, news := range []bool{false, true} {
		b.Run(fmt.Sprintf("news=%v", news), func(b *testing.B) {
			r := httptest.NewRequestWithContext(b.Context(), "GET", "/v1/matches", nil)
			r.Header.Set("Authorization", "Bearer "+secret.Reveal())
			first := httptest.NewRecorder()
			api.Handler().ServeHTTP(first, r)
			if !news {
				r.Header.Set("If-None-Match", first.Header().Get("ETag"))
			}
			handler := api.Handler()
			w := &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				handler.ServeHTTP(w, r)
			}
		})
	}
}
