package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/obs"
)

// statusTimeout bounds each question that the status asks of others.
const statusTimeout = time.Second

// Pinger tells whether the store can be reached.
type Pinger interface {
	Ping(ctx context.Context) error
}

// DepthReader tells what waits in the buffer, by source.
type DepthReader interface {
	Depths(ctx context.Context) ([]event.Depth, error)
}

// StageReader tells which stages are alive.
type StageReader interface {
	Stages(ctx context.Context) ([]Stage, error)
}

// Stage is one running instance of a stage, as it told of itself last.
type Stage struct {
	Stage     string // ingest, filter or api
	Name      string // of an ingest, its source
	Instance  string
	Host      string
	PID       int
	Version   string
	State     string // such as running or paused
	StartedAt time.Time
	SeenAt    time.Time
	Rates     map[string]float64 // a second
	Totals    map[string]int64
	LastError string
	Notices   []Notice
	// NoReplay: its source cannot be read again.
	NoReplay bool
	Debug    string // address of its debug listener
}

// States of a stage that is not at work.
const (
	stateStopped = "stopped" // as asked
	stateSilent  = "silent"  // nobody knows why
)

// alive reports whether the instance is thought to be there.
func (s *Stage) alive() bool { return s.State != stateStopped && s.State != stateSilent }

// Notice is something of a stage that an operator should know of: a gap in its
// source, or a source gone quiet. Without To it lasts; without From nobody knows
// since when.
type Notice struct {
	Kind string    `json:"kind"`
	Text string    `json:"text"`
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// statusForm is the whole in JSON. A part that cannot be reached says so and
// leaves the rest as it is.
type statusForm struct {
	Version string      `json:"version"`
	Now     stamp       `json:"now"`
	Store   storeForm   `json:"store"`
	Buffer  bufferForm  `json:"buffer"`
	Stages  []stageForm `json:"stages"`
}

type storeForm struct {
	Reachable bool    `json:"reachable"`
	PingMS    float64 `json:"ping_ms"`
}

type bufferForm struct {
	Reachable bool         `json:"reachable"`
	Events    int64        `json:"events"`
	Bytes     int64        `json:"bytes"`
	InFlight  int64        `json:"frames_in_flight"`
	LagMS     int64        `json:"lag_ms"`
	Sources   []sourceForm `json:"sources"`
}

type sourceForm struct {
	Source   string `json:"source"`
	Frames   int64  `json:"frames"`
	Events   int64  `json:"events"`
	Bytes    int64  `json:"bytes"`
	InFlight int64  `json:"frames_in_flight"`
	LagMS    int64  `json:"lag_ms"`
	Oldest   stamp  `json:"oldest"`
	Cursor   string `json:"cursor"`
	PushedAt stamp  `json:"pushed_at"`
}

type stageForm struct {
	Stage     string             `json:"stage"`
	Name      string             `json:"name"`
	Instance  string             `json:"instance"`
	Host      string             `json:"host"`
	PID       int                `json:"pid"`
	Version   string             `json:"version"`
	State     string             `json:"state"`
	StartedAt stamp              `json:"started_at"`
	SeenAt    stamp              `json:"seen_at"`
	Rates     map[string]float64 `json:"rates"`
	Totals    map[string]int64   `json:"totals"`
	LastError string             `json:"last_error"`
	Debug     string             `json:"debug"`
}

// showStatus serves GET /v1/status. It works without the store and without the
// buffer, since that is when it is looked at.
func (a *API) showStatus(w http.ResponseWriter, r *http.Request, _ *identity) error {
	ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
	defer cancel()
	form := statusForm{Version: a.version, Now: stamp(a.now())}
	var parts sync.WaitGroup
	parts.Go(func() { form.Store = a.storeStatus(ctx) })
	parts.Go(func() { form.Buffer = a.bufferStatus(ctx) })
	parts.Go(func() { form.Stages = a.stageStatus(ctx) })
	parts.Wait()
	w.Header().Set("Cache-Control", "no-store")
	return writeData(w, http.StatusOK, none{}, form)
}

func (a *API) storeStatus(ctx context.Context) storeForm {
	began := time.Now()
	if err := a.store.Ping(ctx); err != nil {
		return storeForm{}
	}
	return storeForm{Reachable: true, PingMS: float64(time.Since(began).Microseconds()) / 1000}
}

func (a *API) bufferStatus(ctx context.Context) bufferForm {
	form := bufferForm{Sources: []sourceForm{}}
	depths, err := a.depths.Depths(ctx)
	if err != nil {
		a.log.Debug("buffer not reached", zap.NamedError(obs.Error, err))
		return form
	}
	form.Reachable = true
	for i := range depths {
		source := a.formOfDepth(&depths[i])
		form.Sources = append(form.Sources, source)
		form.Events += source.Events
		form.Bytes += source.Bytes
		form.InFlight += source.InFlight
		form.LagMS = max(form.LagMS, source.LagMS)
	}
	return form
}

func (a *API) formOfDepth(d *event.Depth) sourceForm {
	form := sourceForm{
		Source: d.Source, Frames: d.Frames, Events: d.Events, Bytes: d.Bytes, InFlight: d.InFlight,
		Oldest: stamp(d.Oldest.Std()), Cursor: d.Position.Cursor, PushedAt: stamp(d.Pushed.Std()),
	}
	if d.Oldest != 0 {
		form.LagMS = max(0, a.now().Sub(d.Oldest.Std()).Milliseconds())
	}
	return form
}

func (a *API) stageStatus(ctx context.Context) []stageForm {
	forms := []stageForm{}
	stages, err := a.stages.Stages(ctx)
	if err != nil {
		a.log.Debug("signs of life not read", zap.NamedError(obs.Error, err))
		return forms
	}
	for _, s := range stages {
		forms = append(forms, stageForm{
			Stage: s.Stage, Name: s.Name, Instance: s.Instance, Host: s.Host, PID: s.PID, Version: s.Version,
			State: s.State, StartedAt: stamp(s.StartedAt), SeenAt: stamp(s.SeenAt),
			Rates: s.Rates, Totals: s.Totals, LastError: s.LastError, Debug: s.Debug,
		})
	}
	return forms
}
