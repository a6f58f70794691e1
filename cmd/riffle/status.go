package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"riffle/cmd/internal"
	"riffle/pkg/api"
	"riffle/pkg/config"
	"riffle/pkg/event"
	"riffle/pkg/obs"
	"riffle/pkg/pause"
)

const (
	// statusTimeout bounds what status waits for each neighbour: it is asked for
	// when something is away.
	statusTimeout = 3 * time.Second
	// watchEvery is how often --watch looks.
	watchEvery = 2 * time.Second
)

// looking is how the status is told.
type looking struct{ asJSON, watch, check bool }

func (a *app) status() *cobra.Command {
	var l looking
	cmd := &cobra.Command{
		Use: "status", Short: "Say how the stages, the buffer and the store fare", Args: cobra.NoArgs,
		Long: `Say how the stages, the buffer and the store fare. It works while some of them are
away, and says which.

--check is a plugin for Nagios and its kin: one line (with --json the whole status
instead), and the status 0 (all is well), 1 (warning), 2 (critical) or 3 (unknown).
Critical are a store or buffer that cannot be reached, events that wait while no
filter is alive, events that neither buffer nor spool takes, and a lag of 10
minutes; warnings are a lag of a minute, a pause, an ingest that spools, a stage
that fell silent, a source that lost its ingest, a lasting notice and dead letters.`,
	}
	look := a.work(func(cmd *cobra.Command, _ []string) error { return a.lookAround(cmd.Context(), l) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		err := look(cmd, args)
		var conf *config.Error
		if !l.check || !errors.As(err, &conf) {
			return err
		}
		out := a.stdout
		if l.asJSON { // what reads JSON gets no other line
			out = a.stderr
		}
		fmt.Fprintf(out, "RIFFLE UNKNOWN: %v\n", err)
		return &internal.StatusError{Status: checkUnknown}
	}
	cmd.Flags().BoolVar(&l.asJSON, "json", false, "print it as JSON, in the form of GET /v1/status")
	cmd.Flags().BoolVar(&l.watch, "watch", false, "look again every two seconds")
	cmd.Flags().BoolVar(&l.check, "check", false, "print one line, or with --json the JSON, and end with a status for Nagios")
	cmd.MarkFlagsMutuallyExclusive("watch", "check")
	return cmd
}

func (a *app) lookAround(ctx context.Context, l looking) error {
	if l.check {
		return a.check(a.look(ctx), l)
	}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		if err := a.tell(a.look(ctx), l); err != nil || !l.watch {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// clearScreen moves a terminal's cursor home and empties it.
const clearScreen = "\x1b[H\x1b[2J"

func (a *app) tell(s api.Status, l looking) error {
	if l.asJSON {
		encoder := json.NewEncoder(a.stdout)
		if !l.watch { // else one status a line
			encoder.SetIndent("", "  ")
		}
		return encoder.Encode(s)
	}
	if l.watch && obs.IsTerminal(a.stdout) {
		fmt.Fprint(a.stdout, clearScreen)
	}
	return a.showStatus(&s)
}

// away stands for a store or a buffer that could not be opened.
type away struct{ err error }

func (w away) Ping(context.Context) error                              { return w.err }
func (w away) CountDeadLetters(context.Context) (int64, error)         { return 0, w.err }
func (w away) Depths(context.Context) ([]event.Depth, error)           { return nil, w.err }
func (w away) Stages(context.Context) ([]api.Stage, error)             { return nil, w.err }
func (w away) Flip(context.Context, *pause.Wish) (pause.Switch, error) { return pause.Switch{}, w.err }
func (w away) Switches(context.Context) ([]pause.Switch, time.Time, error) {
	return nil, time.Time{}, w.err
}

// look opens store and buffer at the same time, and then asks both. What is spent
// on opening one that hangs is not taken from the time for the other's answers.
func (a *app) look(ctx context.Context) api.Status {
	view := api.View{Version: internal.Version(), Now: time.Now}
	opening, cancelOpening := context.WithTimeout(ctx, statusTimeout)
	defer cancelOpening()
	opened := make(chan func(), 1)
	go func() { opened <- a.seeStore(opening, &view) }()
	closeBuffer := a.seeBuffer(opening, &view)
	closeStore := <-opened
	defer closeBuffer()
	defer closeStore()
	asking, cancelAsking := context.WithTimeout(ctx, statusTimeout)
	defer cancelAsking()
	return view.Look(asking)
}

func (a *app) seeStore(ctx context.Context, view *api.View) (shut func()) {
	shut = func() {}
	c, err := a.storeSetting()
	if err == nil {
		view.StoreAt = c.String()
		var store internal.Store
		if store, err = a.openStore(ctx); err == nil {
			view.Store, view.DeadLetters = store, store
			return func() { _ = store.Close() }
		}
	}
	view.Store, view.DeadLetters = away{err}, away{err}
	return shut
}

func (a *app) seeBuffer(ctx context.Context, view *api.View) (shut func()) {
	c := a.bufferSetting()
	view.BufferAt = c.String()
	var err error
	if c.Path != "" { // opening would make it
		_, err = os.Stat(c.Path)
	}
	if err == nil {
		var buffer *internal.Buffer
		if buffer, err = internal.OpenBuffer(ctx, c, 0); err == nil {
			view.Depths, view.Stages, view.Switches = buffer, buffer, buffer
			return func() { _ = buffer.Close() }
		}
	}
	err = plain(err)
	view.Depths, view.Stages, view.Switches = away{err}, away{err}, away{err}
	return func() {}
}

// plain leaves off what a message of the configuration says around its problem.
func plain(err error) error {
	var conf *config.Error
	if errors.As(err, &conf) && len(conf.Mistakes) == 1 {
		return errors.New(conf.Mistakes[0].Problem)
	}
	return err
}

// bufferSetting gives the buffer of --buffer, else that of riffle up.
func (a *app) bufferSetting() *config.Buffer {
	if !a.tool.Buffer.IsZero() {
		return &a.tool.Buffer
	}
	return &config.Buffer{Path: filepath.Join(string(a.tool.Data), config.BufferFile)}
}
