package internal

import (
	"context"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"riffle/pkg/control"
	"riffle/pkg/daemon"
	"riffle/pkg/obs"
	"riffle/pkg/pause"
)

// gate stands before one stage of the process.
type gate struct {
	stage string
	*control.Gate
}

// newGate makes the gate of a stage, which Run keeps. buffer is nil where none is
// configured: the switches are then on the own disk alone.
func (p *Process) newGate(stage string, buffer *Buffer, c control.GateConfig) *control.Gate {
	c.State, c.Log = p.State, p.Log.With(zap.String(obs.Component, "control"))
	if buffer != nil {
		c.Board = buffer
		p.watchRoom("redis memory", buffer.Room)
		if buffer.Dir != "" {
			p.watchDisk(buffer.Dir)
		}
	}
	g := control.NewGate(c)
	p.gates = append(p.gates, gate{stage, g})
	p.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "riffle_paused", ConstLabels: prometheus.Labels{"stage": stage},
		Help: "1 while an operator's switch keeps this stage from taking anything new; riffle status tells who and why, riffle resume ends it.",
	}, func() float64 {
		if _, paused := g.Paused(); paused {
			return 1
		}
		return 0
	}))
	return g
}

// gateParts keep the gates.
func (p *Process) gateParts() []daemon.Part {
	var parts []daemon.Part
	for _, g := range p.gates {
		parts = append(parts, daemon.Part{Name: g.stage + " switch", Run: g.Run})
	}
	return parts
}

// paused says which stages of the process are paused; "" when none is.
func (p *Process) paused() string {
	var stages []string
	for _, g := range p.gates {
		if _, paused := g.Paused(); paused {
			stages = append(stages, g.stage)
		}
	}
	switch {
	case len(stages) == 0:
		return ""
	case len(p.gates) == 1:
		return "paused"
	}
	return "paused: " + strings.Join(stages, ", ")
}

// Flip fulfils a wish, also where the switch is tested beside the frames.
func (b *Buffer) Flip(ctx context.Context, wish *pause.Wish) (pause.Switch, error) {
	s, err := control.Flip(ctx, b, wish)
	if err == nil && wish.Stage == pause.Filter {
		err = b.Pause(ctx, s)
	}
	return s, err
}

// memory is one source's cursor on the own disk.
type memory struct {
	state  control.State
	source string
}

// Load gives the cursor that was kept; "" where there is none.
func (m memory) Load() (string, error) {
	c, err := m.state.Cursor(m.source)
	return c.Cursor, err
}

// Keep replaces it.
func (m memory) Keep(cursor string) error {
	return m.state.KeepCursor(control.Cursor{Source: m.source, Cursor: cursor})
}

// Forget removes it.
func (m memory) Forget() error { return m.state.ForgetCursor(m.source) }
