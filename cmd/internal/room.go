package internal

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"riffle/pkg/control"
	"riffle/pkg/daemon"
	"riffle/pkg/obs"
)

const (
	// roomEvery is how often what may fill up is looked at, roomSamples how many
	// looks the forecast is made of: an hour's, so that the daily wave of a stream
	// shows and a burst does not.
	roomEvery   = time.Minute
	roomSamples = 60
	// roomFewest looks make a forecast.
	roomFewest = 10
	// roomWarning is how near the end must be, and roomRatio how full it may be
	// whatever its rate.
	roomWarning = 24 * time.Hour
	roomRatio   = 0.95
)

// room is something that can fill up.
type room struct {
	what string // such as "redis memory"
	ask  func(ctx context.Context) (used, size int64, err error)

	mu      sync.Mutex
	samples []sample // the oldest first
	size    int64
	told    bool
}

type sample struct {
	at   time.Time
	used int64
}

// note keeps a look.
func (r *room) note(at time.Time, used, size int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.samples) == roomSamples {
		r.samples = append(r.samples[:0], r.samples[1:]...)
	}
	r.samples, r.size = append(r.samples, sample{at, used}), size
}

// left is how long it lasts at the rate of the last hour; used and size are as
// of the last look.
func (r *room) left() (left time.Duration, used, size int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	left = math.MaxInt64
	if len(r.samples) == 0 {
		return left, 0, 0
	}
	first, last := r.samples[0], r.samples[len(r.samples)-1]
	used, size = last.used, r.size
	span, grown := last.at.Sub(first.at), last.used-first.used
	if len(r.samples) >= roomFewest && grown > 0 {
		left = time.Duration(min(float64(size-used)/float64(grown)*float64(span), math.MaxInt64/2))
	}
	return max(0, left), used, size
}

// warning says that it will be full soon; "" while it won't.
func (r *room) warning() string {
	left, used, size := r.left()
	of := fmt.Sprintf("%s of %s", humanize.Bytes(uint64(max(0, used))), humanize.Bytes(uint64(max(0, size))))
	switch {
	case size <= 0:
		return ""
	case float64(used) >= roomRatio*float64(size):
		return fmt.Sprintf("%s is nearly full: %s", r.what, of)
	case left < roomWarning:
		return fmt.Sprintf("%s will be full in %s at the rate of the last hour: %s", r.what, left.Round(time.Minute), of)
	}
	return ""
}

// disk is the disk that holds a folder.
func disk(dir string) func(context.Context) (used, size int64, err error) {
	return func(context.Context) (used, size int64, err error) {
		var s unix.Statfs_t
		if err := unix.Statfs(dir, &s); err != nil {
			return 0, 0, err
		}
		size = (int64(s.Blocks) - int64(s.Bfree) + int64(s.Bavail)) * s.Bsize // what root alone may use is no room
		return size - int64(s.Bavail)*s.Bsize, size, nil
	}
}

// watchRoom adds something that may fill up; what is watched already is not
// watched twice.
func (p *Process) watchRoom(what string, ask func(ctx context.Context) (used, size int64, err error)) {
	if ask == nil || slices.ContainsFunc(p.rooms, func(r *room) bool { return r.what == what }) {
		return
	}
	p.rooms = append(p.rooms, &room{what: what, ask: ask})
}

// watchDisk adds the disk of a folder, unless it is that of --state, which is
// watched in any case.
func (p *Process) watchDisk(dir string) {
	var own, state unix.Stat_t
	if unix.Stat(dir, &own) == nil && unix.Stat(string(p.State), &state) == nil && own.Dev == state.Dev {
		return
	}
	p.watchRoom("the disk of "+dir, disk(dir))
}

// roomPart looks at what may fill up: the disk of --state, and what else is
// watched.
func (p *Process) roomPart() daemon.Part {
	p.watchRoom("the disk of "+string(p.State), disk(string(p.State)))
	for _, r := range p.rooms {
		labels := prometheus.Labels{"what": r.what}
		p.Registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "riffle_room_left_seconds", ConstLabels: labels,
				Help: "How long it takes to fill up at the rate of the last hour; very large while it does not grow. Below a day: make room, or find out what grows.",
			}, func() float64 { left, _, _ := r.left(); return left.Seconds() }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "riffle_room_used_ratio", ConstLabels: labels,
				Help: "How full it is, 0 to 1. A full Redis or disk makes ingest hold or spool.",
			}, func() float64 {
				_, used, size := r.left()
				return float64(used) / float64(max(1, size))
			}))
	}
	log := p.Log.With(zap.String(obs.Component, "room"))
	look := func(ctx context.Context) {
		for _, r := range p.rooms {
			r.look(ctx, log)
		}
	}
	return daemon.Part{Name: "room", Run: func(ctx context.Context) error {
		look(ctx)
		every(ctx, roomEvery, func() { look(ctx) })
		return nil
	}}
}

func (r *room) look(ctx context.Context, log *zap.Logger) {
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	used, size, err := r.ask(ctx)
	if err != nil {
		log.Debug("room not measured", zap.String("what", r.what), zap.NamedError(obs.Error, err))
		return
	}
	r.note(time.Now(), used, size)
	warning := r.warning()
	switch {
	case warning != "" && !r.told:
		log.Warn(warning)
	case warning == "" && r.told:
		log.Info("room enough again", zap.String("what", r.what))
	}
	r.told = warning != ""
}

// roomNotices tell the operator of what will be full.
func (p *Process) roomNotices() []control.Notice {
	var notices []control.Notice
	for _, r := range p.rooms {
		if warning := r.warning(); warning != "" {
			notices = append(notices, control.Notice{Kind: "full", Text: warning})
		}
	}
	return notices
}
