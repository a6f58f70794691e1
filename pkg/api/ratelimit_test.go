package api

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"riffle/pkg/auth"
)

func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newMemory(time.Now), inMemory)
		w.api.rate, w.api.ratePolicy = 2, ratePolicy(2)
		greedy, other := w.token(t, w.alice, auth.Read), w.token(t, w.alice, auth.Read)
		for i := range 20 {
			answer := w.do(t, greedy, "GET /v1/me", "").want(t, http.StatusOK)
			if i > 0 {
				continue
			}
			if got, want := answer.header.Get("RateLimit-Policy"), `"token";q=20;w=10`; got != want {
				t.Errorf("got RateLimit-Policy %s, want %s", got, want)
			}
			if got, want := answer.header.Get("RateLimit"), `"token";r=19;t=1`; got != want {
				t.Errorf("got RateLimit %s, want %s", got, want)
			}
		}
		refused := w.do(t, greedy, "GET /v1/me", "").wantFailure(t, http.StatusTooManyRequests, "rate_limited")
		if got, want := refused.header.Get("RateLimit"), `"token";r=0;t=10`; got != want || refused.header.Get("Retry-After") == "" {
			t.Errorf("got RateLimit %s and Retry-After %q, want %s", got, refused.header.Get("Retry-After"), want)
		}
		w.do(t, other, "GET /v1/me", "").want(t, http.StatusOK)
		time.Sleep(time.Second)
		for _, want := range []int{http.StatusOK, http.StatusOK, http.StatusTooManyRequests} {
			w.do(t, greedy, "GET /v1/me", "").want(t, want)
		}
		time.Sleep(time.Hour)
		w.do(t, greedy, "GET /v1/me", "").want(t, http.StatusOK)
		if got, want := w.do(t, greedy, "GET /v1/me", "").header.Get("RateLimit"), `"token";r=18;t=1`; got != want {
			t.Errorf("got RateLimit %s after an hour, want %s: no more than the window is saved", got, want)
		}
	})
}

func TestNotModifiedIsFree(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	w.api.rate = 0.1
	reader := w.token(t, w.alice, auth.Read)
	tag := w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusOK).header.Get("ETag")
	w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusTooManyRequests)
	w.api.rate = 0.2
	reader = w.token(t, w.alice, auth.Read)
	w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusOK)
	reader.Set("If-None-Match", tag)
	for range 100 {
		w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusNotModified)
	}
	reader.Del("If-None-Match")
	w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusOK)
	w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusTooManyRequests)
}

func TestNoRate(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	w.api.rate = -1
	reader := w.token(t, w.alice, auth.Read)
	for range 100 {
		if got := w.do(t, reader, "GET /v1/me", "").want(t, http.StatusOK).header.Get("RateLimit"); got != "" {
			t.Fatalf("got RateLimit %s, want none", got)
		}
	}
}

func TestOpenRequests(t *testing.T) {
	t.Parallel()
	waiting(t, func(t *testing.T, w *world, _ *memory, _ func()) {
		reader := w.token(t, w.alice, auth.Read)
		var open []*client
		for range maxOpen {
			open = append(open, w.listen(t, reader, "/v1/stream"))
		}
		for _, c := range open {
			<-c.events
		}
		w.do(t, reader, "GET /v1/matches?wait=1s", "").wantFailure(t, http.StatusTooManyRequests, "rate_limited")
		w.do(t, reader, "GET /v1/stream", "").want(t, http.StatusTooManyRequests)
		w.do(t, w.token(t, w.alice, auth.Read), "GET /v1/matches?wait=1s", "").want(t, http.StatusOK)
		open[0].leave()
		synctest.Wait()
		w.do(t, reader, "GET /v1/matches?wait=1s", "").want(t, http.StatusOK)
		for _, c := range open[1:] {
			c.leave()
		}
	})
}
