package filter

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"riffle/pkg/auth"
	"riffle/pkg/event"
	"riffle/pkg/obs"
	"riffle/pkg/pause"
	"riffle/pkg/pulse"
	"riffle/pkg/retry"
	"riffle/pkg/rule"
)

// Taker hands out frames under a lease.
type Taker interface {
	// Take leases up to limit frames; when there are none it waits a little.
	Take(ctx context.Context, limit int) ([]event.Delivery, error)
	// Ack removes finished frames; a delivery that is not the latest of its
	// frame removes nothing.
	Ack(ctx context.Context, frames []event.Delivery) error
	// GiveBack puts frames back in front of those that wait.
	GiveBack(ctx context.Context, frames []event.Delivery) error
	// Renew prolongs the leases.
	Renew(ctx context.Context, frames []event.Delivery) error
}

// Writer writes what was decided.
type Writer interface {
	// Write stores a batch in one transaction, or nothing of it. It keeps
	// nothing of the batch when it returns.
	//
	// Errors: event.ErrRefused when a frame of the batch is another's or is
	// finished; event.ErrRow for a row that is refused for what is in it; what
	// passes is marked as transient. All others are about the store itself.
	Write(ctx context.Context, batch *event.Batch) error
	// AddRuleCounts adds to what rules matched in an hour.
	AddRuleCounts(ctx context.Context, counts []rule.Count) error
	// AddRuleMinutes adds to what rules matched in a minute, switches off those
	// that matched more than most in one, and gives them.
	AddRuleMinutes(ctx context.Context, minutes []rule.Minute, most int64) ([]rule.Rule, error)
	// Ping reports whether the store answers.
	Ping(ctx context.Context) error
}

// Rules tells which rules are in force, by ascending id, and what changed since a
// number, by number, what is gone included.
type Rules interface {
	RuleNumber(ctx context.Context) (int64, error)
	RulesInForce(ctx context.Context, after int64, limit int) ([]rule.Rule, error)
	RulesSince(ctx context.Context, number int64, limit int) ([]rule.Rule, error)
	LinksSince(ctx context.Context, number int64, limit int) ([]auth.Link, error)
}

// Deadlines and intervals.
const (
	// callTimeout bounds one call to the buffer or a read of the store; a
	// write may take longer, since a large one waits for locks and disk.
	callTimeout  = 10 * time.Second
	writeTimeout = time.Minute
	// renewEvery keeps leases, which last 15 s, through one failed renewal.
	renewEvery = 5 * time.Second
	// stopPatience is what a stop grants to the frames in hand, outagePatience
	// what a failing store is granted before they are given back: longer than a
	// deadlock or a restart of a connection, shorter than anyone's patience.
	stopPatience   = 10 * time.Second
	outagePatience = 2 * time.Second
	// giveBackPatience bounds the giving back; what can't be given back comes
	// free when its lease ends.
	giveBackPatience = 3 * time.Second
)

// Config is what a Filter is made of.
type Config struct {
	Taker      Taker       // required
	Writer     Writer      // required
	Rules      Rules       // required
	Log        *zap.Logger // required
	Registerer prometheus.Registerer
	// Recent and Ledger serve the comparison after a failover of the store; nil for
	// a buffer that keeps nothing of what was acknowledged.
	Recent Recent
	Ledger Ledger
	// Switch pauses the stage; nil: nobody does.
	Switch Switch
	// StoreAll stores every event, whether anyone keeps it or not.
	StoreAll bool
	// Allowance is how many events of live sources a rule may match a minute; one
	// that matches more is switched off. 0 is DefaultAllowance.
	Allowance int64
}

// DefaultAllowance is ten matches a second: nobody reads as many.
const DefaultAllowance = 600

// Filter is the stage.
type Filter struct {
	taker    Taker
	writer   Writer
	recent   Recent
	ledger   Ledger
	gate     Switch
	log      *zap.Logger
	counters *counters
	rules    *ruleset
	judges   []*judge
	tally    *tally
	guard    *floodGuard
	status   status
	pulse    *pulse.Pulse
	turns    *pulse.Loop
	jobs     sync.Pool
	// away says that the last shift ended because the store failed. Only Run's
	// goroutine uses it.
	away bool
	// doubt says that the store may have lost what was finished: it was away, or
	// nobody knows. current is the shift that runs.
	doubt   atomic.Bool
	current atomic.Pointer[shift]
	// Lines about dead letters, panics and frames that are left: events that do
	// harm may come in any number.
	letters, panics, unfinished obs.Sampler
}

