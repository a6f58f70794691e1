package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"riffle/cmd/internal"
	"riffle/pkg/config"
	"riffle/pkg/daemon"
)

// app is what the commands share.
type app struct {
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
	tool           *config.Tool
	// ran tells errors of a command's work from those of its command line.
	ran bool
}

// run is the whole program; it gives the exit status.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{environ: environ, stdin: stdin, stdout: stdout, stderr: stderr, tool: config.NewTool()}
	ctx, stop := daemon.SignalContext(ctx)
	defer stop()
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !a.ran {
		err = a.usage(cmd, err)
	}
	return internal.Explain(stderr, cmd.CommandPath(), err)
}

// usage marks an error of the command line. riffle match keeps the statuses of
// grep, which know but one for all errors.
func (a *app) usage(cmd *cobra.Command, err error) error {
	var own *internal.StatusError
	if errors.As(err, &own) {
		return err
	}
	if cmd.Name() == matchName {
		fmt.Fprintf(a.stderr, "%s: %v\nTry '%s --help'.\n", cmd.CommandPath(), err, cmd.CommandPath())
		return &internal.StatusError{Status: statusTrouble}
	}
	return &config.UsageError{Problem: err.Error()}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "riffle",
		Short: "Catch what matters from a live social stream",
		Long: `riffle reads a live social stream, keeps what your rules ask for, and hands it
out over a JSON API.

Try it: "riffle up" runs everything in this process on a generated stream and
prints what it catches. "riffle up --source jetstream://jetstream2.us-east.bsky.network/subscribe"
does so on all of Bluesky.

Every flag about servers is also an environment variable: --store is
RIFFLE_STORE. Without --store, commands work on the data of riffle up in --data.`,
		Version:           internal.Version(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              cobra.NoArgs,
		RunE:              a.work(func(cmd *cobra.Command, _ []string) error { return cmd.Help() }),
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetVersionTemplate(internal.VersionLine("riffle") + "\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if cmd.Name() == matchName || cmd.Parent() != nil && cmd.Parent().Name() == "rule" {
			return fmt.Errorf(`%w; write -- before a rule that begins with a minus, as in: -- "-cat dog"`, err)
		}
		return err
	})
	config.Bind(root.PersistentFlags(), a.tool)
	root.AddCommand(a.up(), a.migrate(), a.status(), a.pause(), a.resume(), a.user(), a.login(), a.token(), a.rule(), a.match(), a.dead())
	return root
}

// work wraps what a command does: it reads the configuration first, so that a
// mistake there stops every command, and --check-config is answered by all. From
// here on an error is no longer one of the command line.
func (a *app) work(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.ran = true
		report, err := config.Load(a.tool, cmd.Flags(), a.environ)
		switch {
		case err != nil:
			return err
		case report.CheckOnly:
			return internal.PrintChecked(a.stdout, report)
		}
		return f(cmd, args)
	}
}

// group makes a command that is nothing but the name of others.
func (a *app) group(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.New("which one? " + names(cmd.Commands()))
		},
	}
	cmd.AddCommand(children...)
	return cmd
}

func names(commands []*cobra.Command) string {
	var list string
	for i, c := range commands {
		if i > 0 {
			list += ", "
		}
		list += c.Name()
	}
	return list
}
