package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"riffle/cmd/internal"
	"riffle/pkg/api"
	"riffle/pkg/config"
	"riffle/pkg/control"
	"riffle/pkg/pause"
)

// bufferTimeout bounds what a command waits for the buffer's server.
const bufferTimeout = 10 * time.Second

// flip is what pause and resume are told.
type flip struct {
	wish  pause.Wish
	span  config.Duration
	local bool
	state string
}

func (a *app) pause() *cobra.Command {
	f := &flip{wish: pause.Wish{Pause: true}}
	cmd := &cobra.Command{
		Use: "pause ingest[/NAME]|filter|api", Short: "Let a stage take nothing new until it is resumed",
		Long: `Let a stage take nothing new until it is resumed. The stage obeys within a second
and finishes what it has in hand, or gives it back, within five. The pause
outlives restarts of the stage and of Redis; riffle status shows it.

Without Redis, --local writes the switch to the stage's own disk (--state). The
stage obeys it at once, and brings it to Redis when that is there again: the
newest switch holds for all.`,
		Example: "  riffle pause filter --reason 'moving the database' --for 10m\n  riffle pause ingest/bluesky",
		Args:    cobra.ExactArgs(1), RunE: a.work(func(cmd *cobra.Command, args []string) error { return a.flip(cmd, args[0], f) }),
	}
	f.bind(cmd)
	cmd.Flags().Var(durationFlag{&f.span}, "for", "resume by itself after this time, such as 10m or 2h")
	cmd.Flags().BoolVar(&f.wish.AcceptGap, "accept-gap", false, "pause a source that cannot be read again too; what it tells meanwhile is lost")
	return cmd
}

func (a *app) resume() *cobra.Command {
	f := &flip{}
	cmd := &cobra.Command{
		Use: "resume ingest[/NAME]|filter|api", Short: "Let a paused stage take again", Args: cobra.ExactArgs(1),
		Long: `Let a paused stage take again. A source is paused while either its own switch
(ingest/NAME) or that of all (ingest) is on.`,
		RunE: a.work(func(cmd *cobra.Command, args []string) error { return a.flip(cmd, args[0], f) }),
	}
	f.bind(cmd)
	return cmd
}

func (f *flip) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.wish.Reason, "reason", "", "why; shown wherever the pause is")
	cmd.Flags().BoolVar(&f.local, "local", false, "write the switch to this host's disk (--state) instead of the buffer's server")
	cmd.Flags().StringVar(&f.state, "state", "", "with --local: the --state directory of the stage (default $RIFFLE_STATE, $STATE_DIRECTORY or --data)")
}

func (a *app) flip(cmd *cobra.Command, stage string, f *flip) error {
	f.wish.Stage, f.wish.For, f.wish.Who = stage, time.Duration(f.span), whoIsIt()
	if err := f.wish.Check(); err != nil {
		return &config.UsageError{Problem: err.Error()}
	}
	if f.local {
		return a.flipLocal(f)
	}
	if f.state != "" {
		return &config.UsageError{Problem: "--state is for --local; without it the switch is in the buffer's server"}
	}
	return a.flipBoard(cmd.Context(), &f.wish)
}

// flipBoard flips the switch that all hosts see.
func (a *app) flipBoard(ctx context.Context, wish *pause.Wish) error {
	ctx, cancel := context.WithTimeout(ctx, bufferTimeout)
	defer cancel()
	c := a.bufferSetting()
	if c.Path != "" {
		if _, err := os.Stat(c.Path); err != nil {
			return &config.Error{Mistakes: []config.Mistake{{
				Setting: "--buffer", Problem: fmt.Sprintf("is not set, and there is no buffer in %s; give --buffer redis://host:port/db, or --data with the directory of riffle up", c.Path),
			}}}
		}
	}
	buffer, err := internal.OpenBuffer(ctx, c, 0)
	if err != nil {
		return err
	}
	defer func() { _ = buffer.Close() }()
	if wish.Pause {
		stages, err := buffer.Stages(ctx)
		if err != nil {
			return a.noBoard(c, err)
		}
		if err := api.CheckGap(stages, wish); err != nil {
			return fmt.Errorf("%w; --accept-gap pauses it all the same", err)
		}
		a.warnOfNobody(stages, wish.Stage)
	}
	done, err := buffer.Flip(ctx, wish)
	if err != nil {
		return a.noBoard(c, err)
	}
	if err := a.tellFlip(&done); err != nil {
		return err
	}
	return a.tellOther(ctx, buffer, &done)
}

