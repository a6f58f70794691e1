package silence

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	hours = 7 * 24
	// weeks is of how many weeks each hour's rate is kept: their median stands an
	// outage in three of them, and follows a lasting change within four.
	weeks = 8
)

// profile is a source's usual rate by hour of the week, in UTC. Its size is
// fixed.
type profile struct {
	hours [hours][]float32 // events a second, the newest last
}

// slot is the hour of the week of t.
func slot(t time.Time) int {
	t = t.UTC()
	return int(t.Weekday())*24 + t.Hour()
}

// learn adds the mean rate of one hour.
func (p *profile) learn(at time.Time, rate float64) {
	known := &p.hours[slot(at)]
	if len(*known) == weeks {
		*known = slices.Delete(*known, 0, 1)
	}
	*known = append(*known, float32(rate))
}

// usual is the rate to expect at t. Of an hour of the week that has not been yet
// it is that of the same hour on other days.
func (p *profile) usual(t time.Time) (rate float64, known bool) {
	at := slot(t)
	if len(p.hours[at]) > 0 {
		return median(p.hours[at]), true
	}
	var same []float32
	for hour := at % 24; hour < hours; hour += 24 {
		if rates := p.hours[hour]; len(rates) > 0 {
			same = append(same, float32(median(rates)))
		}
	}
	if len(same) == 0 {
		return 0, false
	}
	return median(same), true
}

// median gives the lower one of two in the middle.
func median(rates []float32) float64 {
	sorted := slices.Sorted(slices.Values(rates))
	return float64(sorted[(len(sorted)-1)/2])
}

// stored is a profile in JSON.
type stored struct {
	Version int         `json:"version"`
	Rates   [][]float32 `json:"rates"` // by hour of the week, from Sunday, 0 h UTC
}

const storedVersion = 1

// MarshalJSON writes the rates.
func (p *profile) MarshalJSON() ([]byte, error) {
	return json.Marshal(stored{storedVersion, p.hours[:]})
}

// UnmarshalJSON reads what MarshalJSON has written.
func (p *profile) UnmarshalJSON(data []byte) error {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	if s.Version != storedVersion || len(s.Rates) != hours {
		return fmt.Errorf("version %d with %d hours, want %d with %d", s.Version, len(s.Rates), storedVersion, hours)
	}
	for i, rates := range s.Rates {
		if len(rates) > weeks || slices.ContainsFunc(rates, func(r float32) bool { return r < 0 || math.IsInf(float64(r), 0) }) {
			return fmt.Errorf("rates %v of hour %d make no sense", rates, i)
		}
	}
	copy(p.hours[:], s.Rates)
	return nil
}
