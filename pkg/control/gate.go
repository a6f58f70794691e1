package control

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/obs"
	"riffle/pkg/pause"
)

const (
	// lookEvery is how often a gate asks for its switches.
	lookEvery = time.Second
	// lookTimeout bounds one question, and so what a start waits for a Redis
	// that hangs.
	lookTimeout = 2 * time.Second
)

// GateConfig is what a Gate is made of.
type GateConfig struct {
	// Stages names the switches that concern the stage; it is paused while any
	// of them is on. Required.
	Stages []string
	// Board is where the switches are kept; nil: on the own disk alone.
	Board Switchboard
	// State is the own disk. Required.
	State State
	// Spread hands a switch on to where it is tested as well; nil: nowhere. It is
	// called again and again with the newest.
	Spread func(ctx context.Context, s pause.Switch) error
	// NeedsGap says that only a pause that accepts a gap is obeyed.
	NeedsGap bool
	Log      *zap.Logger // required
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Gate is what stands before a stage: it lets the stage take while no switch of
// the stage is on. It knows the newest switch of its own disk and of the board,
// and brings each to the other.
type Gate struct {
	c      GateConfig
	looked chan struct{} // closed after the first look

	mu    sync.Mutex
	known map[string]pause.Switch
	ahead time.Duration // the board's clock before ours
	now   phase
	said  map[string]bool // troubles that were told
	// refused is the revision of the last pause that was not obeyed.
	refused int64
}

// phase is a stretch of time in which the stage is paused or is not.
type phase struct {
	by    *pause.Switch // nil: not paused
	ended chan struct{} // closed at its end
}

// NewGate makes a gate; Run keeps it.
func NewGate(c GateConfig) *Gate {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Gate{
		c: c, looked: make(chan struct{}), known: map[string]pause.Switch{},
		now: phase{ended: make(chan struct{})}, said: map[string]bool{},
	}
}

// Run looks at the switches every second until ctx ends.
func (g *Gate) Run(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	g.look(ctx)
	close(g.looked)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			g.look(ctx)
		}
	}
}

// Paused gives the switch that pauses the stage now, if one does. It waits for
// the first look, which Run begins with: nobody may be let through before.
func (g *Gate) Paused() (by pause.Switch, paused bool) {
	<-g.looked
	if p := g.phase(); p.by != nil {
		return *p.by, true
	}
	return pause.Switch{}, false
}

// Refused gives the switch that is on and that the stage does not obey, since its
// source cannot be read again and the switch accepts no gap.
func (g *Gate) Refused() (by pause.Switch, refused bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now.by != nil || !g.c.NeedsGap {
		return pause.Switch{}, false
	}
	at := g.c.Now().Add(g.ahead)
	for _, stage := range g.c.Stages {
		if s := g.known[stage]; s.On(at) && !s.AcceptGap {
			return s, true
		}
	}
	return pause.Switch{}, false
}