// warnOfNobody says that a switch is nobody's: its name may be a slip. It is set
// all the same, since a stage may come later and must obey it.
func (a *app) warnOfNobody(stages []api.Stage, name string) {
	if !slices.ContainsFunc(stages, func(s api.Stage) bool { return name == s.Stage || name == s.Stage+"/"+s.Name }) {
		fmt.Fprintf(a.stderr, "warning: no %s has left a sign of life within the last hour; one that comes will obey, and riffle status names those that are there\n", name)
	}
}

func (a *app) noBoard(c *config.Buffer, err error) error {
	return fmt.Errorf("the buffer %s cannot be reached; on each host of the stage, --local works without it (%w)", c, err)
}

// tellFlip says what is so now.
func (a *app) tellFlip(s *pause.Switch) error {
	switch {
	case !s.Paused:
		return a.say("%s is resumed", s.Stage)
	case s.Until.IsZero():
		return a.say("%s is paused until riffle resume %s", s.Stage, s.Stage)
	}
	return a.say("%s is paused until %s", s.Stage, s.Until.Local().Format(time.RFC3339))
}

// tellOther says that a source which was resumed is still paused with all
// others, or the other way round.
func (a *app) tellOther(ctx context.Context, board control.Switchboard, done *pause.Switch) error {
	if done.Paused {
		return nil
	}
	all, now, err := board.Switches(ctx)
	if err != nil {
		return nil //nolint:nilerr // what was asked for is done
	}
	for i := range all {
		s := &all[i]
		if s.On(now) && s.Stage != done.Stage && concerns(s.Stage, done.Stage) {
			if err := a.say("%s is still paused by %s: %s", s.Stage, dash(s.Who), dash(s.Reason)); err != nil {
				return err
			}
		}
	}
	return nil
}

// concerns reports whether two switches pause one source.
func concerns(one, other string) bool {
	return one == pause.Ingest && isSource(other) || other == pause.Ingest && isSource(one)
}

func isSource(stage string) bool { return strings.HasPrefix(stage, pause.Source("")) }

// flipLocal flips the switch on this host's disk.
func (a *app) flipLocal(f *flip) error {
	env := config.Environ(a.environ)
	dir := cmp.Or(f.state, env.Get("RIFFLE_STATE"), env.Get("STATE_DIRECTORY"), string(a.tool.Data))
	state := control.State(dir)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return &config.Error{Mistakes: []config.Mistake{{
			Setting: "--state", Problem: dir + " is no directory; give the --state of the stage, such as /var/lib/riffle/filter-1",
		}}}
	}
	if !internal.IsState(dir) {
		fmt.Fprintf(a.stderr, "warning: no stage has run with --state %s yet; only one that does sees the switch\n", dir)
	}
	last, err := state.Switch(f.wish.Stage)
	if err != nil {
		fmt.Fprintf(a.stderr, "%v; it is replaced\n", err)
	}
	done := f.wish.After(&last, time.Now())
	if err := state.KeepSwitch(done); err != nil {
		return err
	}
	if err := a.tellFlip(&done); err != nil {
		return err
	}
	if err := a.say("written to %s, where the stage sees it within a second", dir); err != nil {
		return err
	}
	if done.Paused && !done.AcceptGap && strings.HasPrefix(done.Stage, pause.Ingest) {
		return a.say("an ingest whose source cannot be read again obeys it only with --accept-gap")
	}
	return nil
}

// whoIsIt names the person at this terminal.
func whoIsIt() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

// durationFlag is a duration as the settings write it.
type durationFlag struct{ *config.Duration }

// Type names it in the help text.
func (durationFlag) Type() string { return "duration" }
