package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"riffle/pkg/event"
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
	// LastErrorAt is when that was; it may be long over.
	LastErrorAt time.Time
	Notices     []Notice
	// Spool is what waits on an ingest's own disk.
	Spool event.Depth
	// TimedCursor: the cursors of its source are times in µs since 1970.
	TimedCursor bool
	// NoReplay: its source cannot be read again.
	NoReplay bool
	Debug    string // address of its debug listener
}

// States of a stage that is not at work.
const (
	stateStopped = "stopped" // as asked
	stateSilent  = "silent"  // nobody knows why
	statePausing = "pausing" // told to pause, and not yet heard of since
)

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

// NoticeRefused is the kind of a notice that what a source tells may be lost now.
const NoticeRefused = "refused"

// SpoolStatus is what waits on an ingest's own disk.
type SpoolStatus struct {
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
	Oldest stamp `json:"oldest"`
}

// DeadLetterCounter tells how much could not be processed.
type DeadLetterCounter interface {
	CountDeadLetters(ctx context.Context) (int64, error)
}

// Status is how everything fares, as GET /v1/status and riffle status tell it.
// A part that cannot be reached says so and leaves the rest as it is.
type Status struct {
	Version  string        `json:"version"`
	Now      stamp         `json:"now"`
	Store    StoreStatus   `json:"store"`
	Buffer   BufferStatus  `json:"buffer"`
	Stages   []StageStatus `json:"stages"`
	Switches []switchForm  `json:"switches"` // those that are on
	History  []Sample      `json:"history"`  // of the last hour, a minute apart, oldest first
}

// StoreStatus is how the store fares.
type StoreStatus struct {
	Where     string  `json:"where"`
	Reachable bool    `json:"reachable"`
	Error     string  `json:"error"`
	PingMS    float64 `json:"ping_ms"`
	// DeadLetters is how many there are; null when nobody knows.
	DeadLetters *int64 `json:"dead_letters"`
}

// BufferStatus is how the buffer fares, with the sums of its sources.
type BufferStatus struct {
	Where     string         `json:"where"`
	Reachable bool           `json:"reachable"`
	Error     string         `json:"error"`
	Events    int64          `json:"events"`
	Bytes     int64          `json:"bytes"`
	InFlight  int64          `json:"frames_in_flight"`
	LagMS     int64          `json:"lag_ms"`
	Sources   []SourceStatus `json:"sources"`
}

// SourceStatus is what waits for one source, and where it stands.
type SourceStatus struct {
	Source   string `json:"source"`
	Frames   int64  `json:"frames"`
	Events   int64  `json:"events"`
	Bytes    int64  `json:"bytes"`
	InFlight int64  `json:"frames_in_flight"`
	// LagMS is the age of the oldest event that waits in the buffer or in a spool;
	// Oldest is that of the buffer.
	LagMS          int64  `json:"lag_ms"`
	Oldest         stamp  `json:"oldest"`
	OldestInFlight stamp  `json:"oldest_in_flight"`
	Cursor         string `json:"cursor"`
	// BehindMS is how far the cursor is behind now, where cursors are times.
	BehindMS *int64 `json:"behind_ms"`
	PushedAt stamp  `json:"pushed_at"`
	// UnreadSince is when the last ingest that wrote this source was heard of;
	// null while one writes it.
	UnreadSince stamp `json:"unread_since"`
}

// StageStatus is how one instance of a stage fares.
type StageStatus struct {
	Stage       string             `json:"stage"`
	Name        string             `json:"name"`
	Instance    string             `json:"instance"`
	Host        string             `json:"host"`
	PID         int                `json:"pid"`
	Version     string             `json:"version"`
	State       string             `json:"state"`
	StartedAt   stamp              `json:"started_at"`
	SeenAt      stamp              `json:"seen_at"`
	Rates       map[string]float64 `json:"rates"`
	Totals      map[string]int64   `json:"totals"`
	Spool       SpoolStatus        `json:"spool"`
	LastError   string             `json:"last_error"`
	LastErrorAt stamp              `json:"last_error_at"`
	Notices     []Notice           `json:"notices"`
	NoReplay    bool               `json:"no_replay"`
	Debug       string             `json:"debug"`
}

