package filter

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"riffle/pkg/event"
)

// sampleQuota is how many public events that nobody keeps are stored in an
// hour, for preview and for the warning of a broad rule.
const sampleQuota = 100_000

// sampleTurn is how often the share is set anew.
const sampleTurn = time.Second

// sampler picks a share of events by a hash of the key, so that all versions of
// an event fare alike. The share follows the rate of events: all while there
// are fewer than the quota, else what spreads the quota over the hour.
type sampler struct {
	quota float64 // events a turn
	share atomic.Uint64
	seen  atomic.Int64
	left  atomic.Int64

	mu   sync.Mutex
	next time.Time
	rate float64 // events a turn, smoothed
}

func newSampler(perHour int) *sampler {
	s := &sampler{quota: float64(perHour) * sampleTurn.Hours()}
	s.share.Store(math.MaxUint64)
	s.left.Store(s.burst())
	return s
}

// burst bounds what one turn may take: a flood that begins within a turn comes
// before its rate is known.
func (s *sampler) burst() int64 { return int64(4 * s.quota) }

// turn sets the share when a turn has passed.
func (s *sampler) turn() {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.next) {
		return
	}
	turns := 1.0
	if !s.next.IsZero() {
		turns += now.Sub(s.next).Seconds() / sampleTurn.Seconds()
	}
	s.next = now.Add(sampleTurn)
	seen := float64(s.seen.Swap(0)) / turns
	s.rate = max(seen, s.rate+(seen-s.rate)*0.1) // up at once, down slowly
	s.left.Store(s.burst())
	if s.rate <= s.quota {
		s.share.Store(math.MaxUint64)
		return
	}
	s.share.Store(uint64(s.quota / s.rate * math.MaxUint64))
}

// take counts an event and reports whether it belongs to the sample.
func (s *sampler) take(key string) bool {
	s.seen.Add(1)
	return event.SamplePlace(key) <= s.share.Load() && s.left.Add(-1) >= 0
}
