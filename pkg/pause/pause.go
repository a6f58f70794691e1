// Package pause is the switch by which an operator pauses a stage: what it
// says, for how long, and which of two is the newer one. Where it is kept is
// for others to know.
package pause

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrPaused is why a stage stops taking while its switch is on.
var ErrPaused = errors.New("paused by the operator")

// The stages that can be paused. One source alone is paused as "ingest/NAME".
const (
	Ingest = "ingest"
	Filter = "filter"
	API    = "api"
)

// Source names the switch of one source's ingest.
func Source(name string) string { return Ingest + "/" + name }

// ParseStage checks the name of a switch: ingest, ingest/NAME, filter or api.
func ParseStage(text string) (string, error) {
	stage, name, one := strings.Cut(text, "/")
	switch {
	case one && stage == Ingest && name != "" && len(name) <= maxName:
		return text, nil
	case !one && (stage == Ingest || stage == Filter || stage == API):
		return text, nil
	}
	return "", fmt.Errorf("%q is no stage that can be paused; there are ingest, ingest/NAME (one source), filter and api", text)
}

// Bounds of what people write, in bytes.
const (
	maxName   = 255
	maxReason = 1000
)

// Switch is an operator's durable wish that a stage takes nothing new, or no
// longer. The newest revision holds, wherever it is found.
type Switch struct {
	Stage string `json:"stage"`
	// Revision orders the switches of one stage: µs since 1970 by the clock of
	// the server that keeps them, or one more than the last.
	Revision int64 `json:"revision"`
	Paused   bool  `json:"paused"`
	// Who flipped it, and why, in their own words.
	Who    string    `json:"who"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	// Until is when a pause ends by itself; zero: it does not.
	Until time.Time `json:"until,omitzero"`
	// AcceptGap says that posts which come meanwhile may be lost. An ingest whose
	// source cannot be read again obeys no other pause.
	AcceptGap bool `json:"accept_gap,omitempty"`
}

// On reports whether the stage is to be paused at a time.
func (s *Switch) On(at time.Time) bool {
	return s.Paused && (s.Until.IsZero() || at.Before(s.Until))
}

// Wish is what an operator asks for.
type Wish struct {
	Stage     string
	Pause     bool // else resume
	Who       string
	Reason    string
	For       time.Duration // 0: until somebody resumes
	AcceptGap bool
}

// Check finds what is wrong with a wish.
func (w *Wish) Check() error {
	if _, err := ParseStage(w.Stage); err != nil {
		return err
	}
	switch {
	case w.For < 0:
		return errors.New("a pause cannot last less than no time")
	case len(w.Reason) > maxReason:
		return fmt.Errorf("a reason has at most %d bytes", maxReason)
	}
	return nil
}

// After makes the switch that fulfils the wish: it is newer than the last one.
// now is by the clock of who keeps it.
func (w *Wish) After(last *Switch, now time.Time) Switch {
	s := Switch{
		Stage: w.Stage, Revision: max(last.Revision+1, now.UnixMicro()), Paused: w.Pause,
		Who: w.Who, Reason: w.Reason, Since: now.UTC().Truncate(time.Millisecond), AcceptGap: w.AcceptGap,
	}
	if w.Pause && w.For > 0 {
		s.Until = s.Since.Add(w.For)
	}
	return s
}

// Never is the switch of a stage that nobody can pause.
type Never struct{}

// Pass gives a context that ends with ctx.
//
// Errors: ctx's cause.
func (Never) Pass(ctx context.Context) (context.Context, context.CancelFunc, error) {
	open, end := context.WithCancel(ctx)
	return open, end, context.Cause(ctx)
}

// Paused says no.
func (Never) Paused() (Switch, bool) { return Switch{}, false }
