package obs

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// What a Sampler lets through.
const (
	SampleBurst = 10
	SamplePause = 10 * time.Second
)

// Sampler lets the first lines of a kind through and then one in a while, so
// that hostile input cannot fill a disk with them. The zero value works, for many
// goroutines.
type Sampler struct {
	mu      sync.Mutex
	written int
	skipped int64
	last    time.Time
}

// Warn writes a warning, or counts it for the next line that is written.
func (s *Sampler) Warn(log *zap.Logger, msg string, fields ...zap.Field) {
	s.write(log.Warn, msg, fields)
}

// Error does likewise with an error.
func (s *Sampler) Error(log *zap.Logger, msg string, fields ...zap.Field) {
	s.write(log.Error, msg, fields)
}

// Info does likewise with news.
func (s *Sampler) Info(log *zap.Logger, msg string, fields ...zap.Field) {
	s.write(log.Info, msg, fields)
}

func (s *Sampler) write(line func(string, ...zap.Field), msg string, fields []zap.Field) {
	skipped, pass := s.pass(time.Now())
	if !pass {
		return
	}
	if skipped > 0 {
		fields = append(fields, zap.Int64(NotLogged, skipped))
	}
	line(msg, fields...)
}

func (s *Sampler) pass(now time.Time) (skipped int64, pass bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.written >= SampleBurst && now.Sub(s.last) < SamplePause {
		s.skipped++
		return 0, false
	}
	skipped = s.skipped
	s.written++
	s.skipped, s.last = 0, now
	return skipped, true
}
