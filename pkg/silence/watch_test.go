package silence

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stream is a source in virtual time.
type stream struct {
	t     *testing.T
	path  string
	watch *Watch
	logs  *observer.ObservedLogs
	count atomic.Int64
	held  atomic.Bool
	rate  func(t time.Time) float64 // events a second
	stop  func()
	owed  float64
}

func newStream(t *testing.T, rate func(time.Time) float64) *stream {
	t.Helper()
	s := &stream{t: t, path: filepath.Join(t.TempDir(), "state", "silence.json"), rate: rate}
	s.start()
	return s
}

// start starts a watch that finds what the one before has kept.
func (s *stream) start() {
	s.t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	w, err := New(Config{
		Source: "test", Path: s.path, Log: zap.New(core), Registerer: prometheus.NewRegistry(),
		Count: func() (int64, bool) { return s.count.Load(), !s.held.Load() },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.watch, s.logs = w, logs
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	s.stop = func() {
		cancel()
		<-done
	}
	time.Sleep(minute / 2) // steps end between the watch's own
}

// run lets time pass.
func (s *stream) run(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		s.owed += s.rate(time.Now()) * minute.Seconds()
		whole := math.Floor(s.owed)
		s.owed -= whole
		s.count.Add(int64(whole))
		time.Sleep(minute)
	}
	synctest.Wait()
}

func (s *stream) check(what string, quiet bool) {
	s.t.Helper()
	if got := s.watch.Quiet(); (got != nil) != quiet {
		s.t.Errorf("%s, at %s: quiet is %+v, want %v", what, time.Now().UTC().Format("Mon 15:04"), got, quiet)
	}
}

const day, week = 24 * time.Hour, 7 * 24 * time.Hour

// byDay is ten times as busy at noon as at midnight, and half as busy on Sundays.
func byDay(t time.Time) float64 {
	rate := 5.5 - 4.5*math.Cos(2*math.Pi*float64(t.UTC().Hour())/24)
	if t.UTC().Weekday() == time.Sunday {
		rate /= 2
	}
	return rate
}

func TestUsualDaysAreNoSilence(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]func(time.Time) float64{
		"by day":       byDay,
		"slow":         func(t time.Time) float64 { return byDay(t) / 10_000 },
		"never":        func(time.Time) float64 { return 0 },
		"night is off": func(t time.Time) float64 { return math.Max(0, -math.Cos(2*math.Pi*float64(t.UTC().Hour())/24)) },
		"growing":      func(t time.Time) float64 { return byDay(t) * math.Exp(float64(t.Unix()-946_684_800)/1e6) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStream(t, rate)
				defer func() { s.stop() }()
				s.run(2 * week)
				if n := s.logs.Len(); n > 0 {
					t.Errorf("%d lines, the first %+v; want none", n, s.logs.All()[0])
				}
			})
		})
	}
}

// A source that falls far below its usual rate is told of once, within minutes,
// and once when it is back.
func TestSilenceAndBack(t *testing.T) {
	t.Parallel()
	for name, share := range map[string]float64{"nothing": 0, "a twentieth": 0.05} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				now := 1.0
				s := newStream(t, func(t time.Time) float64 { return byDay(t) * now })
				defer func() { s.stop() }()
				s.run(2 * week)
				s.check("before", false)
				now = share
				begun := time.Now()
				s.run(10 * minute)
				s.check("after ten minutes", true)
				q := s.watch.Quiet()
				if off := q.Since.Sub(begun).Abs(); off > 2*minute || q.Rate > 0.1*q.Usual {
					t.Errorf("quiet %+v, want it since %v, below a tenth", q, begun)
				}
				s.run(6 * time.Hour)
				s.check("hours later", true)
				if got := s.watch.Quiet().Since; !got.Equal(q.Since) {
					t.Errorf("quiet since %v, was since %v", got, q.Since)
				}
				now = 1
				s.run(15 * minute)
				s.check("back", false)
				s.run(week)
				s.check("a week later", false)
				if n := s.logs.Len(); n != 2 {
					t.Errorf("%d lines %+v, want two", n, s.logs.All())
				}
			})
		})
	}
}

