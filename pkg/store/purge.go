package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"riffle/pkg/store/internal/write"
)

// Retention says how long things are kept, counted from when they arrived.
type Retention struct {
	Keep    time.Duration // events, matches, what is told of them, rules that are gone
	Bare    time.Duration // deletions, and versions, of what nobody kept
	Frames  time.Duration // the ledger of frames
	Sample  time.Duration // events stored for their own sake,
	Samples int           // of which there are no more than this
}

// DefaultRetention keeps events and matches for a time, and of the rest what
// docs/schema.md says.
func DefaultRetention(keep time.Duration) Retention {
	return Retention{
		Keep: keep, Bare: min(keep, 7*24*time.Hour), Frames: 24 * time.Hour,
		Sample: time.Hour, Samples: 100_000,
	}
}

// purgeStep is how many rows one statement removes: few enough that no writer
// waits for long.
const purgeStep = 1000

// Purge removes what is older than it must be, a thousand rows at a time, and
// tells how many rows. First it moves the floor below which a reader's cursor
// has expired. It may run beside everything else, and in several processes.
func (s *Store) Purge(ctx context.Context, keep Retention) (removed int64, err error) {
	p := purge{store: s, keep: keep}
	err = p.run(ctx)
	return p.removed, s.fail("purge", err)
}

type purge struct {
	store   *Store
	keep    Retention
	now     int64 // the store's clock in microseconds
	removed int64
}

func (p *purge) run(ctx context.Context) error {
	if err := p.store.db.QueryRowContext(ctx, "SELECT "+p.store.clock).Scan(&p.now); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		p.matches, p.keptEvents, p.otherEvents, p.ledgers,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// before is the time some duration ago.
func (p *purge) before(d time.Duration) int64 { return p.now - d.Microseconds() }

// exec runs one statement.
func (p *purge) exec(ctx context.Context, query string, args ...any) error {
	result, err := p.store.writing.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	rows, err := result.RowsAffected()
	p.removed += rows
	return err
}

// matches removes matches by number, since numbers tell when they changed. First
// it notes how far back is kept, and moves the floor to the newest change that
// goes: a cursor from there on misses nothing, however old it is.
func (p *purge) matches(ctx context.Context) error {
	to := p.before(p.keep.Keep)
	users, newest, err := p.aged(ctx, to)
	if err != nil {
		return err
	}
	for _, set := range []struct {
		query string
		to    int64
	}{
		{"UPDATE counters SET floor = ? WHERE name = 'changes' AND floor < ?", newest},
		{"UPDATE counters SET value = ? WHERE name = 'kept' AND value < ?", to},
	} {
		if _, err := p.store.writing.ExecContext(ctx, set.query, set.to, set.to); err != nil {
			return err
		}
	}
	for _, user := range users {
		if err := p.span(ctx, "matches", "number", 0, to, fmt.Sprintf("user_id = %d AND ", user)); err != nil {
			return err
		}
	}
	return nil
}

// aged gives the users who have matches below a number, whether they still exist
// or not, and the newest number among these.
func (p *purge) aged(ctx context.Context, to int64) (users []int64, newest int64, err error) {
	for user := int64(0); ; {
		var next, last sql.NullInt64
		if err := p.store.db.QueryRowContext(ctx, "SELECT MIN(user_id) FROM matches WHERE user_id > ?", user).Scan(&next); err != nil || !next.Valid {
			return users, newest, err
		}
		user = next.Int64
		if err := p.store.db.QueryRowContext(ctx, "SELECT MAX(number) FROM matches WHERE user_id = ? AND number < ?", user, to).Scan(&last); err != nil {
			return nil, 0, err
		}
		if last.Valid {
			users, newest = append(users, user), max(newest, last.Int64)
		}
	}
}

// span removes the rows of a table whose column is at least from and below to,
// the least first. and restricts them further.
func (p *purge) span(ctx context.Context, table, column string, from, to int64, and string) error {
	where := " WHERE " + and + column + " >= ? AND " + column + " < ?"
	for from < to {
		var last sql.NullInt64
		err := p.store.db.QueryRowContext(ctx, "SELECT MAX("+column+") FROM (SELECT "+column+" FROM "+table+where+
			" ORDER BY "+column+" LIMIT ?) AS step", from, to, purgeStep).Scan(&last)
		if err != nil || !last.Valid {
			return err
		}
		if err := p.exec(ctx, "DELETE FROM "+table+where, from, last.Int64+1); err != nil {
			return err
		}
		from = last.Int64 + 1
	}
	return nil
}

// keptEvents removes events that had matches and have none any more. One that
// changes at the same moment gets another rev, and stays.
func (p *purge) keptEvents(ctx context.Context) error {
	from, to := write.LaneKept*write.LaneSize, write.LaneKept*write.LaneSize+p.before(p.keep.Keep)
	for {
		byRev := make(map[int64][]any)
		last, err := p.forsaken(ctx, from, to, byRev)
		if err != nil || len(byRev) == 0 {
			return err
		}
		for rev, seqs := range byRev {
			if err := p.exec(ctx, "DELETE FROM events WHERE seq IN "+marks(len(seqs))+" AND rev = ?", append(seqs, rev)...); err != nil {
				return err
			}
		}
		from = last + 1
	}
}

// forsaken finds the next events without matches, and the last seq of them. With
// NOT EXISTS, MariaDB would copy the keys of all matches for each step where many
// events are old.
func (p *purge) forsaken(ctx context.Context, from, to int64, byRev map[int64][]any) (last int64, err error) {
	rows, err := p.store.db.QueryContext(ctx, "SELECT seq, rev FROM events e WHERE seq >= ? AND seq < ?"+
		" AND (SELECT m.event FROM matches m WHERE m.event = e.seq LIMIT 1) IS NULL ORDER BY seq LIMIT ?", from, to, purgeStep)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var rev int64
		if err := rows.Scan(&last, &rev); err != nil {
			return 0, err
		}
		byRev[rev] = append(byRev[rev], last)
	}
	return last, rows.Err()
}

