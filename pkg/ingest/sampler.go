package ingest

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// A sampler lets the first lines of a kind through and then one in a while, so
// that hostile input cannot fill a disk with warnings.
const (
	sampleBurst = 10
	samplePause = 10 * time.Second
)

type sampler struct {
	mu      sync.Mutex
	written int
	skipped int64
	last    time.Time
}

func newSampler() *sampler { return &sampler{} }

// warn writes a warning, or counts it for the next one that is written.
func (s *sampler) warn(log *zap.Logger, msg string, fields ...zap.Field) {
	s.write(log.Warn, msg, fields)
}

// error does likewise with an error.
func (s *sampler) error(log *zap.Logger, msg string, fields ...zap.Field) {
	s.write(log.Error, msg, fields)
}

// info does likewise with news.
func (s *sampler) info(log *zap.Logger, msg string, fields ...zap.Field) {
	s.write(log.Info, msg, fields)
}

func (s *sampler) write(line func(string, ...zap.Field), msg string, fields []zap.Field) {
	skipped, pass := s.pass(time.Now())
	if !pass {
		return
	}
	if skipped > 0 {
		fields = append(fields, zap.Int64("not_logged", skipped))
	}
	line(msg, fields...)
}

func (s *sampler) pass(now time.Time) (skipped int64, pass bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.written >= sampleBurst && now.Sub(s.last) < samplePause {
		s.skipped++
		return 0, false
	}
	skipped = s.skipped
	s.written++
	s.skipped, s.last = 0, now
	return skipped, true
}
