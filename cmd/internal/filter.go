package internal

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"riffle/pkg/config"
	"riffle/pkg/control"
	"riffle/pkg/daemon"
	"riffle/pkg/filter"
	"riffle/pkg/obs"
	"riffle/pkg/pause"
	"riffle/pkg/store"
)

// Filtering is what the parts of a filter are made of.
type Filtering struct {
	Setting  *config.Store // names the store in messages
	Store    Store
	Buffer   *Buffer
	Keep     config.Duration
	StoreAll config.Switch
	// Allowance is how much a rule may keep a minute; 0 is the filter's default.
	Allowance config.Count
}

// FilterParts makes the stage that takes from the buffer and writes to the
// store, once that is there with the right schema, and what removes from the
// store what is older than it must be.
func (p *Process) FilterParts(f Filtering) []daemon.Part {
	p.watchStore(f.Setting)
	gate := p.newGate("filter", f.Buffer, control.GateConfig{Stages: []string{pause.Filter}, Spread: f.Buffer.Pause})
	stage := filter.New(filter.Config{
		Switch: gate,
		Taker:  f.Buffer, Writer: f.Store, Rules: f.Store, Recent: f.Buffer.Recent, Ledger: f.Store, Log: p.Log, Registerer: p.Registry, StoreAll: bool(f.StoreAll),
		Allowance: int64(f.Allowance),
	})
	p.loops = append(p.loops, stage.Stuck)
	checked := make(chan struct{})
	run := func(ctx context.Context) error {
		if err := AwaitSchema(ctx, f.Setting, f.Store, p.Log); err != nil {
			return err
		}
		close(checked)
		return stage.Run(ctx)
	}
	return []daemon.Part{
		{Name: "filter", Run: run},
		p.purgePart(f, checked),
		p.DurabilityPart(f.Buffer),
		p.BeatPart("filter", "", f.Buffer, func(b *control.Beat) { tellFilter(b, stage.Status()) }),
	}
}

// purgeEvery is how often old rows are looked for. Filters need no agreement on
// whose turn it is: what one has removed the next does not find.
const purgeEvery = time.Minute

// letGoAfter is how long nobody has written a drained source when filters stop
// asking for it. It comes back with its next writer.
const letGoAfter = 7 * 24 * time.Hour

// Dead letters beyond either bound are removed, the oldest first.
const (
	maxDeadLetters = 10_000
	maxDeadBytes   = 256 << 20
)

func (p *Process) purgePart(f Filtering, checked <-chan struct{}) daemon.Part {
	log := p.Log.With(zap.String(obs.Component, "retention"))
	keep := store.DefaultRetention(time.Duration(f.Keep))
	forgotten := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "riffle_filter_dead_letters_dropped_total",
		Help: "Dead letters that this process removed unread because there were too many. Look at riffle dead list: what fails?",
	})
	p.Registry.MustRegister(forgotten)
	return daemon.Part{Name: "retention", Run: func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-checked:
		}
		every(ctx, purgeEvery, func() {
			began := time.Now()
			removed, err := f.Store.Purge(ctx, keep)
			switch {
			case err != nil && ctx.Err() == nil:
				// The next round goes on where this one stopped.
				log.Warn("old rows not all removed", zap.NamedError(obs.Error, err))
			case removed > 0:
				log.Info("old rows removed", zap.Int64("rows", removed), zap.Int64(obs.ElapsedMS, time.Since(began).Milliseconds()))
			}
			gone, err := f.Buffer.LetGo(ctx, letGoAfter)
			if err != nil && ctx.Err() == nil {
				log.Debug("sources not looked through", zap.NamedError(obs.Error, err))
			}
			for _, source := range gone {
				log.Info("source let go: drained, and nobody has written it for long", zap.String(obs.Source, source))
			}
			dropped, err := f.Store.TrimDeadLetters(ctx, maxDeadLetters, maxDeadBytes)
			switch {
			case err != nil && ctx.Err() == nil:
				log.Warn("dead letters not trimmed", zap.NamedError(obs.Error, err))
			case dropped > 0:
				forgotten.Add(float64(dropped))
				log.Error("oldest dead letters dropped: there are too many; see riffle dead list", zap.Int64("letters", dropped))
			}
		})
		return nil
	}}
}

func tellFilter(b *control.Beat, s filter.Status) {
	b.State = string(s.State)
	b.Rates = map[string]float64{"events": s.Rate}
	b.Totals = map[string]int64{
		"frames": s.Frames, "events": s.Events, "deletions": s.Deletions, "matches": s.Matches, "rules": int64(s.Rules),
		"dead_letters": s.DeadLetters,
	}
	for _, f := range s.Floods {
		b.Notices = append(b.Notices, control.Notice{
			Kind: "flood", From: f.At,
			Text: fmt.Sprintf("rule %d of user %d is off: it kept more in a minute than it may", f.Rule, f.User),
		})
	}
	for _, broken := range s.Broken {
		b.Notices = append(b.Notices, control.Notice{
			Kind: "rule", From: broken.At,
			Text: fmt.Sprintf("rule %d was broken in the store, and is as it was before, or skipped: %s", broken.Rule, broken.Reason),
		})
	}
	b.LastError, b.LastErrorAt = s.LastError, s.LastErrorAt
}
