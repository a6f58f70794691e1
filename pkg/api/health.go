package api

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/obs"
)

const (
	// pingEvery is how often the store is looked at while nothing is known to
	// be wrong with it or it is away.
	pingEvery = time.Second
	// pingTimeout is when a silent store counts as away.
	pingTimeout = 2 * time.Second
)

// health knows whether the store is there, for /readyz and the log.
type health struct {
	store Pinger
	log   *zap.Logger
	gauge *counters
	away  atomic.Bool
}

// run looks at the store until ctx ends. One line tells that it went away and
// one that it is back, however many requests fail in between.
func (h *health) run(ctx context.Context) {
	for {
		err := h.ping(ctx)
		if ctx.Err() != nil {
			return
		}
		h.note(err)
		if !sleep(ctx, pingEvery) {
			return
		}
	}
}

func (h *health) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return h.store.Ping(ctx)
}

func (h *health) note(err error) {
	away := err != nil
	h.gauge.storeAway(away)
	if h.away.Swap(away) == away {
		return
	}
	if away {
		h.log.Warn("store away", zap.NamedError(obs.Error, err))
	} else {
		h.log.Info("store back")
	}
}

// live serves /livez: this process answers, whatever its neighbours do.
func (a *API) live(w http.ResponseWriter, _ *http.Request) { writeLine(w, http.StatusOK, "ok") }

// ready serves /readyz. It stays 200 without the store and while paused, so that
// a balancer does not put its own error in place of our maintenance message;
// only an api that stops wants no more requests.
func (a *API) ready(w http.ResponseWriter, _ *http.Request) {
	_, paused := a.gate.Paused()
	switch {
	case a.stopped():
		writeLine(w, http.StatusServiceUnavailable, "stopping")
	case paused:
		writeLine(w, http.StatusOK, "paused")
	case a.health.away.Load():
		writeLine(w, http.StatusOK, "store away")
	default:
		writeLine(w, http.StatusOK, "ok")
	}
}

func writeLine(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(line + "\n"))
}
