package internal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/api"
	"riffle/pkg/auth"
	"riffle/pkg/config"
	"riffle/pkg/event"
	"riffle/pkg/filter"
	"riffle/pkg/obs"
	"riffle/pkg/retry"
	"riffle/pkg/rule"
	"riffle/pkg/store"
	"riffle/pkg/store/mysql"
	"riffle/pkg/store/sqlite"
)

// Store is the store that a URL names, as the stages and the operator's
// commands see it.
type Store interface {
	api.Store
	filter.Writer
	filter.Rules
	filter.Ledger
	Registry
	Migrate(ctx context.Context, progress func(have, want int64)) error
	CheckSchema(ctx context.Context) error
	Purge(ctx context.Context, keep store.Retention) (removed int64, err error)
	TrimDeadLetters(ctx context.Context, most int, bytes int64) (dropped int64, err error)
	DeadLetters
	Close() error
}

// DeadLetters is what could not be processed.
type DeadLetters interface {
	// DeadLetters lists some, the newest first, without their Data; before is 0
	// or the id of the last one seen.
	DeadLetters(ctx context.Context, before int64, limit int) ([]event.DeadLetter, error)
	// DeadLetter gives one, whole. Errors: event.ErrNotFound.
	DeadLetter(ctx context.Context, id int64) (event.DeadLetter, error)
	// DropDeadLetter removes one. Errors: event.ErrNotFound.
	DropDeadLetter(ctx context.Context, id int64) error
}

// Registry is what the operator's commands ask of a store beyond what the
// stages do.
type Registry interface {
	// UserByName gives one. Errors: event.ErrNotFound.
	UserByName(ctx context.Context, name string) (auth.User, error)
	// LinkAccount ties an account to a user.
	LinkAccount(ctx context.Context, user int64, account string) error
	// AddRules stores all of some rules or none, and gives them back in their
	// order. Errors: event.ErrExists when a user has a rule of one's canonical
	// form.
	AddRules(ctx context.Context, rules []rule.Rule) ([]rule.Rule, error)
	// AddLogin stores the hash of a login code.
	AddLogin(ctx context.Context, hash [32]byte, user int64, expires time.Time) error
}

// OpenStore opens a store. One that is away is no error: each call answers with
// a transient error until it is there.
//
// Errors: *config.Error for a store that no new try will open.
func OpenStore(c *config.Store) (Store, error) {
	s, err := openStore(c)
	if err != nil {
		return nil, unfit("--store", c.String(), err)
	}
	return s, nil
}

func openStore(c *config.Store) (*store.Store, error) {
	if c.Path == "" {
		return mysql.Open(c.URL)
	}
	if err := os.MkdirAll(filepath.Dir(c.Path), 0o700); err != nil {
		return nil, err
	}
	return sqlite.Open(c.Path)
}

// watchStore looks after the disk of a store that is on this host's own.
func (p *Process) watchStore(c *config.Store) {
	if c.Path != "" {
		p.watchDisk(filepath.Dir(c.Path))
	}
}

// CheckSchema refuses a store whose schema is not this version's.
//
// Errors: *config.Error then; transient ones while the store is away.
func CheckSchema(ctx context.Context, c *config.Store, s Store) error {
	return SchemaMistake(c, s.CheckSchema(ctx))
}

// SchemaMistake makes a mistake in the configuration of what the store's schema
// or login makes impossible.
func SchemaMistake(c *config.Store, err error) error {
	if err == nil {
		return nil
	}
	var schema *store.SchemaError
	if errors.As(err, &schema) {
		return &config.Error{Mistakes: []config.Mistake{{Setting: "--store", From: c.String(), Problem: schema.Error()}}}
	}
	return unfit("--store", c.String(), err)
}

// AwaitSchema waits until the store answers, and refuses it when its schema is
// not this version's: a stage never guesses.
func AwaitSchema(ctx context.Context, c *config.Store, s Store, log *zap.Logger) error {
	said := false
	return retry.Do(ctx, func(ctx context.Context) error { return CheckSchema(ctx, c, s) },
		func(err error, wait time.Duration) {
			if !said {
				log.Warn("store away, trying again", zap.NamedError(obs.Error, err), zap.Duration(obs.Delay, wait))
			}
			said = true
		})
}
