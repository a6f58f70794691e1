package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/spf13/cobra"

	"riffle/cmd/internal"
	"riffle/pkg/event"
	"riffle/pkg/rule"
)

const matchName = "match"

// The exit statuses of riffle match are those of grep.
const (
	statusNone    = 1
	statusTrouble = 2
)

func (a *app) match() *cobra.Command {
	var asJSON bool
	var format string
	cmd := &cobra.Command{
		Use:   matchName + " [flags] RULE [FILE…]",
		Short: "Print the posts that a rule matches: grep for posts",
		Long: `Print the lines of FILE…, or of the standard input, whose post RULE matches.
Files may be packed by gzip. "-" is the standard input.

Exit status: 0 some line matched, 1 none did, 2 trouble.`,
		Example: `  riffle match 'coffee -decaf lang:en' tweets.ndjson.gz
  zcat tweets.ndjson.gz | riffle match --json '#golang OR "go lang"'
  riffle match -- '-from:bot kitten' posts.ndjson`,
		Args: cobra.MinimumNArgs(1),
		RunE: a.work(func(cmd *cobra.Command, args []string) error {
			return a.grep(cmd.Context(), args[0], args[1:], format, asJSON)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, `print {"key":…,"spans":[…]} for each match instead of its line`)
	cmd.Flags().StringVar(&format, "format", "auto", "what the lines are: "+strings.Join(internal.Formats(), ", "))
	return cmd
}

// grep runs riffle match.
//
// Errors: *internal.StatusError alone; what is wrong was written to stderr.
func (a *app) grep(ctx context.Context, value string, files []string, format string, asJSON bool) error {
	search, err := newSearch(value, format, asJSON)
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

// search is one rule over many lines.
type search struct {
	index    *rule.Index
	decoders func() event.Decoder
	asJSON   bool

	found    int64
	rejected [256]int64 // by event.Reason
}

func newSearch(value, format string, asJSON bool) (*search, error) {
	decoders, err := internal.Decoders(format, internal.Origin{Source: "stdin"})
	if err != nil {
		return nil, err
	}
	expr, problems := rule.Parse(value)
	if expr == nil {
		return nil, errors.New(describe(value, problems))
	}
	index := rule.NewIndex()
	if err := index.Put(rule.Rule{ID: 1, User: 1, Value: value, Enabled: true}); err != nil {
		return nil, err
	}
	return &search{index: index, decoders: decoders, asJSON: asJSON}, nil
}

// errOutput marks that nobody reads what is printed, so that going on is vain.
var errOutput = errors.New("cannot write")

// chunk is a run of whole lines on its way through a worker.
type chunk struct {
	lines    []byte
	out      bytes.Buffer
	found    int64
	rejected [256]int64
	done     chan struct{}
}

// run reads in, and writes what matches to out in the order of the input.
//
//	reader ──> work ──> workers (one per core)
//	   └─────> order ──────────────────────────> writer (this goroutine)
func (s *search) run(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	work, order := make(chan *chunk, workers), make(chan *chunk, 2*workers)
	for range workers {
		go func() {
			w := s.newWorker()
			for c := range work {
				w.process(c)
				close(c.done)
			}
		}()
	}
	readErr := make(chan error, 1)
	go func() {
		defer close(order)
		defer close(work)
		readErr <- cutLines(ctx, in, func(lines []byte, tooLong int64) {
			c := &chunk{lines: lines, done: make(chan struct{})}
			c.rejected[event.ReasonOversize] = tooLong
			work <- c
			order <- c
		})
	}()
	var writeErr error
	for c := range order {
		<-c.done
		if writeErr == nil {
			writeErr = s.collect(c, out)
		}
		if writeErr != nil {
			cancel() // the reader ends; what it has sent is drained here
		}
	}
	if writeErr != nil {
		return writeErr
	}
	return <-readErr
}

func (s *search) collect(c *chunk, out io.Writer) error {
	s.found += c.found
	for i, n := range c.rejected {
		s.rejected[i] += n
	}
	if c.out.Len() == 0 {
		return nil
	}
	if _, err := out.Write(c.out.Bytes()); err != nil {
		return fmt.Errorf("%w: %w", errOutput, err)
	}
	return nil
}

// worker matches lines on one core.
type worker struct {
	matcher *rule.Matcher
	decoder event.Decoder
	asJSON  bool
	event   event.Event
}

func (s *search) newWorker() *worker {
	return &worker{matcher: s.index.NewMatcher(), decoder: s.decoders(), asJSON: s.asJSON}
}

func (w *worker) process(c *chunk) {
	for line := range bytes.Lines(c.lines) {
		var invalid *event.InvalidError
		err := w.decoder.Decode(&w.event, bytes.TrimRight(line, "\r\n"))
		if errors.As(err, &invalid) {
			c.rejected[invalid.Reason]++
		}
		if err != nil {
			continue
		}
		hits := w.matcher.Match(&w.event, nil)
		if len(hits) == 0 {
			continue
		}
		c.found++
		w.print(&c.out, line, hits[0])
	}
}

// print writes what the user asked for; a bytes.Buffer takes all.
func (w *worker) print(out *bytes.Buffer, line []byte, hit rule.Hit) {
	if !w.asJSON {
		out.Write(line)
		if line[len(line)-1] != '\n' {
			out.WriteByte('\n')
		}
		return
	}
	found := struct {
		Key   string       `json:"key"`
		Spans []event.Span `json:"spans"`
	}{w.event.Key, w.matcher.Spans(hit)}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(found); err != nil {
		panic(err) // a string and integers always encode
	}
}