// A slow source is judged after as long as it takes.
func TestSlowSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := 1.0 / 120 // thirty an hour
		s := newStream(t, func(time.Time) float64 { return now })
		defer func() { s.stop() }()
		s.run(2 * week)
		now = 0
		s.run(30 * minute)
		s.check("after half an hour", false)
		s.run(45 * minute)
		s.check("after more than an hour", true)
	})
}

// The first day is not judged; the rest of the first week by the same hour on
// other days.
func TestFirstWeek(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := 1.0
		s := newStream(t, func(t time.Time) float64 { return byDay(t) * now })
		defer func() { s.stop() }()
		s.run(2 * minute)
		now = 0
		s.run(12 * time.Hour)
		s.check("on the first day", false)
		now = 1
		s.run(30 * time.Hour)
		now = 0
		s.run(10 * minute)
		s.check("on the second day", true)
	})
}

// While a source is held, nothing comes and nothing is learnt.
func TestHeldSourceIsNotQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := 1.0
		s := newStream(t, func(t time.Time) float64 { return byDay(t) * now })
		defer func() { s.stop() }()
		s.run(2 * week)
		s.held.Store(true)
		now = 0
		s.run(2 * day)
		s.check("held", false)
		s.held.Store(false)
		now = 1
		s.run(week)
		if n := s.logs.Len(); n > 0 {
			t.Errorf("%d lines, want none: %+v", n, s.logs.All()[0])
		}
	})
}

// One week's outage is not what is usual the week after; a lasting change is,
// some weeks later.
func TestOutagesDoNotBecomeUsual(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := 1.0
		s := newStream(t, func(t time.Time) float64 { return byDay(t) * now })
		defer func() { s.stop() }()
		s.run(4 * week)
		now = 0
		s.run(week)
		now = 1
		s.run(week)
		s.check("after the outage", false)
		now = 0
		s.run(10 * minute)
		s.check("in the next outage", true)
		now = 0.05
		s.run(5 * week)
		s.check("after weeks of a twentieth", false)
	})
}

// What was learnt is there after a restart; junk in its place is not, and no
// more than a warning.
func TestProfileIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := 1.0
		s := newStream(t, func(t time.Time) float64 { return byDay(t) * now })
		s.run(week)
		s.stop()
		s.start()
		now = 0
		s.run(10 * minute)
		s.check("after a restart", true)
		if got := testutil.CollectAndCount(s.watch.config.Registerer.(*prometheus.Registry)); got != 2 {
			t.Errorf("%d gauges, want 2", got)
		}
		s.stop()
		size, err := os.Stat(s.path)
		if err != nil || size.Size() > 64<<10 {
			t.Errorf("file of %d bytes, %v", size.Size(), err)
		}
		for _, junk := range []string{"", "junk", `{"version":2}`, `{"version":1,"rates":[[1]]}`, `{"version":1,"rates":null}`} {
			if err := os.WriteFile(s.path, []byte(junk), 0o600); err != nil {
				t.Fatal(err)
			}
			s.start()
			s.run(20 * minute)
			s.check("without a profile", false)
			s.stop()
			if s.logs.Len() != 1 {
				t.Errorf("%q: %d lines, want one that says so", junk, s.logs.Len())
			}
		}
	})
}

func FuzzProfile(f *testing.F) {
	full, err := json.Marshal(new(profile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Add([]byte(`{"version":1,"rates":[[1e39]]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p profile
		if json.Unmarshal(data, &p) != nil {
			return
		}
		for h := range hours {
			at := time.Unix(int64(h)*3600, 0)
			if rate, _ := p.usual(at); rate < 0 || math.IsNaN(rate) || math.IsInf(rate, 0) {
				t.Errorf("usual rate %v", rate)
			}
			p.learn(at, 1)
		}
	})
}