// Begins gives a channel that is closed once the stage is paused. It waits as
// Paused does.
func (g *Gate) Begins() <-chan struct{} {
	<-g.looked
	p := g.phase()
	if p.by == nil {
		return p.ended
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// Pass waits until the stage may take. The context that it returns ends with the
// cause pause.ErrPaused when a pause begins, and with ctx.
//
// Errors: ctx's cause.
func (g *Gate) Pass(ctx context.Context) (context.Context, context.CancelFunc, error) {
	select {
	case <-g.looked:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	for {
		p := g.phase()
		if p.by == nil && ctx.Err() == nil {
			open, shut := context.WithCancelCause(ctx)
			go func() {
				select {
				case <-p.ended:
					shut(pause.ErrPaused)
				case <-open.Done():
				}
			}()
			return open, func() { shut(context.Canceled) }, nil
		}
		select {
		case <-p.ended:
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
}

func (g *Gate) phase() phase {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

// look learns what disk and board know, tells each what it does not, and opens
// or shuts.
func (g *Gate) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var onBoard []pause.Switch
	reached := false
	if g.c.Board != nil {
		all, now, err := g.c.Board.Switches(ctx)
		if err == nil {
			reached, onBoard = true, all
			g.setClock(now)
		} else {
			// The stage itself says when the buffer is away.
			g.c.Log.Debug("switches not read", zap.NamedError(obs.Error, err))
		}
	}
	for _, stage := range g.c.Stages {
		onDisk, err := g.c.State.Switch(stage)
		g.trouble("a switch on the own disk cannot be read; the next one replaces it", err)
		newest := g.learn(stage, onDisk, *find(onBoard, stage))
		if newest.Revision == 0 {
			continue
		}
		if newest.Revision > onDisk.Revision {
			g.trouble("switch not kept on the own disk; a restart while Redis is away would not know it", g.c.State.KeepSwitch(newest))
		}
		if reached {
			g.bring(ctx, &newest, find(onBoard, stage))
		}
	}
	g.turn()
}

func (g *Gate) setClock(board time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ahead = board.Sub(g.c.Now())
}

// learn gives the newest switch of a stage.
func (g *Gate) learn(stage string, candidates ...pause.Switch) pause.Switch {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range candidates {
		if s.Stage == stage && s.Revision > g.known[stage].Revision {
			g.known[stage] = s
		}
	}
	return g.known[stage]
}

// bring tells a board that forgot, and all places where the switch is tested.
func (g *Gate) bring(ctx context.Context, newest, onBoard *pause.Switch) {
	if newest.Revision > onBoard.Revision {
		kept, err := g.c.Board.KeepSwitch(ctx, *newest)
		if err != nil {
			g.c.Log.Debug("switch not brought back", zap.NamedError(obs.Error, err))
		} else if kept {
			g.c.Log.Warn("the buffer's server did not know the newest switch; brought back from the own disk", fields(newest)...)
		}
	}
	if g.c.Spread != nil {
		if err := g.c.Spread(ctx, *newest); err != nil {
			g.c.Log.Debug("switch not spread", zap.NamedError(obs.Error, err))
		}
	}
}

// turn begins a new phase where the switches or the time ask for one.
func (g *Gate) turn() {
	g.mu.Lock()
	defer g.mu.Unlock()
	by := g.pausing()
	switch {
	case (by == nil) == (g.now.by == nil):
		if by != nil {
			g.now.by = by // a newer pause on top of the last
		}
		return
	case by != nil:
		g.c.Log.Info("paused", fields(by)...)
	default:
		last := g.known[g.now.by.Stage]
		what := "resumed"
		if last.Paused {
			what = "pause is over"
		}
		g.c.Log.Info(what, fields(&last)...)
	}
	close(g.now.ended)
	g.now = phase{by: by, ended: make(chan struct{})}
}

// pausing gives the first switch that is on and obeyed.
func (g *Gate) pausing() *pause.Switch {
	at := g.c.Now().Add(g.ahead)
	for _, stage := range g.c.Stages {
		s := g.known[stage]
		switch {
		case !s.On(at):
		case g.c.NeedsGap && !s.AcceptGap:
			g.refuse(&s)
		default:
			return &s
		}
	}
	return nil
}

// trouble says that something fails, once until it works again.
func (g *Gate) trouble(what string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil && !g.said[what] {
		g.c.Log.Warn(what, zap.NamedError(obs.Error, err))
	}
	g.said[what] = err != nil
}

// refuse says that a pause is not obeyed, once; g.mu is held.
func (g *Gate) refuse(s *pause.Switch) {
	if g.refused < s.Revision {
		g.refused = s.Revision
		g.c.Log.Warn("not paused: the source cannot be read again, and the pause does not accept a gap (--accept-gap)", fields(s)...)
	}
}

func fields(s *pause.Switch) []zap.Field {
	all := []zap.Field{
		zap.String(obs.Stage, s.Stage), zap.Int64("revision", s.Revision), zap.String("who", s.Who),
		zap.String(obs.Reason, s.Reason), zap.Time("since", s.Since),
	}
	if !s.Until.IsZero() {
		all = append(all, zap.Time("until", s.Until))
	}
	return all
}