// Alive reports whether the instance is thought to be there.
func (s *StageStatus) Alive() bool { return s.State != stateStopped && s.State != stateSilent }

// View is whom a status is asked of, and what they are called. All but the
// names and Samples are required.
type View struct {
	Version           string
	StoreAt, BufferAt string // URLs without passwords
	Store             Pinger
	DeadLetters       DeadLetterCounter
	Depths            DepthReader
	Stages            StageReader
	Switches          Switches
	Samples           SampleKeeper // nil: the status is without a history
	Now               func() time.Time
}

// Look asks all at the same time, for as long as ctx lasts.
func (v *View) Look(ctx context.Context) Status {
	s := Status{Version: v.Version, Now: stamp(v.Now().UTC()), Stages: []StageStatus{}, Switches: []switchForm{}}
	var stages []Stage
	var parts sync.WaitGroup
	parts.Go(func() { s.Store = v.lookAtStore(ctx) })
	parts.Go(func() { s.Buffer = v.lookAtBuffer(ctx) })
	parts.Go(func() { stages, _ = v.Stages.Stages(ctx) }) // that the buffer is away is told there
	parts.Go(func() { s.Switches = v.lookAtSwitches(ctx) })
	parts.Go(func() { s.History = v.lookBack(ctx) })
	parts.Wait()
	for i := range stages {
		s.Stages = append(s.Stages, statusOfStage(&stages[i]))
		s.tellPausing(&s.Stages[i])
		v.tellBehind(&stages[i], s.Buffer.Sources)
	}
	v.tellSpooled(stages, &s.Buffer)
	return s
}

func (v *View) lookAtStore(ctx context.Context) StoreStatus {
	s := StoreStatus{Where: v.StoreAt}
	began := time.Now()
	if err := v.Store.Ping(ctx); err != nil {
		s.Error = err.Error()
		return s
	}
	s.Reachable, s.PingMS = true, float64(time.Since(began).Microseconds())/1000
	if n, err := v.DeadLetters.CountDeadLetters(ctx); err == nil {
		s.DeadLetters = &n
	}
	return s
}

func (v *View) lookAtBuffer(ctx context.Context) BufferStatus {
	s := BufferStatus{Where: v.BufferAt, Sources: []SourceStatus{}}
	depths, err := v.Depths.Depths(ctx)
	if err != nil {
		s.Error = err.Error()
		return s
	}
	s.Reachable = true
	for i := range depths {
		one := v.statusOfSource(&depths[i])
		s.Sources = append(s.Sources, one)
		s.Events += one.Events
		s.Bytes += one.Bytes
		s.InFlight += one.InFlight
		s.LagMS = max(s.LagMS, one.LagMS)
	}
	return s
}

// unreadAfter is when a source whose writer is silent is held to be unread; a
// standby would have taken its name by then.
const unreadAfter = 15 * time.Second

func (v *View) statusOfSource(d *event.Depth) SourceStatus {
	s := SourceStatus{
		Source: d.Source, Frames: d.Frames, Events: d.Events, Bytes: d.Bytes, InFlight: d.InFlight,
		Oldest: stamp(d.Oldest.Std()), OldestInFlight: stamp(d.OldestInFlight.Std()),
		Cursor: d.Position.Cursor, PushedAt: stamp(d.Pushed.Std()),
	}
	if d.Oldest != 0 {
		s.LagMS = v.age(d.Oldest)
	}
	if d.Seen != 0 && v.Now().Sub(d.Seen.Std()) > unreadAfter {
		s.UnreadSince = stamp(d.Seen.Std())
	}
	return s
}

func (v *View) age(t event.Time) int64 { return max(0, v.Now().Sub(t.Std()).Milliseconds()) }

