package internal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"go.uber.org/zap"

	"riffle/pkg/api"
	"riffle/pkg/config"
	"riffle/pkg/control"
	"riffle/pkg/daemon"
	"riffle/pkg/event"
	"riffle/pkg/ingest"
	"riffle/pkg/obs"
	"riffle/pkg/pause"
	"riffle/pkg/silence"
	"riffle/pkg/spool"
)

// Ingest is an ingest stage on its way through a process.
type Ingest struct {
	stage  *ingest.Ingest
	disk   *spool.Spool // nil where the source can be read again
	source ingest.Source
	watch  *silence.Watch // nil of a source that is no network's
	looped bool
	url    string // secrets masked
	log    *zap.Logger
	beat   daemon.Part
}

// NewIngest makes the stage that reads what in says and pushes into buffer.
func (p *Process) NewIngest(in *config.Input, buffer *Buffer, stdin io.Reader) (*Ingest, error) {
	source, err := OpenSource(in, stdin)
	if err != nil {
		return nil, err
	}
	name := string(in.Name)
	disk, err := p.openSpool(in, source)
	if err != nil {
		return nil, err
	}
	gate := p.newGate("ingest", buffer, control.GateConfig{
		Stages: []string{pause.Ingest, pause.Source(name)}, NeedsGap: !source.Replays(),
	})
	c := ingest.Config{
		Name:       name,
		Source:     source,
		Pusher:     buffer.Pusher(name, p.Instance),
		Audience:   audienceOf(in),
		Switch:     gate,
		Depths:     buffer,
		Memory:     memory{p.State, name},
		Log:        p.Log,
		Registerer: p.Registry,
	}
	if disk != nil {
		c.Spool = disk
	}
	stage, err := ingest.New(c)
	if err != nil {
		return nil, err
	}
	p.loops = append(p.loops, stage.Stuck)
	watch, err := p.newWatch(in, stage)
	if err != nil {
		return nil, err
	}
	return &Ingest{
		watch: watch, stage: stage, disk: disk, source: source, url: in.Source.String(), looped: in.Source.Params.Get("loop") != "", log: p.Log,
		beat: p.BeatPart("ingest", name, buffer, func(b *control.Beat) {
			status := stage.Status()
			b.NoReplay, b.TimedCursor = !source.Replays(), timedCursor(in.Source.Scheme)
			tellIngest(b, status)
			tellOffline(b, status)
			tellHeld(b, status)
			tellQuiet(b, watch)
			tellRefused(b, gate)
		}),
	}, nil
}

func tellIngest(b *control.Beat, s ingest.Status) {
	b.State = string(s.State)
	b.Rates = map[string]float64{"events": s.Rate}
	b.Totals = map[string]int64{
		"read": s.Summary.Read, "accepted": s.Summary.Accepted,
		"passed_over": sum(s.Summary.PassedOver), "rejected": sum(s.Summary.Rejected),
	}
	b.LastError, b.LastErrorAt = s.LastError, s.LastErrorAt
	b.Totals["gaps"] = s.GapCount
	b.Totals["spool_frames"], b.Totals["spool_events"], b.Totals["spool_bytes"] = s.Spool.Frames, s.Spool.Events, s.Spool.Bytes
	b.SpoolOldest = s.Spool.Oldest.Std()
	for _, g := range s.Gaps {
		b.Notices = append(b.Notices, control.Notice{Kind: "gap", Text: g.Why, From: g.From.Std(), To: g.To.Std()})
	}
}

// tellOffline tells of a gap that grows: its end, and whether something of it
// can be had after all, shows when there is a connection again.
func tellOffline(b *control.Beat, s ingest.Status) {
	if !b.NoReplay || s.State != ingest.StateReconnecting {
		return
	}
	b.Notices = append(b.Notices, control.Notice{
		Kind: "offline", From: s.LastMessage, Text: "there is no connection; what the source tells now and does not repeat is lost",
	})
}

