package filter

import (
	"context"
	"sync"
	"time"
)

// State is what a filter is doing.
type State string

// The states of a filter.
const (
	StateLoading State = "loading" // waits for the store to read the rules
	StateRunning State = "running"
	StateAway    State = "store_away" // takes nothing until the store answers
	StatePaused  State = "paused"     // by the operator
	StateStopped State = "stopped"
)

// Status is how a filter fares.
type Status struct {
	State   State
	Started time.Time
	// Rate is events per second over the last seconds.
	Rate float64
	// Totals since the start.
	Frames, Events, Deletions, Matches, DeadLetters int64
	// Rules is the number of rules in force, RulesAt when they were last found
	// to be up to date; the zero time is never.
	Rules   int
	RulesAt time.Time
	// Floods are rules that were switched off because they kept too much, and
	// whose owner has not looked yet: the newest, and at most maxTold.
	Floods []Flood
	// Broken are rules that somebody broke in the store: the newest, and at most
	// maxTold. What they were before is in force until a restart.
	Broken []Broken
	// LastError is the last failure and when it was; it may be long over.
	LastError   string
	LastErrorAt time.Time
}

// Flood is a rule that was switched off because it kept too much.
type Flood struct {
	Rule, User int64
	Value      string
	At         time.Time
}

// Broken is a rule that does not compile.
type Broken struct {
	Rule   int64
	Reason string
	At     time.Time
}

// rateEvery is how often the rate is measured.
const rateEvery = 2 * time.Second

// status guards a Status.
type status struct {
	mu      sync.Mutex
	current Status
}

func (s *status) begin(now time.Time) {
	s.current = Status{State: StateLoading, Started: now}
}

func (s *status) update(change func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.current)
}

func (s *status) set(state State) {
	s.update(func(st *Status) { st.State = state })
}

func (s *status) failed(err error) {
	s.update(func(st *Status) { st.LastError, st.LastErrorAt = err.Error(), time.Now() })
}

func (s *status) refreshed(at time.Time) {
	s.update(func(st *Status) { st.RulesAt = at })
}

func (s *status) finished(j *job) {
	s.update(func(st *Status) {
		st.Frames++
		st.Events += int64(j.events)
		st.Deletions += int64(j.deletions)
		st.Matches += int64(j.matches)
		st.DeadLetters += int64(len(j.dead))
	})
}

func (s *status) snapshot() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// measure keeps the rate until ctx ends.
func (s *status) measure(ctx context.Context) {
	ticker := time.NewTicker(rateEvery)
	defer ticker.Stop()
	last := s.snapshot().Events
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.update(func(st *Status) {
			st.Rate = float64(st.Events-last) / rateEvery.Seconds()
			last = st.Events
		})
	}
}
