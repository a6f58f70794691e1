package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"riffle/cmd/internal"
	"riffle/pkg/event"
	"riffle/pkg/rule"
)

// search is one rule over many lines.
type search struct {
	index    *rule.Index
	decoders func() event.Decoder
	show     printer

	found    int64
	rejected [256]int64 // by event.Reason
}

func newSearch(value, format string, show printer) (*search, error) {
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
	return &search{index: index, decoders: decoders, show: show}, nil
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
	show    printer
	event   event.Event
}

func (s *search) newWorker() *worker {
	return &worker{matcher: s.index.NewMatcher(), decoder: s.decoders(), show: s.show}
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
		w.show(&c.out, line, &w.event, w.matcher.Spans(hits[0]))
	}
}
