package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/spf13/cobra"

	"riffle/cmd/internal"
	"riffle/pkg/config"
	"riffle/pkg/event"
	"riffle/pkg/obs"
)

const matchName = "match"

// The exit statuses of riffle match are those of grep.
const (
	statusNone    = 1
	statusTrouble = 2
)

func (a *app) match() *cobra.Command {
	var asked matchFlags
	cmd := &cobra.Command{
		Use:   matchName + " [flags] RULE [FILE…]",
		Short: "Print the posts that a rule matches: grep for posts",
		Long: `Print the lines of FILE…, or of the standard input, whose post RULE matches.
Files may be packed by gzip. "-" is the standard input. Lines come out in the
order of the input.

Exit status: 0 some line matched, 1 none did, 2 trouble.`,
		Example: `  riffle match 'coffee -decaf lang:en' tweets.ndjson.gz
  zcat tweets.ndjson.gz | riffle match --json '#golang OR "go lang"'
  riffle match --explain '"new york"~3' posts.ndjson
  riffle match -- '-from:bot kitten' posts.ndjson`,
		Args: cobra.MinimumNArgs(1),
	}
	grep := a.work(func(cmd *cobra.Command, args []string) error {
		return a.grep(cmd.Context(), args[0], args[1:], &asked)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		err := grep(cmd, args)
		var conf *config.Error
		if errors.As(err, &conf) {
			internal.Explain(a.stderr, cmd.CommandPath(), err)
			return &internal.StatusError{Status: statusTrouble}
		}
		return err
	}
	cmd.Flags().BoolVar(&asked.json, "json", false, `print {"key":…,"spans":[…]} for each match instead of its line`)
	cmd.Flags().BoolVar(&asked.explain, "explain", false, "print what each post says and what in it satisfied the rule; --json wins over it")
	cmd.Flags().StringVar(&asked.color, "color", "auto", "mark what matched: auto (on a terminal), always or never")
	cmd.Flags().StringVar(&asked.format, "format", "auto", "what the lines are: "+strings.Join(internal.Formats(), ", "))
	return cmd
}

// matchFlags are those of riffle match.
type matchFlags struct {
	json, explain bool
	color, format string
}

// print is how matches are printed.
func (f *matchFlags) print(a *app) (printer, error) {
	colour := f.color == "always"
	switch f.color {
	case "auto":
		colour = obs.IsTerminal(a.stdout) && !slices.ContainsFunc(a.environ, isNoColor)
	case "always", "never":
	default:
		return nil, fmt.Errorf("--color %q is none of auto, always, never", f.color)
	}
	switch {
	case f.json:
		return printJSON, nil
	case f.explain:
		return printWhy(lineForm{terminal: colour}), nil
	case colour:
		return printMarked, nil
	}
	return printLine, nil
}

// isNoColor reports whether a variable says that nobody wants colours; see
// https://no-color.org.
func isNoColor(variable string) bool {
	value, found := strings.CutPrefix(variable, "NO_COLOR=")
	return found && value != ""
}

// grep runs riffle match.
//
// Errors: *internal.StatusError alone; what is wrong was written to stderr.
func (a *app) grep(ctx context.Context, value string, files []string, asked *matchFlags) error {
	show, err := asked.print(a)
	if err != nil {
		return a.matchTrouble(err)
	}
	search, err := newSearch(value, asked.format, show)
	if err != nil {
		return a.matchTrouble(err)
	}
	if len(files) == 0 {
		files = []string{"-"}
	}
	trouble := false
	for _, name := range files {
		if err := a.grepFile(ctx, search, name); err != nil {
			if errors.Is(err, errOutput) || ctx.Err() != nil {
				return a.matchTrouble(err)
			}
			trouble = true
			fmt.Fprintf(a.stderr, "riffle match: %v\n", err)
		}
	}
	a.tellRejected(search)
	switch {
	case trouble:
		return &internal.StatusError{Status: statusTrouble}
	case search.found == 0:
		return &internal.StatusError{Status: statusNone}
	}
	return nil
}

func (a *app) matchTrouble(err error) error {
	fmt.Fprintf(a.stderr, "riffle match: %v\n", err)
	return &internal.StatusError{Status: statusTrouble}
}

// tellRejected says how many lines could not be read, so that none is passed
// over in silence.
func (a *app) tellRejected(s *search) {
	var total int64
	var reasons []string
	for _, r := range event.Reasons() {
		if n := s.rejected[r]; n > 0 {
			total += n
			reasons = append(reasons, fmt.Sprintf("%d %s", n, r))
		}
	}
	if total > 0 {
		fmt.Fprintf(a.stderr, "riffle match: %d lines are no posts that can be read: %s\n", total, strings.Join(reasons, ", "))
	}
}

func (a *app) grepFile(ctx context.Context, s *search, name string) error {
	in := a.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	unpacked, err := unpack(in)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := s.run(ctx, unpacked, a.stdout); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// unpack undoes gzip where the input begins like it.
func unpack(in io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(in, 1<<16)
	head, err := buffered.Peek(2)
	if err != nil || head[0] != 0x1f || head[1] != 0x8b {
		return buffered, nil //nolint:nilerr // what is shorter than two bytes is not packed
	}
	return gzip.NewReader(buffered)
}
