package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// DrainTimeout is how long parts may take to finish what they have in hand
// after they were asked to stop. TimeoutStopSec of the units is longer.
const DrainTimeout = 25 * time.Second

// Part is one long-lived piece of a process.
type Part struct {
	Name string
	// Run works until ctx ends, then finishes what it has in hand and returns.
	// nil before that means that its work is done, and so is the process's.
	Run func(ctx context.Context) error
}

// Frame is what surrounds the parts of one process.
type Frame struct {
	Log *zap.Logger
	// Notifier tells the service manager; nil is none.
	Notifier *Notifier
	// Health is what the probes and the watchdog ask; nil is none.
	Health *Health
	// Debug answers the debug listener until the last part has returned; nil
	// is none.
	Debug *Debug
	// Drain replaces DrainTimeout; 0 is DrainTimeout.
	Drain time.Duration
}

// SignalContext gives a context that the first SIGINT or SIGTERM ends. The
// second one then has its default effect: it ends the process at once.
func SignalContext(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		// Before the context ends, unlike signal.NotifyContext: who sees the
		// first signal's effect can rely on the second one's.
		signal.Stop(signals)
		cancel()
	}()
	return ctx, cancel
}

// Run runs the parts until ctx ends or the first of them returns, then stops
// the others and waits for them.
//
// Errors: those of the parts, joined, each with its part's name; *StuckError
// names the parts that were still running at the end of the drain.
func (f Frame) Run(ctx context.Context, parts ...Part) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopDebug := f.startDebug(ctx)
	defer stopDebug()

	results := make(chan result, len(parts))
	for _, p := range parts {
		go func() { results <- result{p.Name, p.Run(ctx)} }()
	}
	f.Health.set(Ready)
	f.Notifier.Ready()
	stopWatchdog := f.Notifier.Watch(f.Health.Alive)
	defer stopWatchdog()

	return f.wait(ctx, cancel, results, parts)
}

type result struct {
	name string
	err  error
}

// failure gives the part's error, or nil for an end that was asked for.
func (r result) failure(asked bool) error {
	if r.err == nil || (asked && errors.Is(r.err, context.Canceled)) {
		return nil
	}
	return fmt.Errorf("%s: %w", r.name, r.err)
}

func (f Frame) wait(ctx context.Context, cancel context.CancelFunc, results <-chan result, parts []Part) error {
	running := make(map[string]bool, len(parts))
	for _, p := range parts {
		running[p.Name] = true
	}
	var errs []error
	var deadline <-chan time.Time
	asked := ctx.Done()
	stopping := false
	stop := func() {
		asked, stopping = nil, true
		f.Health.set(Stopping)
		f.Notifier.Stopping()
		cancel()
		deadline = time.After(f.drain())
	}
	for len(running) > 0 {
		select {
		case <-asked:
			f.Log.Info("stopping", zap.Duration("drain", f.drain()))
			stop()
		case r := <-results:
			delete(running, r.name)
			if err := r.failure(stopping || ctx.Err() != nil); err != nil {
				errs = append(errs, err)
			}
			if !stopping {
				stop()
			}
		case <-deadline:
			return errors.Join(append(errs, &StuckError{Parts: names(running, parts), After: f.drain()})...)
		}
	}
	return errors.Join(errs...)
}

func (f Frame) drain() time.Duration {
	if f.Drain == 0 {
		return DrainTimeout
	}
	return f.Drain
}

// startDebug serves the debug listener apart from the parts, so that it can be
// asked while they drain.
func (f Frame) startDebug(ctx context.Context) (stop func()) {
	if f.Debug == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- f.Debug.Serve(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			f.Log.Warn("debug listener failed", zap.Error(err))
		}
	}
}

// StuckError says which parts did not stop in time.
type StuckError struct {
	Parts []string
	After time.Duration
}

func (e *StuckError) Error() string {
	return fmt.Sprintf("daemon: still running %s after the stop: %s", e.After, strings.Join(e.Parts, ", "))
}

func names(running map[string]bool, parts []Part) []string {
	var left []string
	for _, p := range parts {
		if running[p.Name] {
			left = append(left, p.Name)
		}
	}
	return left
}