// tellHeld tells of events that nobody takes, which is loss under way.
func tellHeld(b *control.Beat, s ingest.Status) {
	if s.Refused.IsZero() {
		return
	}
	b.Notices = append(b.Notices, control.Notice{Kind: api.NoticeRefused, From: s.Refused, Text: fmt.Sprintf(
		"neither buffer nor spool takes events; what the source tells meanwhile may be lost: %s", s.RefusedWhy)})
}

// tellRefused tells of a pause that the stage does not obey.
func tellRefused(b *control.Beat, gate *control.Gate) {
	by, refused := gate.Refused()
	if !refused {
		return
	}
	b.Notices = append(b.Notices, control.Notice{Kind: "not_paused", From: by.Since, Text: fmt.Sprintf(
		"it cannot be read again, and the pause by %s does not accept a gap; riffle pause %s --accept-gap pauses it all the same", by.Who, by.Stage)})
}

func sum(counts map[string]int64) (total int64) {
	for _, n := range counts {
		total += n
	}
	return total
}

// Part is the stage itself. It returns when the source was read to its end.
//
// Errors: *config.Error where the source's server lets us not in: starting again
// would knock at the same door.
func (in *Ingest) Part() daemon.Part {
	return daemon.Part{Name: "ingest", Run: func(ctx context.Context) error {
		defer watchSilence(ctx, in.watch)()
		err := in.stage.Run(ctx)
		if errors.Is(err, event.ErrDenied) {
			err = unfit("--source", in.url, err)
		}
		return err
	}}
}

// Beat is the part that leaves the stage's signs of life.
func (in *Ingest) Beat() daemon.Part { return in.beat }

// Report writes what became of the messages, as the last line of an ingest
// whose source has ended.
func (in *Ingest) Report(w io.Writer) {
	summary := in.stage.Summary()
	if in.stage.Status().State == ingest.StateEnded {
		fmt.Fprintln(w, summary)
		return
	}
	in.log.Info("stopped", zap.Int64("read", summary.Read), zap.Int64("accepted", summary.Accepted))
}

// sized is a source whose size is known.
type sized interface {
	// Progress says how many bytes were read, out of how many.
	Progress() (done, size int64)
}

// Progress is the part that shows how far a source with an end was read: a bar
// where w is a terminal that nobody else writes to, else a line now and then.
func (in *Ingest) Progress(w io.Writer, alone bool) daemon.Part {
	return daemon.Part{Name: "progress", Run: func(ctx context.Context) error {
		source, ok := in.source.(sized)
		switch {
		case !ok || in.looped:
			<-ctx.Done()
		case alone && obs.IsTerminal(w):
			in.showBar(ctx, source, w)
		default:
			in.showLines(ctx, source, w)
		}
		return nil
	}}
}

const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 10 * time.Second
)

func (in *Ingest) showBar(ctx context.Context, source sized, w io.Writer) {
	bar := progressbar.NewOptions64(1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("reading"),
		progressbar.OptionShowBytes(true),
		progressbar.OptionFullWidth(),
		progressbar.OptionSetPredictTime(true),
	)
	show := func() {
		if done, size := source.Progress(); size > 0 {
			bar.ChangeMax64(size)
			// A bar that can't be drawn is no reason to stop.
			_ = bar.Set64(min(done, size))
		}
	}
	every(ctx, barEvery, show)
	show()
	fmt.Fprintln(w)
}

func (in *Ingest) showLines(ctx context.Context, source sized, w io.Writer) {
	every(ctx, lineEvery, func() {
		done, size := source.Progress()
		if done == size {
			return // at the end, or not begun
		}
		fmt.Fprintf(w, "read %s of %s (%d%%), %d messages, %.0f/s\n",
			humanize.Bytes(uint64(done)), humanize.Bytes(uint64(size)), 100*done/size, in.stage.Summary().Read, in.stage.Status().Rate)
	})
}

// every calls f at each interval until ctx ends.
func every(ctx context.Context, interval time.Duration, f func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f()
		}
	}
}
