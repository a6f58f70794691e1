package filter

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// The sample fills its quota at any rate, spread over the hour, and does not
// pass it by much when a flood begins.
func TestSamplerHoldsItsQuota(t *testing.T) {
	t.Parallel()
	const quota = 36_000 // ten a second
	tests := []struct {
		name      string
		perSecond int
		min, max  int // of ten minutes
	}{
		{"less than the quota", 4, 2400, 2400},
		{"five times the quota", 50, 5000, 7000},
		{"a flood", 5000, 4500, 7500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSampler(quota)
				got, key := 0, 0
				for range 600 {
					for range 10 {
						s.turn()
						for i := 0; i < tt.perSecond; i += 10 {
							if key++; s.take(fmt.Sprint("key", key)) {
								got++
							}
						}
						time.Sleep(100 * time.Millisecond)
					}
				}
				if tt.perSecond < 10 {
					got = got * tt.perSecond / 10 // each tenth had one event at least
				}
				if got < tt.min || got > tt.max {
					t.Errorf("sampled %d events in ten minutes, want %d to %d", got, tt.min, tt.max)
				}
			})
		})
	}
}

// All versions of an event fare alike while the share stands.
func TestSamplerPicksByKey(t *testing.T) {
	t.Parallel()
	s := newSampler(sampleQuota)
	s.share.Store(1 << 63)
	s.left.Store(1 << 40)
	picked := 0
	for i := range 1000 {
		key := fmt.Sprint("key", i)
		first := s.take(key)
		if second := s.take(key); first != second {
			t.Fatalf("take(%q) = %v, then %v", key, first, second)
		}
		if first {
			picked++
		}
	}
	if picked < 400 || picked > 600 {
		t.Errorf("picked %d of 1000 keys with a share of a half", picked)
	}
}