// otherEvents removes events without matches. Their rows are never changed, only
// replaced.
func (p *purge) otherEvents(ctx context.Context) error {
	bare := write.LaneBare * write.LaneSize
	if err := p.span(ctx, "events", "seq", bare, bare+p.before(p.keep.Bare), ""); err != nil {
		return err
	}
	sample := write.LaneSample * write.LaneSize
	to := sample + p.before(p.keep.Sample)
	var surplus int64
	err := p.store.db.QueryRowContext(ctx, "SELECT seq FROM events WHERE seq >= ? AND seq < ? ORDER BY seq DESC LIMIT 1 OFFSET ?",
		sample, bare, p.keep.Samples).Scan(&surplus)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return p.span(ctx, "events", "seq", sample, max(to, surplus+1), "")
}

// ledgers removes what only has a time.
func (p *purge) ledgers(ctx context.Context) error {
	keep := p.before(p.keep.Keep)
	for _, l := range []struct {
		table, column string
		to            int64
		and           string
	}{
		{"frames", "at", p.before(p.keep.Frames), ""},
		{"announcements", "number", p.before(announcedFor), ""},
		{"authors", "at", keep, ""},
		{"rules", "number", keep, "gone = 1 AND "},
		{"accounts", "number", keep, "gone = 1 AND "},
		{"rule_hours", "hour", keep, ""},
		{"rule_minutes", "minute", p.before(p.keep.Frames), ""},
		{"tokens", "revoked_at", keep, "revoked_at > 0 AND "},
		{"tokens", "expires_at", keep, "expires_at > 0 AND "},
		{"logins", "expires_at", p.now, ""},
	} {
		if err := p.span(ctx, l.table, l.column, 0, l.to, l.and); err != nil {
			return err
		}
	}
	return nil
}

// marks gives n placeholders in parentheses.
func marks(n int) string { return "(?" + strings.Repeat(",?", n-1) + ")" }