// New makes a filter; Run starts it.
func New(c Config) *Filter {
	log := c.Log.With(zap.String(obs.Component, "filter"))
	f := &Filter{
		recent:   c.Recent,
		ledger:   c.Ledger,
		gate:     cmp.Or[Switch](c.Switch, pause.Never{}),
		log:      log,
		counters: newCounters(c.Registerer),
		tally:    newTally(c.Writer, log),
		jobs:     sync.Pool{New: func() any { return newJob() }},
	}
	f.doubt.Store(true)
	f.pulse = pulse.New()
	f.turns = f.pulse.Loop("shift")
	f.taker, f.writer = heardTaker{c.Taker, f.turns}, heardWriter{c.Writer, f.turns}
	f.guard = newFloodGuard(c.Writer, log, f.counters, cmp.Or(c.Allowance, DefaultAllowance))
	f.status.begin(time.Now())
	f.rules = newRuleset(c.Rules, log, f.counters, &f.status)
	sample := newSampler(sampleQuota)
	for i := range runtime.GOMAXPROCS(0) {
		f.judges = append(f.judges, &judge{
			pulse: f.pulse.Loop(fmt.Sprint("judge ", i)), matcher: f.rules.index.NewMatcher(), fresh: f.rules.index.NewMatcher, log: log, panics: &f.panics,
			counters: f.counters, links: f.rules.links, sample: sample, storeAll: c.StoreAll,
		})
	}
	return f
}

// Run takes, judges and writes until ctx ends; then it takes no more and
// returns nil once what was in hand is finished or given back, which takes at
// most about 13 s. Neither buffer nor store need to be reachable.
//
// Errors: what the buffer, the store or that of the rules answers that neither
// passes nor is about a row.
func (f *Filter) Run(ctx context.Context) error {
	if err := f.rules.load(ctx); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped as asked, before there was anything to do
		}
		return fmt.Errorf("filter: load rules: %w", err)
	}
	side, stopSide := context.WithCancel(context.WithoutCancel(ctx))
	var sides sync.WaitGroup
	sides.Go(func() { f.rules.follow(side) })
	sides.Go(func() { f.tally.flushEvery(side, flushEvery) })
	sides.Go(func() { f.guard.watch(side, flushEvery) })
	sides.Go(func() { f.status.measure(side) })
	sides.Go(func() { f.watch(side) })
	err := f.shifts(ctx)
	stopSide()
	sides.Wait()
	f.tally.last(ctx)
	f.status.set(StateStopped)
	return err
}

// shifts runs one shift after the other, but for pauses, until ctx ends or one
// fails for good.
func (f *Filter) shifts(ctx context.Context) error {
	defer f.turns.Rest()
	for ctx.Err() == nil {
		f.turns.Rest()
		open, end, err := f.pass(ctx)
		if err != nil {
			return nil // stopped as asked, while paused
		}
		// A shift that committed something ends without an error, so that the
		// backoff begins anew.
		err = retry.Do(open, f.shift, func(err error, wait time.Duration) {
			f.log.Debug("store still away", zap.Error(err), zap.Duration(obs.Delay, wait))
		})
		stopped := open.Err() != nil
		end()
		if err != nil && !stopped {
			return err
		}
	}
	return nil
}

// shift runs the pipeline once.
//
// Errors: transient when the store failed before anything was committed; else
// what buffer or store answer that is not transient.
func (f *Filter) shift(ctx context.Context) error {
	f.turns.Within(turnTime)
	if f.away {
		if err := f.ping(ctx); err != nil {
			return retry.Transient(err)
		}
		f.log.Info("store answers, trying one frame")
	}
	if f.doubt.Swap(false) {
		if err := f.compare(ctx); err != nil {
			f.doubt.Store(true)
			return err
		}
	}
	f.status.set(StateRunning)
	s := newShift(f, f.away)
	if err := s.run(ctx); err != nil {
		return err
	}
	f.away = s.trouble.Load() && s.left
	if f.away && !s.committed.Load() {
		return retry.Transient(errStoreAway)
	}
	return nil
}

func (f *Filter) ping(ctx context.Context) error {
	return call(ctx, callTimeout, f.writer.Ping)
}

// Stuck names the loops of the stage that stand still in their own code. Waiting
// for the buffer, the store or the operator is none of it. It may be called at any
// time.
func (f *Filter) Stuck(now time.Time) []string { return f.pulse.Stuck(now) }

// Status tells how the filter fares.
func (f *Filter) Status() Status {
	s := f.status.snapshot()
	s.Rules = f.rules.index.Len()
	s.Floods, s.Broken = f.rules.floods(), f.rules.brokenRules()
	if _, paused := f.gate.Paused(); paused && s.State == StateLoading {
		s.State = StatePaused
	}
	return s
}
