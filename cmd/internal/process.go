package internal

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"riffle/pkg/config"
	"riffle/pkg/control"
	"riffle/pkg/daemon"
	"riffle/pkg/obs"
)

// Process is what surrounds the stages of one process: log, counters, debug
// listener and identity.
type Process struct {
	Log      *zap.Logger
	Registry *prometheus.Registry
	// Instance is this process's name among all, unique to each start.
	Instance string
	Host     string
	Started  time.Time
	// State is the process's own disk.
	State control.State

	frame  daemon.Frame
	pulses []*lastBeat
	// loops name those of the stages that stand still, and stuck is what they named
	// last.
	loops []func(now time.Time) []string
	stuck atomic.Value // a string
	gates []gate
	// crashes are those of the runs before.
	crashes control.Crashes
	rooms   []*room
}

// NewProcess opens the log and the debug listener.
//
// Errors: a debug address that can't be had.
func NewProcess(ctx context.Context, c *config.Process, environ []string, stderr io.Writer) (*Process, error) {
	log, err := obs.NewLogger(string(c.Log), stderr)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	p := &Process{
		Log:      log,
		Registry: prometheus.NewRegistry(),
		Host:     host,
		Instance: fmt.Sprintf("%s-%d-%s", host, os.Getpid(), strings.ToLower(rand.Text()[:6])),
		Started:  time.Now(),
		State:    control.State(c.State),
	}
	p.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo())
	p.frame = daemon.Frame{Log: log, Notifier: daemon.NewNotifier(environ), Health: &daemon.Health{Turning: func() bool { return p.turning(time.Now()) }, Paused: p.paused}}
	return p, p.listen(ctx, &c.DebugListen)
}

func (p *Process) listen(ctx context.Context, c *config.DebugListen) error {
	if c.Address == "" {
		return nil
	}
	debug, err := daemon.ListenDebug(ctx, c.Address, c.Default, p.Registry, p.frame.Health)
	if err != nil {
		return err
	}
	p.frame.Debug = debug
	if got := debug.Addr(); c.Default && got != c.Address {
		p.Log.Info("default debug port is taken, using the next free one", zap.String("default", c.Address), zap.String("address", got))
	}
	return nil
}

// DebugAddr is where the debug listener answers, or "off".
func (p *Process) DebugAddr() string { return p.frame.Debug.Addr() }

// Run runs the parts as the process; see daemon.Frame.Run.
func (p *Process) Run(ctx context.Context, parts ...daemon.Part) error {
	p.Log.Info("starting", zap.String("version", Version()), zap.String("instance", p.Instance), zap.String("debug", p.DebugAddr()))
	p.recallCrash()
	return p.frame.Run(ctx, slices.Concat(p.gateParts(), []daemon.Part{p.roomPart()}, parts)...)
}

// buildInfo is a gauge that is always 1 and tells the version by its label.
func buildInfo() prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "riffle_build_info",
		Help:        "Always 1; the label tells which version runs. Differing versions on one fleet are an update under way.",
		ConstLabels: prometheus.Labels{"version": Version()},
	})
	info.Set(1)
	return info
}
