// Command riffle-api answers users: the JSON API and the page.
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
	c := config.NewAPI()
	return internal.Stage{
		Binary:  "riffle-api",
		Purpose: "hand out matches over a JSON API, and the page",
		Config:  c,
		Process: &c.Process,
		Run:     func(ctx context.Context, p *internal.Process) error { return start(ctx, p, c) },
	}.Main(ctx, args, environ, stdout, stderr)
}

// start wires the stage and runs it:
//
//	users ──> api ──> store
//	           └────> buffer: depths and signs of life, where one is configured
func start(ctx context.Context, p *internal.Process, c *config.API) error {
	store, err := internal.OpenStore(&c.Store)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	var buffer *internal.Buffer
	if !c.Buffer.IsZero() {
		if buffer, err = internal.OpenBuffer(ctx, &c.Buffer, 0); err != nil {
			return err
		}
		defer func() { _ = buffer.Close() }()
	}
	stage, err := p.NewAPI(ctx, &c.Web, &c.Store, store, buffer)
	if err != nil {
		return err
	}
	return p.Run(ctx, append(stage.Parts(), p.SchemaPart(&c.Store, store))...)
}
