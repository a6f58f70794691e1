package write

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

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

// Writer writes batches. It may be used by many at once.
type Writer struct {
	dialect Dialect
	// bytes tells how much one transaction may write.
	bytes func() int
	// accounts is the number of account deletions as last seen, plus one.
	accounts atomic.Int64
	// doubt is for how many more parts nothing is taken for granted.
	doubt  atomic.Int64
	recent *recent
}

// NewWriter makes a writer. bytes tells how much text one transaction may write;
// a row that is longer gets one of its own.
func NewWriter(d Dialect, bytes func() int) *Writer {
	return &Writer{dialect: d, bytes: bytes, recent: newRecent()}
}

// caution is for how many parts everything is looked up after one in which many
// events were not new: such events come in crowds, as when a file is read twice.
// A few are another filter's that has a post in hand while this one has its
// deletion, which is over with the next try.
const caution = 64

// Write writes a batch.
//
// Errors: event.ErrRefused; those of the dialect, which marks transient ones.
func (w *Writer) Write(ctx context.Context, b *event.Batch) error {
	parts, accounts := split(b, w.bytes())
	if len(accounts) > 0 {
		if err := w.forget(ctx, parts[0].claims, accounts); err != nil {
			return err
		}
	}
	for i := range parts {
		var next *part
		if i < len(parts)-1 {
			next = &parts[i+1]
		} else if !b.Unfinished {
			parts[i].finish, parts[i].dead = true, b.Dead
		}
		if err := w.inTurn(ctx, &parts[i], next); err != nil {
			return err
		}
	}
	return nil
}

// inTurn writes a part when no other is under way that is about the same events.
func (w *Writer) inTurn(ctx context.Context, p, next *part) error {
	leave, err := w.recent.enter(ctx, p, next)
	if err != nil {
		return err
	}
	defer leave()
	return w.part(ctx, p)
}

// part writes a part, in several transactions where its events have very
// many matches.
func (w *Writer) part(ctx context.Context, p *part) error {
	for {
		more, err := w.tries(ctx, p)
		switch {
		case errors.Is(err, errTooMany):
			return w.singly(ctx, p)
		case err != nil:
			return err
		case !more:
			return nil
		}
	}
}

// singly writes the pieces of a part one by one.
func (w *Writer) singly(ctx context.Context, p *part) error {
	for i := range p.pieces {
		one := part{
			claims: p.claims, pieces: p.pieces[i : i+1], single: true,
		}
		if i == len(p.pieces)-1 {
			one.finish, one.dead = p.finish, p.dead
		}
		if err := w.part(ctx, &one); err != nil {
			return err
		}
	}
	return nil
}

// tries tries until no other writer is in the way.
//
// Most events are new, and to look each of them up would cost a sixth of the
// server's work. So at first only those are looked up that replace something by
// their nature; that the others are new is for the database's keys to check.
func (w *Writer) tries(ctx context.Context, p *part) (more bool, err error) {
	hopeful := w.accounts.Load() > 0 && !p.single && w.doubt.Add(-1) < 0
	for range maxTries {
		err = w.dialect.Try(ctx, func(tx Tx) error {
			more, err = w.try(ctx, tx, p, hopeful)
			return err
		})
		if !errors.Is(err, ErrConflict) {
			if !hopeful && !p.single && p.crowd() {
				w.doubt.Store(caution)
			}
			return more, err
		}
		hopeful = false
	}
	return false, retry.Transient(fmt.Errorf("overtaken %d times: %w", maxTries, err))
}

// try reads, decides and writes once.
func (w *Writer) try(ctx context.Context, tx Tx, p *part, hopeful bool) (more bool, err error) {
	p.prepare()
	accounts, err := w.know(ctx, tx, p, hopeful)
	if err != nil {
		return false, err
	}
	if more, err = p.readMatches(ctx, tx); err != nil {
		return false, err
	}
	plan := p.decide()
	plan.Accounts = accounts
	if p.finish && !more {
		plan.Finish, plan.Dead = true, p.dead
	}
	// A batch without verdicts is there to claim its frames, and the hopeful have
	// not asked whether theirs may be.
	if plan.empty() && !plan.Finish && len(p.pieces) > 0 && !hopeful {
		return more, nil
	}
	return more, tx.Apply(ctx, plan)
}

// know asks what must be known, and gives the number of account deletions that
// it is known with: the hopeful ask with the number seen last, so that a
// deletion since then makes the plan void, though its row was not asked for.
func (w *Writer) know(ctx context.Context, tx Tx, p *part, hopeful bool) (accounts int64, err error) {
	q := p.question()
	if hopeful {
		accounts = w.accounts.Load() - 1
		q = p.doubts(accounts)
		if q.empty() {
			return accounts, nil
		}
	}
	answer, err := tx.Know(ctx, q)
	if err != nil {
		return 0, err
	}
	w.accounts.Store(answer.Accounts + 1)
	if !hopeful {
		accounts = answer.Accounts
	}
	return accounts, p.learn(answer)
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
	lost, err := tx.Matches(ctx, piece.losers(seqs))
	if err != nil {
		return false, err
	}
	p.takeMatches(union(kept, lost))
	return len(lost) == maxRows, nil
}
