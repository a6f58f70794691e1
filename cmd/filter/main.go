// Command riffle-filter takes frames from the buffer, lets the users' rules
// judge their events and writes what is kept into the store.
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

func run(ctx context.Context, args, environ []string, _ io.Reader, stdout, stderr io.Writer) int {
	c := config.NewFilter()
	return internal.Stage{
		Binary:  "riffle-filter",
		Purpose: "take events from the buffer, match them with the rules and store what is kept",
		Config:  c,
		Process: &c.Process,
		Run:     func(ctx context.Context, p *internal.Process) error { return start(ctx, p, c) },
	}.Main(ctx, args, environ, stdout, stderr)
}

// start wires the stage and runs it:
//
//	buffer ──> filter ──> store <── retention
//	             │ ^────── rules
//	             └──> sign of life
func start(ctx context.Context, p *internal.Process, c *config.Filter) error {
	buffer, err := internal.OpenBuffer(ctx, &c.Buffer, 0)
	if err != nil {
		return err
	}
	defer func() { _ = buffer.Close() }()
	store, err := internal.OpenStore(&c.Store)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	return p.Run(ctx, p.FilterParts(internal.Filtering{
		Setting: &c.Store, Store: store, Buffer: buffer, Keep: c.Keep, StoreAll: c.StoreAll, Allowance: c.Allowance,
	})...)
}
