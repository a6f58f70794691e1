package obs_test

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"riffle/pkg/obs"
)

func TestSamplerTellsWhatItKeptBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, lines := observer.New(zapcore.DebugLevel)
		log := zap.New(core)
		var s obs.Sampler
		for range obs.SampleBurst + 5 {
			s.Error(log, "x")
		}
		if got := lines.Len(); got != obs.SampleBurst {
			t.Errorf("%d lines, want %d", got, obs.SampleBurst)
		}
		for _, want := range []any{int64(5), nil} {
			time.Sleep(obs.SamplePause)
			s.Warn(log, "x")
			last := lines.TakeAll()
			if got := last[len(last)-1].ContextMap()[obs.NotLogged]; got != want {
				t.Errorf("after a pause: %v lines not logged, want %v", got, want)
			}
		}
	})
}
