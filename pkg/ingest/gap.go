package ingest

import (
	"slices"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/obs"
)

// keptGaps is how many of the newest gaps the status shows.
const keptGaps = 5

// gap tells of a stretch of the source that could not be had.
func (in *Ingest) gap(g event.Gap) {
	if g.To == 0 {
		g.To = event.TimeOf(time.Now())
	}
	fields := []zap.Field{zap.String(obs.Reason, g.Why), zap.Time("to", g.To.Std())}
	if g.From != 0 {
		fields = append(fields, zap.Time("from", g.From.Std()), zap.Duration("length", g.To.Std().Sub(g.From.Std())))
	}
	in.gapped.Error(in.log, "gap in the source: what it told in this stretch could not be had", fields...)
	in.counters.gap(g)
	in.state.gap(g)
}

func (s *state) gap(g event.Gap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gapCount++
	s.gaps = append(s.gaps, g)
	if n := len(s.gaps) - keptGaps; n > 0 {
		s.gaps = slices.Delete(s.gaps, 0, n)
	}
}
