package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"riffle/cmd/internal"
	"riffle/pkg/config"
	"riffle/pkg/obs"
	"riffle/pkg/retry"
)

// storeTimeout bounds what a command waits for the store: a person sits in
// front of it.
const storeTimeout = 15 * time.Second

// withStore runs a command that works on the store.
func (a *app) withStore(f func(ctx context.Context, store internal.Store, args []string) error) func(*cobra.Command, []string) error {
	return a.withStoreFor(storeTimeout, f)
}

// withStoreFor runs a command that may take longer than others.
func (a *app) withStoreFor(
	limit time.Duration, f func(ctx context.Context, store internal.Store, args []string) error,
) func(*cobra.Command, []string) error {
	return a.work(func(cmd *cobra.Command, args []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), limit)
		defer cancel()
		store, err := a.openStore(ctx)
		if err != nil {
			return err
		}
		return errors.Join(f(ctx, store, args), store.Close())
	})
}

// openStore opens the store, whose schema must be this version's.
func (a *app) openStore(ctx context.Context) (internal.Store, error) {
	c, err := a.storeSetting()
	if err != nil {
		return nil, err
	}
	store, err := internal.OpenStore(c)
	if err != nil {
		return nil, err
	}
	if err := internal.CheckSchema(ctx, c, store); err != nil {
		return nil, errors.Join(unreachable(c, err), store.Close())
	}
	return store, nil
}

// storeSetting gives the store of --store, else that of riffle up.
func (a *app) storeSetting() (*config.Store, error) {
	if !a.tool.Store.IsZero() {
		return &a.tool.Store, nil
	}
	path := filepath.Join(string(a.tool.Data), config.StoreFile)
	if _, err := os.Stat(path); err != nil {
		return nil, &config.Error{Mistakes: []config.Mistake{{
			Setting: "--store",
			Problem: fmt.Sprintf("is not set, and riffle up has left no store in %s; give --store mysql://user:pass@host:port/db, or --data with the directory of riffle up", a.tool.Data),
		}}}
	}
	return &config.Store{Path: path}, nil
}

// unreachable tells an outage as what it is for the person in front of it.
func unreachable(c *config.Store, err error) error {
	if retry.IsTransient(err) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the store %s cannot be reached; is it running? (%w)", c, err)
	}
	return err
}

func (a *app) migrate() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the store's schema to this version", Args: cobra.NoArgs,
		Long: `Bring the store's schema to this version. Run it before the stages of a new
version are started; those of the old one may go on meanwhile.`,
		RunE: a.work(func(cmd *cobra.Command, _ []string) error {
			return a.migrateStore(cmd.Context())
		}),
	}
}

func (a *app) migrateStore(ctx context.Context) error {
	c := &a.tool.Store
	if c.IsZero() {
		c = &config.Store{Path: filepath.Join(string(a.tool.Data), config.StoreFile)}
	}
	store, err := internal.OpenStore(c)
	if err != nil {
		return err
	}
	err = a.migrateSteps(ctx, c, store)
	return errors.Join(err, store.Close())
}

func (a *app) migrateSteps(ctx context.Context, c *config.Store, store internal.Store) error {
	// A migration of a large table may take hours; what is not reached within
	// the timeout is told at once.
	reach, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := store.Ping(reach); err != nil {
		return unreachable(c, err)
	}
	steps := migration{out: a.stdout}
	if err := store.Migrate(ctx, steps.begin); err != nil {
		return internal.SchemaMistake(c, err)
	}
	if !steps.begun {
		return a.say("nothing to do: the schema is that of this version")
	}
	steps.end()
	return a.say("done")
}

// migration shows how far a migration is: a bar on a terminal, else a line a
// step.
type migration struct {
	out   io.Writer
	begun bool
	bar   *progressbar.ProgressBar // nil unless out is a terminal
}

// begin tells that the step from version have is about to run.
func (m *migration) begin(have, want int64) {
	if !m.begun && obs.IsTerminal(m.out) {
		m.bar = progressbar.NewOptions64(want-have, progressbar.OptionSetWriter(m.out),
			progressbar.OptionFullWidth(), progressbar.OptionSetElapsedTime(true))
	} else if m.bar != nil {
		_ = m.bar.Add64(1) // a bar that can't be drawn is no reason to stop
	}
	m.begun = true
	if m.bar == nil {
		fmt.Fprintf(m.out, "schema is at version %d of %d\n", have, want)
		return
	}
	m.bar.Describe(fmt.Sprintf("schema version %d of %d", have, want))
}

func (m *migration) end() {
	if m.bar != nil {
		_ = m.bar.Finish()
		fmt.Fprintln(m.out)
	}
}
