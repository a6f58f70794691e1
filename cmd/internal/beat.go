package internal

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/api"
	"riffle/pkg/control"
	"riffle/pkg/daemon"
	"riffle/pkg/event"
	"riffle/pkg/obs"
)

// Board is where stages leave their signs of life.
type Board interface {
	Beat(ctx context.Context, b control.Beat) error
	Beats(ctx context.Context) ([]control.Beat, error)
}

const (
	beatEvery   = 2 * time.Second
	beatTimeout = time.Second
	// silentAfter is when a stage that has said nothing is shown as silent.
	silentAfter = 5 * beatEvery
	// stuckAfter is when a stage that does not answer for itself is held to stand
	// still. It is longer than a drain.
	stuckAfter = 30 * time.Second
)

// lastBeat is when a stage last answered for itself, and what. Whether the sign of
// life could be left does not matter: an outage is no reason to be restarted.
type lastBeat struct {
	nanos atomic.Int64
	line  atomic.Value // a string
}

func (b *lastBeat) now() { b.nanos.Store(time.Now().UnixNano()) }

// turning reports at a time, which is now, whether the loops of all stages of the
// process turn and the stages answer for themselves. It says in the log when that
// changes.
func (p *Process) turning(now time.Time) bool {
	var stuck []string
	for _, loops := range p.loops {
		stuck = append(stuck, loops(now)...)
	}
	for _, b := range p.pulses {
		if now.Sub(time.Unix(0, b.nanos.Load())) > stuckAfter {
			stuck = append(stuck, "sign of life")
		}
	}
	names := strings.Join(stuck, ", ")
	if said, _ := p.stuck.Swap(names).(string); said != names {
		if names == "" {
			p.Log.Warn("loops turn again", zap.String("loops", said))
		} else {
			p.Log.Error("loops stand still; under systemd the process is ended and started again", zap.String("loops", names))
		}
	}
	return names == ""
}

// tellManager shows the service manager what the stages of the process do.
func (p *Process) tellManager() {
	var lines []string
	for _, b := range p.pulses {
		if line, ok := b.line.Load().(string); ok {
			lines = append(lines, line)
		}
	}
	p.frame.Notifier.Status(strings.Join(lines, "; "))
}

// summary is a stage's part of the status line.
func summary(b *control.Beat) string {
	line := strings.TrimSpace(b.Stage + " " + b.Name)
	line += " is " + b.State
	for _, of := range []string{"events", "requests"} {
		if rate, ok := b.Rates[of]; ok {
			line += fmt.Sprintf(", %.0f %s/s", rate, of)
		}
	}
	if b.LastError != "" && time.Since(b.LastErrorAt) < time.Minute {
		line += ", last error " + b.LastError
	}
	return line
}

// BeatPart leaves a sign of life of one stage every two seconds, and a last one
// at the end. name is the source of an ingest; fill, which may be nil, adds what
// the stage tells of itself.
func (p *Process) BeatPart(stage, name string, board Board, fill func(*control.Beat)) daemon.Part {
	log := p.Log.With(zap.String(obs.Component, "control"))
	last := new(lastBeat)
	last.now()
	p.pulses = append(p.pulses, last)
	beat := func(ctx context.Context, state string) {
		b := control.Beat{
			Instance: p.Instance + "-" + stage, Stage: stage, Name: name, Host: p.Host, PID: os.Getpid(),
			Version: Version(), State: state, Started: p.Started, Debug: p.DebugAddr(),
		}
		if fill != nil {
			fill(&b)
		}
		if state == stateStopped {
			b.State = state
		}
		b.Notices = slices.Concat(b.Notices, p.crashNotices(), p.roomNotices())
		last.line.Store(summary(&b))
		p.tellManager()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatTimeout)
		defer cancel()
		if err := board.Beat(ctx, b); err != nil {
			// The stage itself says when the buffer is away; this one is due again.
			log.Debug("sign of life not left", zap.NamedError(obs.Error, err))
		}
		last.now()
	}
	return daemon.Part{Name: stage + " sign of life", Run: func(ctx context.Context) error {
		beat(ctx, stateRunning)
		every(ctx, beatEvery, func() { beat(ctx, stateRunning) })
		beat(ctx, stateStopped)
		return nil
	}}
}

// States of a stage that tells none of its own.
const (
	stateRunning = "running"
	statePaused  = "paused"
	stateStopped = "stopped"
	stateSilent  = "silent"
)

// stageReader shows a board to the api.
type stageReader struct{ Board }

// Stages lists the stages that left a sign of life; one that has gone silent is
// said to be, unless it said goodbye.
func (r stageReader) Stages(ctx context.Context) ([]api.Stage, error) {
	beats, err := r.Beats(ctx)
	if err != nil {
		return nil, err
	}
	stages := make([]api.Stage, len(beats))
	for i, b := range beats {
		if b.Age > silentAfter && b.State != stateStopped {
			b.State = stateSilent
		}
		stages[i] = api.Stage{
			Stage: b.Stage, Name: b.Name, Instance: b.Instance, Host: b.Host, PID: b.PID, Version: b.Version,
			State: b.State, StartedAt: b.Started, SeenAt: b.Seen, Rates: b.Rates, Totals: b.Totals,
			LastError: b.LastError, LastErrorAt: b.LastErrorAt, NoReplay: b.NoReplay, TimedCursor: b.TimedCursor,
			Spool: event.Depth{
				Frames: b.Totals["spool_frames"], Events: b.Totals["spool_events"], Bytes: b.Totals["spool_bytes"], Oldest: event.TimeOf(b.SpoolOldest),
			},
			Debug: b.Debug,
		}
		for _, n := range b.Notices {
			stages[i].Notices = append(stages[i].Notices, api.Notice(n))
		}
	}
	return stages, nil
}

// timedCursor reports whether the cursors of a kind of source are times in µs.
func timedCursor(scheme string) bool { return strings.HasPrefix(scheme, "jetstream") }
