package internal

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"riffle/pkg/config"
	"riffle/pkg/daemon"
)

// Stage is a binary of one stage.
type Stage struct {
	Binary  string // such as riffle-filter
	Purpose string // one sentence for --help
	Config  config.Settings
	Process *config.Process
	// Run runs the stage until ctx ends or its work is done.
	Run func(ctx context.Context, p *Process) error
}

// Main is a whole run of the stage's binary: it reads the configuration, sets
// up the process, runs the stage and gives the exit status.
func (s Stage) Main(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	report, err := s.configure(args, environ, stdout)
	if err != nil {
		return Explain(stderr, s.Binary, err)
	}
	if report == nil {
		return daemon.ExitStopped
	}
	ctx, stop := daemon.SignalContext(ctx)
	defer stop()
	p, err := NewProcess(ctx, s.Process, environ, stderr)
	if err != nil {
		return Explain(stderr, s.Binary, err)
	}
	if err := s.Run(ctx, p); err != nil {
		return Explain(stderr, s.Binary, err)
	}
	return daemon.ExitStopped
}

// configure reads the configuration; a nil report says that what was asked for
// is done.
func (s Stage) configure(args, environ []string, stdout io.Writer) (*config.Report, error) {
	flags := pflag.NewFlagSet(s.Binary, pflag.ContinueOnError)
	flags.SortFlags = false
	flags.Usage = func() {}
	config.Bind(flags, s.Config)
	showVersion := flags.Bool("version", false, "print the version and exit")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return nil, s.help(stdout, flags)
	case err != nil:
		return nil, &config.UsageError{Problem: err.Error()}
	case *showVersion:
		_, err := fmt.Fprintln(stdout, VersionLine(s.Binary))
		return nil, err
	case flags.NArg() > 0:
		return nil, &config.UsageError{Problem: fmt.Sprintf("takes no arguments, only flags; what is %q?", flags.Arg(0))}
	}
	report, err := config.Load(s.Config, flags, environ)
	if err != nil || !report.CheckOnly {
		return report, err
	}
	return nil, PrintChecked(stdout, report)
}

func (s Stage) help(stdout io.Writer, flags *pflag.FlagSet) error {
	_, err := fmt.Fprintf(stdout, `%s: %s

Usage: %s [flags]

Every flag is also an environment variable: --store is RIFFLE_STORE, and secrets
may stand in the file that RIFFLE_STORE_FILE names. Flags win over environment,
environment over the file of --config.

%s`, s.Binary, s.Purpose, s.Binary, flags.FlagUsages())
	return err
}

// PrintChecked writes what --check-config says of a configuration without mistakes.
func PrintChecked(stdout io.Writer, report *config.Report) error {
	if err := report.Print(stdout); err != nil {
		return err
	}
	_, err := fmt.Fprintln(stdout, "# the configuration is well-formed; servers were not asked")
	return err
}
