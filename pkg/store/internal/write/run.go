package write

import (
	"context"
	"errors"
	"fmt"

	"riffle/pkg/event"
	"riffle/pkg/retry"
)

// Tx reads and writes the rows of one try.
type Tx interface {
	// Know answers what the store knows of some events.
	Know(ctx context.Context, q *Question) (*Answer, error)
	// Matches reads match rows, by ascending event and user, at most r.Limit.
	Matches(ctx context.Context, r *Range) ([]Match, error)
	// Apply carries out a plan. place gives the inserted events their places
	// in their lanes, len(Inserted) from first on.
	//
	// Errors: ErrConflict when the store is not as the plan takes it to be.
	Apply(ctx context.Context, p *Plan) error
}

// Dialect is what a dialect of the store does for a write.
type Dialect interface {
	// Try calls f once with a transaction. If f fails nothing is written.
	Try(ctx context.Context, f func(Tx) error) error
	// MarkAccounts notes that accounts are deleted, in a transaction of its own
	// that also claims the frames. Of an account that is noted the greater
	// version stays.
	MarkAccounts(ctx context.Context, claims []event.Delivery, accounts []Account) error
	// Written lists up to limit events with text, no newer than the account's
	// version, whose author has the account's hash, by ascending seq above
	// after. It waits for transactions that are writing such events.
	Written(ctx context.Context, a Account, after int64, limit int) ([]Event, error)
}

// Account is a deleted account.
type Account struct {
	Key     string // NETWORK:ACCOUNT
	ID      [16]byte
	Version int64
}

// ErrConflict answers a plan that was overtaken.
var ErrConflict = errors.New("rows have changed since they were read")

// errTooMany: the events of a part have more matches than are read at once.
var errTooMany = errors.New("too many matches to read at once")

// Bounds of one transaction. The number of the changes is drawn from a row that
// all writers wait for, so a transaction must be short: 2,000 rows take some
// 20 ms.
const (
	maxRows = 2000
	// maxKnown is how many match rows are read for the events of one part.
	maxKnown = 4 * maxRows
	// maxTries bounds how often a part is decided anew at once. A conflict needs
	// another filter with the same event in hand in the same milliseconds.
	maxTries = 10
)

// Run writes a batch, in transactions of some bytes at most where its rows
// allow that.
//
// Errors: event.ErrRefused; those of the dialect, which marks transient ones.
func Run(ctx context.Context, d Dialect, b *event.Batch, bytes int) error {
	parts, accounts := split(b, bytes)
	if len(accounts) > 0 {
		if err := forget(ctx, d, b.Deliveries, accounts); err != nil {
			return err
		}
	}
	for i := range parts {
		parts[i].finish = i == len(parts)-1
		if err := runPart(ctx, d, &parts[i]); err != nil {
			return err
		}
	}
	return nil
}

// runPart writes a part, in several transactions where its events have very
// many matches.
func runPart(ctx context.Context, d Dialect, p *part) error {
	for {
		more, err := retryPart(ctx, d, p)
		switch {
		case errors.Is(err, errTooMany):
			return runSingly(ctx, d, p)
		case err != nil:
			return err
		case !more:
			return nil
		}
	}
}

// runSingly writes the pieces of a part one by one.
func runSingly(ctx context.Context, d Dialect, p *part) error {
	for i := range p.pieces {
		one := part{
			claims: p.claims, finish: p.finish && i == len(p.pieces)-1,
			pieces: p.pieces[i : i+1], single: true,
		}
		if err := runPart(ctx, d, &one); err != nil {
			return err
		}
	}
	return nil
}

// retryPart tries until no other writer is in the way.
func retryPart(ctx context.Context, d Dialect, p *part) (more bool, err error) {
	for range maxTries {
		err = d.Try(ctx, func(tx Tx) error {
			more, err = p.try(ctx, tx)
			return err
		})
		if !errors.Is(err, ErrConflict) {
			return more, err
		}
	}
	return false, retry.Transient(fmt.Errorf("overtaken %d times: %w", maxTries, err))
}

// try reads, decides and writes once.
func (p *part) try(ctx context.Context, tx Tx) (more bool, err error) {
	p.prepare()
	answer, err := tx.Know(ctx, p.question())
	if err != nil {
		return false, err
	}
	if err := p.learn(answer); err != nil {
		return false, err
	}
	if more, err = p.readMatches(ctx, tx); err != nil {
		return false, err
	}
	plan := p.decide()
	plan.Accounts = answer.Accounts
	plan.Finish = p.finish && !more
	if plan.empty() && !plan.Finish {
		return more, nil
	}
	return more, tx.Apply(ctx, plan)
}

func (p *part) readMatches(ctx context.Context, tx Tx) (more bool, err error) {
	seqs := p.wants()
	if len(seqs) == 0 {
		return false, nil
	}
	if p.single {
		return p.readSome(ctx, tx, seqs)
	}
	rows, err := tx.Matches(ctx, &Range{Events: seqs, Limit: maxKnown + 1})
	if err != nil {
		return false, err
	}
	if len(rows) > maxKnown {
		return false, errTooMany
	}
	p.takeMatches(rows)
	return false, nil
}

// readSome reads the match rows of one event that its piece is about to change,
// or some of them: more says that the piece must be tried again for others.
func (p *part) readSome(ctx context.Context, tx Tx, seqs []int64) (more bool, err error) {
	piece := &p.pieces[0]
	piece.subject.partial = true
	kept, err := tx.Matches(ctx, &Range{Events: seqs, Limit: maxRows, Users: piece.users()})
	if err != nil {
		return false, err
	}
	lost, err := tx.Matches(ctx, &Range{Events: seqs, Limit: maxRows, Users: piece.judged, Older: piece.lastVersion()})
	if err != nil {
		return false, err
	}
	p.takeMatches(union(kept, lost))
	return len(lost) == maxRows, nil
}
