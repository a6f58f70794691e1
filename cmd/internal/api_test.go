package internal

import (
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	t.Parallel()
	var r rate
	begin := time.Unix(1000, 0)
	for i, step := range []struct {
		total int64
		after time.Duration
		want  float64
	}{{100, 0, 0}, {120, 2 * time.Second, 10}, {120, 4 * time.Second, 0}, {121, 8 * time.Second, .25}, {130, 8 * time.Second, 0}} {
		if got := r.perSecond(step.total, begin.Add(step.after)); got != step.want {
			t.Errorf("step %d: got %v a second, want %v", i, got, step.want)
		}
	}
}
