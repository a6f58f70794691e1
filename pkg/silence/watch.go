// Package silence notices when a source goes quiet. A stream that brings nothing
// looks like one that has nothing to bring; what is usual at this hour of the
// week tells the two apart.
package silence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"riffle/pkg/obs"
)

const (
	minute = time.Minute
	// span is how many minutes are looked back at most, for as long as it takes
	// that leastExpected events should have come; a source that is slower than
	// that is not judged.
	span          = 24 * 60
	leastMinutes  = 5
	leastExpected = 30
	// A source is quiet below a tenth of what is usual, until it is above half.
	quietShare, backShare = 0.1, 0.5
	// leastHour is how many minutes of an hour must have been seen to learn from.
	leastHour = 30
)

// Config is what a Watch needs. All fields but Path and Registerer are required.
type Config struct {
	// Source is its name.
	Source string
	// Count gives how many events the source has brought so far, and whether it
	// is being read: while it is held or stands by, it is no silence.
	Count func() (events int64, reading bool)
	// Path is the file that keeps what was learnt; empty: nothing is kept.
	Path       string
	Log        *zap.Logger
	Registerer prometheus.Registerer
}

// Quiet says how far below its usual rate a source is.
type Quiet struct {
	Since time.Time
	Rate  float64 // events a second, since then
	Usual float64
}

// Watch learns a source's rate and tells when it falls far below.
type Watch struct {
	config  Config
	log     *zap.Logger
	profile profile

	minutes [span]seen // a ring
	minute  int        // how many minutes there were
	last    int64      // events at the end of the last one; -1: unknown
	hour    tally      // the current one

	mu    sync.Mutex
	quiet *Quiet
	usual float64 // now
}

// seen is one minute: what came, and what was to be expected; nothing of either
// while the source was not read.
type seen struct{ events, expected float64 }

// tally is what came within an hour.
type tally struct {
	at      time.Time
	minutes int
	events  float64
}

// New makes a Watch that knows what is in its file.
//
// Errors: gauges that are registered already. A file that can't be read is
// logged, and learning begins anew.
func New(c Config) (*Watch, error) {
	w := &Watch{config: c, log: c.Log.With(zap.String(obs.Component, "silence"), zap.String(obs.Source, c.Source)), last: -1}
	if err := w.load(); err != nil {
		w.log.Warn("what was learnt of the source's usual rate can't be read; learning anew", zap.NamedError(obs.Error, err))
	}
	return w, w.register()
}

func (w *Watch) register() error {
	if w.config.Registerer == nil {
		return nil
	}
	to := prometheus.WrapRegistererWith(prometheus.Labels{"source": w.config.Source}, w.config.Registerer)
	gauge := func(name, help string, value func() float64) error {
		return to.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "riffle", Subsystem: "ingest", Name: name, Help: help}, value))
	}
	return errors.Join(
		gauge("quiet", "1 while the source brings less than a tenth of what is usual at this hour of the week. Look at its server, and at the options of --source.", func() float64 {
			if w.Quiet() != nil {
				return 1
			}
			return 0
		}),
		gauge("usual_rate", "Events a second that are usual at this hour of the week; 0 while that is not known.", func() float64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.usual
		}),
	)
}

// Quiet says that the source is far below its usual rate; nil: it is not, or
// nobody knows.
func (w *Watch) Quiet() *Quiet {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.quiet == nil {
		return nil
	}
	q := *w.quiet
	return &q
}

// Run watches until ctx ends, and then keeps what it has learnt.
func (w *Watch) Run(ctx context.Context) {
	ticker := time.NewTicker(minute)
	defer ticker.Stop()
	w.last, _ = w.config.Count()
	for {
		select {
		case now := <-ticker.C:
			w.observe(now)
		case <-ctx.Done():
			w.save()
			return
		}
	}
}

// observe takes what came within the minute before now.
func (w *Watch) observe(now time.Time) {
	events, reading := w.config.Count()
	came := float64(events - w.last)
	if !reading || w.last < 0 {
		w.last = -1
		if reading {
			w.last = events
		}
		w.note(seen{})
		return
	}
	w.last = events
	begun := now.Add(-minute)
	w.learn(begun, came)
	usual, known := w.profile.usual(begun)
	w.mu.Lock()
	w.usual = usual
	w.mu.Unlock()
	if !known {
		w.note(seen{})
		return
	}
	w.note(seen{came, usual * minute.Seconds()})
	w.judge(now)
}

func (w *Watch) note(s seen) {
	w.minutes[w.minute%span] = s
	w.minute++
}

// learn counts a minute, and learns an hour when it is over.
func (w *Watch) learn(at time.Time, came float64) {
	if hour := at.Truncate(time.Hour); !hour.Equal(w.hour.at) {
		if w.hour.minutes >= leastHour {
			w.profile.learn(w.hour.at, w.hour.events/(float64(w.hour.minutes)*minute.Seconds()))
			w.save()
		}
		w.hour = tally{at: hour}
	}
	w.hour.minutes++
	w.hour.events += came
}

// judge looks back as far as it must to see whether the source is quiet.
func (w *Watch) judge(now time.Time) {
	var came seen
	n := 0
	for n < min(w.minute, span) && (n < leastMinutes || came.expected < leastExpected) {
		n++
		m := w.minutes[(w.minute-n)%span]
		came.events += m.events
		came.expected += m.expected
	}
	if n < leastMinutes || came.expected < leastExpected {
		return
	}
	length := time.Duration(n) * minute
	share, quiet := came.events/came.expected, w.Quiet()
	switch {
	case quiet == nil && share < quietShare:
		w.set(&Quiet{now.Add(-length), came.events / length.Seconds(), came.expected / length.Seconds()})
		w.log.Warn("source has gone quiet: far less comes than usual at this hour of the week", w.fields()...)
	case quiet != nil && share > backShare:
		fields := append(w.fields(), zap.Duration("length", now.Sub(quiet.Since)))
		w.set(nil)
		w.log.Info("source brings about as much as usual again", fields...)
	case quiet != nil:
		w.set(&Quiet{quiet.Since, came.events / length.Seconds(), came.expected / length.Seconds()})
	}
}

func (w *Watch) set(q *Quiet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.quiet = q
}

func (w *Watch) fields() []zap.Field {
	q := w.Quiet()
	return []zap.Field{zap.Time("since", q.Since), zap.Float64("rate", q.Rate), zap.Float64("usual", q.Usual)}
}

func (w *Watch) load() error {
	if w.config.Path == "" {
		return nil
	}
	data, err := os.ReadFile(w.config.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &w.profile); err != nil {
		return fmt.Errorf("%s: %w", w.config.Path, err)
	}
	return nil
}

// save keeps what was learnt; where that fails, the next hour tries again.
func (w *Watch) save() {
	if w.config.Path == "" {
		return
	}
	if err := w.write(); err != nil {
		w.log.Warn("what was learnt of the source's usual rate is not kept", zap.NamedError(obs.Error, err))
	}
}

// write replaces the file as a whole.
func (w *Watch) write() error {
	data, err := json.Marshal(&w.profile)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(w.config.Path), 0o750); err != nil {
		return err
	}
	next := w.config.Path + ".new"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, w.config.Path)
}