// firstTime is the least number that is a time in µs and no counter: 2001.
const firstTime = 1_000_000_000_000_000

// tellBehind says how far the cursor of a stage's source is behind now.
func (v *View) tellBehind(stage *Stage, sources []SourceStatus) {
	if !stage.TimedCursor {
		return
	}
	for i := range sources {
		if s := &sources[i]; s.Source == stage.Name {
			if at, err := strconv.ParseInt(s.Cursor, 10, 64); err == nil && at >= firstTime {
				behind := max(0, v.Now().Sub(time.UnixMicro(at)).Milliseconds())
				s.BehindMS = &behind
			}
		}
	}
}

// tellSpooled has the lag of sources begin in their spools: what waits there goes
// before what comes, and is older than what is in the buffer once that takes
// frames again.
func (v *View) tellSpooled(stages []Stage, b *BufferStatus) {
	for i := range stages {
		t := &stages[i]
		if t.Spool.Oldest == 0 || succeeded(t, stages) {
			continue
		}
		for j := range b.Sources {
			if s := &b.Sources[j]; s.Source == t.Name {
				s.LagMS = max(s.LagMS, v.age(t.Spool.Oldest))
				b.LagMS = max(b.LagMS, s.LagMS)
			}
		}
	}
}

// succeeded reports whether an ingest that is gone has left its spool to a later
// one. A spool is one host's: a later one elsewhere empties its own.
func succeeded(gone *Stage, stages []Stage) bool {
	return !gone.alive() && slices.ContainsFunc(stages, func(t Stage) bool {
		return t.Stage == gone.Stage && t.Name == gone.Name && t.Host == gone.Host && t.StartedAt.After(gone.StartedAt)
	})
}

func (v *View) lookAtSwitches(ctx context.Context) []switchForm {
	on := []switchForm{}
	all, now, err := v.Switches.Switches(ctx)
	if err != nil {
		return on // that the buffer is away is told there
	}
	for i := range all {
		if all[i].On(now) {
			on = append(on, formOfSwitch(&all[i], now))
		}
	}
	return on
}

func statusOfStage(s *Stage) StageStatus {
	notices := s.Notices
	if notices == nil {
		notices = []Notice{}
	}
	return StageStatus{
		Stage: s.Stage, Name: s.Name, Instance: s.Instance, Host: s.Host, PID: s.PID, Version: s.Version,
		State: s.State, StartedAt: stamp(s.StartedAt), SeenAt: stamp(s.SeenAt),
		Rates: s.Rates, Totals: s.Totals, LastError: s.LastError, LastErrorAt: stamp(s.LastErrorAt),
		Spool:   SpoolStatus{Events: s.Spool.Events, Bytes: s.Spool.Bytes, Oldest: stamp(s.Spool.Oldest.Std())},
		Notices: notices, NoReplay: s.NoReplay, Debug: s.Debug,
	}
}

// tellPausing says of a stage that its switch is on and it has yet to obey, or to
// say so: its sign of life is some seconds old.
func (s *Status) tellPausing(stage *StageStatus) {
	if stage.State != "running" && stage.State != "reading" {
		return // what keeps it from its work is the better news
	}
	for i := range s.Switches {
		if on := s.Switches[i].Stage; on == stage.Stage || on == stage.Stage+"/"+stage.Name {
			stage.State = statePausing
		}
	}
}

func (a *API) view() *View {
	return &View{
		Version: a.version, StoreAt: a.storeAt, BufferAt: a.bufferAt, Store: a.store, DeadLetters: a.store,
		Depths: a.depths, Stages: a.stages, Switches: a.switches, Samples: a.samples, Now: a.now,
	}
}

// showStatus serves GET /v1/status. It works without the store and without the
// buffer, since that is when it is looked at.
func (a *API) showStatus(w http.ResponseWriter, r *http.Request, _ *identity) error {
	ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
	defer cancel()
	view := a.view()
	w.Header().Set("Cache-Control", "no-store")
	return writeData(w, http.StatusOK, none{}, view.Look(ctx))
}
