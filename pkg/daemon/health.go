package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// State is what a process says of itself to a probe.
type State string

// The states of a process.
const (
	Starting State = "starting"
	Ready    State = "ready"
	Stopping State = "stopping"
)

// Health holds the state of a process for its probes. Methods of nil do
// nothing and find everything well. It is safe for concurrent use.
type Health struct {
	mu    sync.Mutex
	state State
	// Turning reports whether the stage's own loop turns; nil is yes. It must
	// not ask neighbours: an outage of theirs is no reason to be restarted.
	Turning func() bool
	// Paused says what an operator has paused; nil or "": nothing. A process that
	// is paused is as ready as it is wished to be.
	Paused func() string
}

// errNotTurning is what a probe of liveness is told.
var errNotTurning = errors.New("the stage's loop stands still")

func (h *Health) set(s State) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = s
}

// State gives the present state.
func (h *Health) State() State {
	if h == nil {
		return Ready
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == "" {
		return Starting
	}
	return h.state
}

// Alive fails when the stage's loop stands still.
func (h *Health) Alive() error {
	if h == nil || h.Turning == nil || h.Turning() {
		return nil
	}
	return errNotTurning
}

// livez answers whether the process is worth keeping.
func (h *Health) livez(w http.ResponseWriter, _ *http.Request) {
	if err := h.Alive(); err != nil {
		answer(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	answer(w, http.StatusOK, "alive")
}

// readyz answers whether the process works.
func (h *Health) readyz(w http.ResponseWriter, _ *http.Request) {
	status := http.StatusOK
	state := h.State()
	if state != Ready {
		status = http.StatusServiceUnavailable
	}
	text := string(state)
	if state == Ready && h != nil && h.Paused != nil {
		text = cmp.Or(h.Paused(), text)
	}
	answer(w, status, text)
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A prober that hung up needs no answer.
	_, _ = fmt.Fprintln(w, text)
}
