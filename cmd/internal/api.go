package internal

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/api"
	"riffle/pkg/config"
	"riffle/pkg/control"
	"riffle/pkg/daemon"
	"riffle/pkg/event"
	"riffle/pkg/pause"
)

// apiDrain is how long requests in hand may take after a stop.
const apiDrain = 10 * time.Second

// API is an api stage that listens already.
type API struct {
	stage    *api.API
	listener net.Listener
	beats    []daemon.Part // none without a buffer to leave them in
	probe    daemon.Part
}

// NewAPI makes the stage that answers users, and listens. buffer is nil where
// none is configured: the status then says nothing of it.
//
// Errors: *config.Error for a certificate that can't be read; an address that
// can't be had.
func (p *Process) NewAPI(ctx context.Context, c *config.Web, at *config.Store, store Store, buffer *Buffer) (*API, error) {
	listener, err := listenWeb(ctx, c)
	if err != nil {
		return nil, err
	}
	p.watchStore(at)
	gate := p.newGate("api", buffer, control.GateConfig{Stages: []string{pause.API}})
	conf := api.Config{
		Store: store, Depths: noBuffer{}, Stages: noBuffer{}, Switch: gate,
		Log: p.Log, Registerer: p.Registry, Version: Version(), StoreAt: at.String(),
	}
	var beats []daemon.Part
	if buffer != nil {
		conf.Depths, conf.Stages, conf.Switches, conf.Samples, conf.BufferAt = buffer, buffer, buffer, buffer, buffer.Where
		conf.Retrier = &retrier{buffer: buffer}
	}
	stage, err := api.New(conf)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if buffer != nil {
		var requests rate
		beats = append(beats, p.BeatPart("api", "", buffer, func(b *control.Beat) {
			if _, paused := gate.Paused(); paused {
				b.State = statePaused
			}
			asked, streams := stage.Traffic()
			b.Rates = map[string]float64{"requests": requests.perSecond(asked, time.Now())}
			b.Totals = map[string]int64{"requests": asked, "streams": streams}
		}))
	}
	p.Log.Info("api answers", zap.String("address", listener.Addr().String()))
	return &API{stage, listener, beats, p.probePart(listener.Addr(), c.TLSCert != "")}, nil
}

// rate tells how fast a total grows, from one sign of life to the next.
type rate struct {
	total int64
	at    time.Time
}

// perSecond is the growth since the last call; 0 in the first.
func (r *rate) perSecond(total int64, now time.Time) float64 {
	last := *r
	*r = rate{total, now}
	if took := now.Sub(last.at).Seconds(); !last.at.IsZero() && took > 0 {
		return float64(total-last.total) / took
	}
	return 0
}

// Addr is where the stage listens.
func (a *API) Addr() net.Addr { return a.listener.Addr() }

// Parts are the stage itself.
func (a *API) Parts() []daemon.Part {
	serve := func(ctx context.Context) error { return a.stage.Serve(ctx, a.listener, apiDrain) }
	return append([]daemon.Part{{Name: "api", Run: a.stage.Run}, {Name: "api listener", Run: serve}, a.probe}, a.beats...)
}

// SchemaPart ends the process when the store, once it answers, has another
// version's schema. The api answers meanwhile that the store is away.
func (p *Process) SchemaPart(c *config.Store, store Store) daemon.Part {
	return daemon.Part{Name: "schema", Run: func(ctx context.Context) error {
		if err := AwaitSchema(ctx, c, store, p.Log); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}}
}

// noBuffer stands for the buffer of an api that has none configured.
type noBuffer struct{}

var errNoBuffer = errors.New("no buffer is configured")

func (noBuffer) Depths(context.Context) ([]event.Depth, error) { return nil, errNoBuffer }
func (noBuffer) Stages(context.Context) ([]api.Stage, error)   { return nil, errNoBuffer }

func listenWeb(ctx context.Context, c *config.Web) (net.Listener, error) {
	var conf net.ListenConfig
	if c.Listen.Network == "unix" {
		removeStale(ctx, c.Listen.Address)
	}
	listener, err := conf.Listen(ctx, c.Listen.Network, c.Listen.Address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another process; end that one or choose another --listen", c.Listen.String())
	}
	if err != nil {
		return nil, err
	}
	listener = brief(listener)
	if c.TLSCert == "" {
		return listener, nil
	}
	cert, err := tls.LoadX509KeyPair(string(c.TLSCert), string(c.TLSKey))
	if err != nil {
		mistake := config.Mistake{Setting: "--tls-cert", Problem: "cannot be used: " + err.Error()}
		return nil, errors.Join(&config.Error{Mistakes: []config.Mistake{mistake}}, listener.Close())
	}
	return tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{cert},
		NextProtos:   []string{"h2", "http/1.1"},
		MinVersion:   tls.VersionTLS12,
	}), nil
}

// removeStale removes the socket of a process that was killed, and leaves one
// that somebody answers on.
func removeStale(ctx context.Context, path string) {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close()
		return
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		_ = os.Remove(path) // listening tells what is wrong if it is still there
	}
}
