// Command riffle-ingest reads one source, shrinks its messages to events and
// pushes them into the buffer.
package main

import (
	"context"
	"io"
	"os"

	"riffle/cmd/internal"
	"riffle/pkg/config"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := config.NewIngest()
	c.CheckSource = internal.CheckSource
	return internal.Stage{
		Binary:  "riffle-ingest",
		Purpose: "read a live stream, shrink its messages and push them into the buffer",
		Config:  c,
		Process: &c.Process,
		Run: func(ctx context.Context, p *internal.Process) error {
			return start(ctx, p, c, stdin, stderr)
		},
	}.Main(ctx, args, environ, stdout, stderr)
}

// start wires the stage and runs it:
//
//	source ──> ingest ──> buffer
//	             │
//	             └──> sign of life, progress, summary
func start(ctx context.Context, p *internal.Process, c *config.Ingest, stdin io.Reader, stderr io.Writer) error {
	buffer, err := internal.OpenBuffer(ctx, &c.Buffer, c.BufferMax)
	if err != nil {
		return err
	}
	defer func() { _ = buffer.Close() }()
	stage, err := p.NewIngest(&c.Input, buffer, stdin)
	if err != nil {
		return err
	}
	err = p.Run(ctx, stage.Part(), stage.Beat(), stage.Progress(stderr, true), p.DurabilityPart(buffer))
	stage.Report(stderr)
	return err
}
