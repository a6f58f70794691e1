package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"riffle/cmd/internal"
	"riffle/pkg/api"
	"riffle/pkg/config"
	"riffle/pkg/event"
)

// statusTimeout bounds what status waits for each neighbour: it is asked for
// when something is away.
const statusTimeout = 3 * time.Second

func (a *app) status() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status", Short: "Say how the stages, the buffer and the store fare", Args: cobra.NoArgs,
		RunE: a.work(func(cmd *cobra.Command, _ []string) error {
			if ok, err := a.configure(cmd); err != nil || !ok {
				return err
			}
			s := a.look(cmd.Context())
			if asJSON {
				encoder := json.NewEncoder(a.stdout)
				encoder.SetIndent("", "  ")
				return encoder.Encode(s)
			}
			return a.showStatus(s)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// status is what riffle status says. A part that can't be reached says why, and
// the others are told all the same.
type status struct {
	Version string         `json:"version"`
	Now     time.Time      `json:"now"`
	Store   neighbour      `json:"store"`
	Buffer  neighbour      `json:"buffer"`
	Sources []sourceStatus `json:"sources"`
	Stages  []stageStatus  `json:"stages"`
}

type neighbour struct {
	Where     string `json:"where"`
	Reachable bool   `json:"reachable"`
	Error     string `json:"error,omitempty"`
}

type sourceStatus struct {
	Source     string     `json:"source"`
	Frames     int64      `json:"frames"`
	Events     int64      `json:"events"`
	Bytes      int64      `json:"bytes"`
	InFlight   int64      `json:"frames_in_flight"`
	LagSeconds float64    `json:"lag_seconds"`
	Cursor     string     `json:"cursor"`
	PushedAt   *time.Time `json:"pushed_at"`
}

type stageStatus struct {
	Stage     string             `json:"stage"`
	Name      string             `json:"name,omitempty"`
	Instance  string             `json:"instance"`
	Host      string             `json:"host"`
	PID       int                `json:"pid"`
	Version   string             `json:"version"`
	State     string             `json:"state"`
	StartedAt time.Time          `json:"started_at"`
	SeenAt    time.Time          `json:"seen_at"`
	Rates     map[string]float64 `json:"rates"`
	Totals    map[string]int64   `json:"totals"`
	LastError string             `json:"last_error,omitempty"`
	Notices   []api.Notice       `json:"notices,omitempty"`
	NoReplay  bool               `json:"no_replay,omitempty"`
	Debug     string             `json:"debug"`
}

// look asks store and buffer at the same time.
func (a *app) look(ctx context.Context) status {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	s := status{Version: internal.Version(), Now: time.Now().UTC(), Sources: []sourceStatus{}, Stages: []stageStatus{}}
	var parts sync.WaitGroup
	parts.Go(func() { s.Store = a.lookAtStore(ctx) })
	parts.Go(func() { a.lookAtBuffer(ctx, &s) })
	parts.Wait()
	return s
}

func (a *app) lookAtStore(ctx context.Context) neighbour {
	c, err := a.storeSetting()
	if err != nil {
		return neighbour{Error: err.Error()}
	}
	n := neighbour{Where: c.String()}
	store, err := a.openStore(ctx)
	if err != nil {
		n.Error = err.Error()
		return n
	}
	n.Reachable = true
	if err := store.Close(); err != nil {
		n.Error = err.Error()
	}
	return n
}

// bufferSetting gives the buffer of --buffer, else that of riffle up.
func (a *app) bufferSetting() *config.Buffer {
	if !a.tool.Buffer.IsZero() {
		return &a.tool.Buffer
	}
	return &config.Buffer{Path: filepath.Join(string(a.tool.Data), config.BufferFile)}
}

func (a *app) lookAtBuffer(ctx context.Context, s *status) {
	c := a.bufferSetting()
	s.Buffer.Where = c.String()
	buffer, err := internal.OpenBuffer(ctx, c, 0)
	if err != nil {
		s.Buffer.Error = err.Error()
		return
	}
	defer func() { _ = buffer.Close() }()
	depths, err := buffer.Depths(ctx)
	if err != nil {
		s.Buffer.Error = err.Error()
		return
	}
	s.Buffer.Reachable = true
	for i := range depths {
		s.Sources = append(s.Sources, sourceOf(&depths[i], s.Now))
	}
	stages, err := buffer.Stages(ctx)
	if err != nil {
		s.Buffer.Error = err.Error()
		return
	}
	for i := range stages {
		s.Stages = append(s.Stages, stageStatus(stages[i]))
	}
}

func sourceOf(d *event.Depth, now time.Time) sourceStatus {
	s := sourceStatus{
		Source: d.Source, Frames: d.Frames, Events: d.Events, Bytes: d.Bytes, InFlight: d.InFlight, Cursor: d.Position.Cursor,
	}
	if d.Oldest != 0 {
		s.LagSeconds = max(0, now.Sub(d.Oldest.Std()).Seconds())
	}
	if pushed := d.Pushed.Std(); !pushed.IsZero() {
		s.PushedAt = &pushed
	}
	return s
}

func (a *app) showStatus(s status) error {
	a.showNeighbour("store", s.Store)
	a.showNeighbour("buffer", s.Buffer)
	fmt.Fprintln(a.stdout)
	sources := newTable(a.stdout, "SOURCE", "WAITING", "BYTES", "IN FLIGHT", "LAG", "LAST PUSH", "CURSOR")
	for _, d := range s.Sources {
		sources.row(d.Source, d.Events, d.Bytes, d.InFlight, seconds(d.LagSeconds), ago(d.PushedAt, s.Now), clean(d.Cursor))
	}
	if err := sources.flush(); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout)
	stages := newTable(a.stdout, "STAGE", "NAME", "STATE", "HOST", "PID", "UP", "SEEN", "EVENTS/S", "DEBUG", "LAST ERROR")
	for i := range s.Stages {
		t := &s.Stages[i]
		stages.row(t.Stage, dash(t.Name), t.State, t.Host, t.PID, since(t.StartedAt, s.Now), ago(&t.SeenAt, s.Now),
			fmt.Sprintf("%.0f", t.Rates["events"]), t.Debug, dash(clean(t.LastError)))
	}
	if err := stages.flush(); err != nil {
		return err
	}
	a.showNotices(s)
	return nil
}

// showNotices says what an operator should know of beyond the tables.
func (a *app) showNotices(s status) {
	first := true
	for i := range s.Stages {
		for _, n := range s.Stages[i].Notices {
			if first {
				fmt.Fprintln(a.stdout)
			}
			first = false
			fmt.Fprintf(a.stdout, "%s  %s %s  %s: %s\n", n.Kind, s.Stages[i].Stage, dash(s.Stages[i].Name), bounds(n, s.Now), clean(n.Text))
		}
	}
}

// bounds says since when and how long.
func bounds(n api.Notice, now time.Time) string {
	from := "unknown"
	if !n.From.IsZero() {
		from = n.From.UTC().Format(time.RFC3339)
	}
	switch {
	case n.To.IsZero():
		return fmt.Sprintf("since %s (%s)", from, since(n.From, now))
	case n.From.IsZero():
		return fmt.Sprintf("%s to %s", from, n.To.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%s to %s (%s)", from, n.To.UTC().Format(time.RFC3339), since(n.From, n.To))
}

func (a *app) showNeighbour(name string, n neighbour) {
	state := "reachable"
	if !n.Reachable {
		state = "NOT REACHABLE"
	}
	line := fmt.Sprintf("%-7s %s  %s", name, n.Where, state)
	if n.Error != "" {
		line += ": " + n.Error
	}
	fmt.Fprintln(a.stdout, line)
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}

func since(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return now.Sub(t).Round(time.Second).String()
}

func ago(t *time.Time, now time.Time) string {
	if t == nil || t.IsZero() {
		return "never"
	}
	return max(0, now.Sub(*t)).Round(time.Second).String() + " ago"
}
