package ingest

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/obs"
)

// outageReminder is how often a lasting outage is logged again.
const outageReminder = time.Minute

// outage tells of a buffer that is away or full: once when it begins, now and
// then while it lasts, and when it is over.
type outage struct {
	in     *Ingest
	msg    string
	since  time.Time // zero: there is none
	logged time.Time
	full   bool
}

func (in *Ingest) newOutage(msg string) *outage { return &outage{in: in, msg: msg} }

// notify is called for each failure that is tried again.
func (o *outage) notify(err error, wait time.Duration) {
	o.in.pushes.Within(stepTime)
	now := time.Now()
	full := errors.Is(err, event.ErrFull)
	o.in.counters.retry(full)
	if o.since.IsZero() {
		o.since = now
	}
	if !o.logged.IsZero() && o.full == full && now.Sub(o.logged) < outageReminder {
		return
	}
	o.logged, o.full = now, full
	if full {
		o.in.state.buffer(StateFull)
		o.in.log.Warn("buffer is full; waiting for the filters to drain it")
		return
	}
	o.in.state.fail(err)
	o.in.state.buffer(StateAway)
	o.in.log.Warn(o.msg, zap.NamedError(obs.Error, err), zap.Duration(obs.Delay, wait))
}

// over ends the outage, if there was one.
func (o *outage) over() {
	if o.since.IsZero() {
		return
	}
	o.in.state.buffer("")
	o.in.log.Info("buffer answers again", zap.Int64(obs.ElapsedMS, time.Since(o.since).Milliseconds()))
	o.since, o.logged = time.Time{}, time.Time{}
}
