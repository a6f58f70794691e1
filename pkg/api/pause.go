package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"riffle/pkg/pause"
)

// Switch is the operator's wish that the api answers nobody.
type Switch interface {
	// Paused gives the switch that pauses the api now, if one does.
	Paused() (by pause.Switch, paused bool)
	// Begins gives a channel that is closed once the api is paused.
	Begins() <-chan struct{}
}

// Switches are those of all stages.
type Switches interface {
	// Switches lists those that were ever flipped, and tells the time by the
	// clock of who keeps them.
	Switches(ctx context.Context) ([]pause.Switch, time.Time, error)
	// Flip fulfils a wish: the switch that it returns is newer than all before.
	Flip(ctx context.Context, wish *pause.Wish) (pause.Switch, error)
}

// noSwitch never pauses.
type noSwitch struct{}

func (noSwitch) Paused() (pause.Switch, bool) { return pause.Switch{}, false }
func (noSwitch) Begins() <-chan struct{}      { return nil }

// noSwitches stand for those of an api without a buffer.
type noSwitches struct{}

var errNoSwitches = errors.New("no buffer is configured")

func (noSwitches) Switches(context.Context) ([]pause.Switch, time.Time, error) {
	return nil, time.Time{}, errNoSwitches
}

func (noSwitches) Flip(context.Context, *pause.Wish) (pause.Switch, error) {
	return pause.Switch{}, errNoSwitches
}

// pauseRetry is the longest that a client of a paused api is told to wait.
const pauseRetry = 30 * time.Second

// refusePaused ends a request while the api is paused.
func (a *API) refusePaused() error {
	by, paused := a.gate.Paused()
	if !paused {
		return nil
	}
	wait := pauseRetry
	if !by.Until.IsZero() {
		wait = min(max(by.Until.Sub(a.now()), time.Second), pauseRetry)
	}
	return maintenance.because("The service is paused for maintenance. Nothing is lost: try again later.").
		telling("Retry-After", strconv.Itoa(int(wait.Seconds())))
}

// switchForm is a switch in JSON. Since and until are null where they say
// nothing.
type switchForm struct {
	Stage     string `json:"stage"`
	Paused    bool   `json:"paused"` // now; false once until has come
	Revision  int64  `json:"revision"`
	Who       string `json:"who"`
	Reason    string `json:"reason"`
	Since     stamp  `json:"since"`
	Until     stamp  `json:"until"`
	AcceptGap bool   `json:"accept_gap"`
}

func formOfSwitch(s *pause.Switch, now time.Time) switchForm {
	return switchForm{
		Stage: s.Stage, Paused: s.On(now), Revision: s.Revision, Who: s.Who, Reason: s.Reason,
		Since: stamp(s.Since), Until: stamp(s.Until), AcceptGap: s.AcceptGap,
	}
}

// pauseStage serves POST /v1/stages/{stage}/pause.
func (a *API) pauseStage(w http.ResponseWriter, r *http.Request, who *identity) error {
	var length string
	wish := pause.Wish{Pause: true}
	if err := readOptional(w, r, fields{"reason": &wish.Reason, "for": &length, "accept_gap": &wish.AcceptGap}); err != nil {
		return err
	}
	if length != "" {
		var err error
		if wish.For, err = parseSpan(length); err != nil || wish.For <= 0 {
			return badValue("for", "must be a time span such as 90s, 10m, 2h or 2d")
		}
	}
	return a.flip(w, r, who, &wish)
}

// resumeStage serves POST /v1/stages/{stage}/resume.
func (a *API) resumeStage(w http.ResponseWriter, r *http.Request, who *identity) error {
	var wish pause.Wish
	if err := readOptional(w, r, fields{"reason": &wish.Reason}); err != nil {
		return err
	}
	return a.flip(w, r, who, &wish)
}

// readOptional is readBody for calls that need no body.
func readOptional(w http.ResponseWriter, r *http.Request, known fields) error {
	if r.ContentLength == 0 {
		return nil
	}
	return readBody(w, r, known)
}

func (a *API) flip(w http.ResponseWriter, r *http.Request, who *identity, wish *pause.Wish) error {
	var err error
	if wish.Stage, err = pause.ParseStage(r.PathValue("stage")); err != nil {
		return notFound.because("There is no such stage to pause; there are ingest, ingest%%2FNAME, filter and api.")
	}
	if err := wish.Check(); err != nil {
		return badValue("reason", err.Error())
	}
	if a.switches == Switches(noSwitches{}) {
		return noBuffer()
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	if wish.Pause {
		stages, err := a.stages.Stages(ctx)
		if err != nil {
			return bufferAway(err)
		}
		if err := CheckGap(stages, wish); err != nil {
			return gapNotAccepted.because("%s. Set accept_gap to pause all the same.", capital(err.Error()))
		}
	}
	wish.Who = a.nameOf(ctx, who)
	done, err := a.switches.Flip(ctx, wish)
	if err != nil {
		return bufferAway(err)
	}
	return writeData(w, http.StatusOK, none{}, formOfSwitch(&done, done.Since))
}

// nameOf is how the one who asks stands in a switch; the store may be away.
func (a *API) nameOf(ctx context.Context, who *identity) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if user, err := a.store.User(ctx, who.user()); err == nil {
		return user.Name + " (api)"
	}
	return "user " + strconv.FormatInt(who.user(), 10) + " (api)"
}

func noBuffer() error {
	return maintenance.because("No buffer is configured for this api, and the switches are there. Start it with --buffer, or use `riffle pause --local` on each host.").
		telling("Retry-After", retryAfter)
}

func bufferAway(cause error) error {
	failure := maintenance.because("The buffer's server cannot be reached, and the switches are there. `riffle pause --local` works on each host without it.").
		telling("Retry-After", retryAfter)
	failure.cause = cause
	return failure
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// CheckGap refuses to pause an ingest that is alive and whose source cannot be
// read again, unless the wish accepts that its posts are lost.
func CheckGap(stages []Stage, wish *pause.Wish) error {
	if wish.AcceptGap {
		return nil
	}
	for i := range stages {
		s := &stages[i]
		if s.Stage == pause.Ingest && s.NoReplay && s.alive() && (wish.Stage == pause.Ingest || wish.Stage == pause.Source(s.Name)) {
			return errors.New("the source " + s.Name + " cannot be read again: what it tells during the pause is lost")
		}
	}
	return nil
}
