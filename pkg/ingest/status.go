package ingest

import (
	"slices"
	"sync"
	"time"

	"riffle/pkg/event"
)

// State is what an ingest is doing.
type State string

// The states of an ingest; when several hold, the status shows the one that
// stands furthest down here.
const (
	StateStarting     State = "starting"
	StateReading      State = "reading"
	StateReconnecting State = "reconnecting" // waits until the source may be connected again
	StateSpooling     State = "spooling"     // the spool is not empty; the buffer takes what is in it
	StateFull         State = "buffer_full"
	StateAway         State = "buffer_away"
	StateStandby      State = "standby" // another ingest writes this source
	StatePaused       State = "paused"  // by the operator
	StateEnded        State = "ended"   // the source has ended, and everything was pushed
	StateStopped      State = "stopped" // as asked
)

// Status says how an ingest is doing.
type Status struct {
	State   State
	Summary Summary
	// Rate is accepted events per second, over the last ten seconds.
	Rate float64
	// Lag is the age of the oldest message in hand that the buffer does not hold
	// yet; 0 when there is none.
	Lag time.Duration
	// Spool is what waits on this host's own disk.
	Spool event.Depth
	// Refused is since when neither buffer nor spool takes what a source tells that
	// cannot be read again, and why; zero while one does.
	Refused    time.Time
	RefusedWhy string
	// LastMessage is when the newest message arrived that the buffer holds; zero
	// before the first.
	LastMessage time.Time
	// LastError is the newest failure of source or buffer, whether or not it is
	// over; empty when there was none.
	LastError   string
	LastErrorAt time.Time
	// Gaps are the newest stretches of the source that could not be had, oldest
	// first, and GapCount is how many there were since the start.
	Gaps     []event.Gap
	GapCount int64
}

// rateSeconds is the window of Rate.
const rateSeconds = 10

// state is what Status is made of.
type state struct {
	mu      sync.Mutex
	reader  State
	buffers State // full, away or neither
	spooled bool  // frames go to the spool
	holding time.Time
	last    time.Time
	err     string
	errAt   time.Time
	rate    meter

	refused    time.Time
	refusedWhy string

	gaps     []event.Gap
	gapCount int64
}

func newState() *state { return &state{reader: StateStarting} }

func (s *state) set(to State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reader = to
}

func (s *state) buffer(to State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffers = to
}

func (s *state) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.errAt = err.Error(), time.Now()
}

func (s *state) spool(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spooled = on
}

// refuse notes that nobody takes events, until accept.
func (s *state) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused.IsZero() {
		s.refused = time.Now()
	}
	s.refusedWhy = err.Error()
}

// accept ends what refuse has noted.
func (s *state) accept() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused, s.refusedWhy = time.Time{}, ""
}

// hold notes since when the oldest message in hand is there; zero: there is none.
func (s *state) hold(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holding = since
}

// pushed notes that the buffer holds what arrived at last.
func (s *state) pushed(last time.Time, events int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = last
	s.rate.add(time.Now(), events)
}

// lag is the age of the oldest message in hand.
func (s *state) lag() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holding.IsZero() {
		return 0
	}
	return time.Since(s.holding)
}

func (s *state) status(t *totals) Status {
	summary, lag := t.summary(), s.lag()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	st := Status{
		State: s.reader, Summary: summary, Rate: s.rate.perSecond(now),
		Lag: lag, LastMessage: s.last, LastError: s.err, LastErrorAt: s.errAt,
		Gaps: slices.Clone(s.gaps), GapCount: s.gapCount, Refused: s.refused, RefusedWhy: s.refusedWhy,
	}
	switch s.reader {
	case StateStandby, StatePaused, StateEnded, StateStopped:
	default:
		if s.spooled {
			st.State = StateSpooling
		}
		if s.buffers != "" {
			st.State = s.buffers
		}
	}
	return st
}

// meter counts by second, the current one and those of the window before it.
type meter struct {
	counts [rateSeconds + 1]int64
	newest int64 // the second last counted in, since 1970
}

func (m *meter) add(now time.Time, n int64) {
	m.advance(now.Unix())
	m.counts[m.newest%int64(len(m.counts))] += n
}

// advance empties the seconds that have passed since the last count.
func (m *meter) advance(second int64) {
	from := max(m.newest+1, second-int64(len(m.counts))+1)
	for s := from; s <= second; s++ {
		m.counts[s%int64(len(m.counts))] = 0
	}
	m.newest = max(m.newest, second)
}

// perSecond is the mean of the whole seconds of the window.
func (m *meter) perSecond(now time.Time) float64 {
	m.advance(now.Unix())
	var sum int64
	for i, n := range m.counts {
		if int64(i) != m.newest%int64(len(m.counts)) {
			sum += n
		}
	}
	return float64(sum) / rateSeconds
}
