package internal

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"

	"riffle/pkg/config"
	"riffle/pkg/control"
	"riffle/pkg/ingest"
	"riffle/pkg/silence"
)

// endings are the schemes whose sources are no network's: what they bring has no
// usual rate.
var endings = []string{"file", "stdin", "sim"}

// reading are the states in which what comes is what the source tells.
var reading = []ingest.State{ingest.StateReading, ingest.StateReconnecting, ingest.StateSpooling}

// newWatch makes what notices that a network's source goes quiet; nil for other
// sources.
func (p *Process) newWatch(in *config.Input, stage *ingest.Ingest) (*silence.Watch, error) {
	if slices.Contains(endings, in.Source.Scheme) {
		return nil, nil
	}
	name := string(in.Name)
	return silence.New(silence.Config{
		Source: name,
		Count: func() (int64, bool) {
			s := stage.Status()
			return s.Summary.Accepted, slices.Contains(reading, s.State)
		},
		Path:       filepath.Join(string(p.State), "rates-"+url.PathEscape(name)+".json"),
		Log:        p.Log,
		Registerer: p.Registry,
	})
}

// watchSilence watches until the function that it returns is called.
func watchSilence(ctx context.Context, w *silence.Watch) (stop func()) {
	if w == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// tellQuiet says in a sign of life that the source is quiet.
func tellQuiet(b *control.Beat, w *silence.Watch) {
	if w == nil {
		return
	}
	if q := w.Quiet(); q != nil {
		b.Notices = append(b.Notices, control.Notice{
			Kind: "quiet", From: q.Since,
			Text: fmt.Sprintf("%.3g events a second, where %.3g are usual at this hour of the week", q.Rate, q.Usual),
		})
	}
}
