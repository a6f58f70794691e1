package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"riffle/pkg/event"
	"riffle/pkg/store"
	"riffle/pkg/store/internal/write"
)

// writer is write.Dialect. It is the only writer of the file while it has a
// transaction, so what it has read can't change before it writes; what it has
// not read is checked.
type writer struct {
	db *sql.DB

	mu       sync.Mutex
	prepared map[string]*sql.Stmt
}

func newWriter(db *sql.DB) *writer { return &writer{db: db} }

func (w *writer) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, s := range w.prepared {
		errs = append(errs, s.Close())
	}
	w.prepared = nil
	return errors.Join(errs...)
}

// prepare prepares all statements once, before a transaction takes the only
// connection.
func (w *writer) prepare(ctx context.Context) (map[string]*sql.Stmt, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.prepared == nil {
		w.prepared = make(map[string]*sql.Stmt)
	}
	for _, text := range texts {
		if w.prepared[text] != nil {
			continue
		}
		s, err := w.db.PrepareContext(ctx, text) //nolint:sqlclosecheck // close does it
		if err != nil {
			return nil, err
		}
		w.prepared[text] = s
	}
	return w.prepared, nil
}

// The statements of a write.
const (
	readFrame    = "SELECT stamp, done FROM frames WHERE id = ?"
	readEvent    = "SELECT seq, rev, version, state, COALESCE(author, 0) FROM events WHERE id = ?"
	readAuthor   = "SELECT version FROM authors WHERE id = ?"
	readAccounts = "SELECT value FROM counters WHERE name = 'accounts'"
	claimFrame   = "INSERT INTO frames (id, stamp, done, at) VALUES (?, ?, ?, ?)" +
		" ON CONFLICT (id) DO UPDATE SET stamp = excluded.stamp, done = excluded.done, at = excluded.at" +
		" WHERE done = 0 AND stamp <= excluded.stamp"
	updateEvent = "UPDATE events SET rev = ?, version = ?, state = ?, author = ?, body = ? WHERE seq = ?"
	removeEvent = "DELETE FROM events WHERE seq = ?"
	insertEvent = "INSERT INTO events (seq, id, version, state, author, body) VALUES (?, ?, ?, ?, ?, ?)"
	takeNumbers = "UPDATE counters SET value = MAX(value + 1, ?1) + ?2 - 1 WHERE name = 'changes' RETURNING value"
	takePlaces  = "UPDATE counters SET value = MAX(value + 1, ?1) + ?2 - 1 WHERE name = 'events' RETURNING value"
	readNumber  = "SELECT value FROM counters WHERE name = 'changes'"
	announce    = "INSERT INTO announcements (number, previous, users) VALUES (?, ?, ?)"
	makeMatch   = "INSERT INTO matches (event, user_id, number, version, rules) VALUES (?, ?, ?, ?, ?)"
	loseMatch   = "UPDATE matches SET number = ?, born = ?, version = ?, state = 1 WHERE event = ? AND user_id = ?"
	markMatch   = "UPDATE matches SET number = ?, born = ?, version = ?, state = 0, rules = ? WHERE event = ? AND user_id = ?"
	markAccount = "INSERT INTO authors (id, account, version, at) VALUES (?, ?, ?, ?)" +
		" ON CONFLICT (id) DO UPDATE SET at = excluded.at, version = MAX(version, excluded.version)"
	insertDead = "INSERT INTO dead_letters (at, source, frame, event_key, reason, error, deliveries, events, bytes)" +
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
	countAccounts = "UPDATE counters SET value = value + 1 WHERE name = 'accounts'"
)

var texts = []string{
	readFrame, readEvent, readAuthor, readAccounts, claimFrame, updateEvent, removeEvent, insertEvent,
	takeNumbers, takePlaces, readNumber, announce, makeMatch, loseMatch, markMatch, markAccount, insertDead, countAccounts,
}

func (w *writer) Try(ctx context.Context, f func(write.Tx) error) error {
	return w.transact(ctx, func(t *tx) error { return f(t) })
}

func (w *writer) transact(ctx context.Context, f func(*tx) error) error {
	prepared, err := w.prepare(ctx)
	if err != nil {
		return err
	}
	return inTransaction(ctx, w.db, func(sqlTx *sql.Tx) error {
		return f(&tx{Tx: sqlTx, prepared: prepared, bound: make(map[string]statement)})
	})
}

// tx is write.Tx.
type tx struct {
	*sql.Tx
	prepared map[string]*sql.Stmt
	bound    map[string]statement
}

// statement is a prepared statement bound to a transaction, with which it ends.
// Begun, a transaction takes some milliseconds; a context that may end would
// cost each of its thousands of statements a goroutine, so they get another.
type statement struct{ sql *sql.Stmt }

func (s statement) exec(ctx context.Context, args ...any) (sql.Result, error) {
	return s.sql.ExecContext(context.WithoutCancel(ctx), args...)
}

func (s statement) row(ctx context.Context, args ...any) *sql.Row {
	return s.sql.QueryRowContext(context.WithoutCancel(ctx), args...)
}

func (t *tx) stmt(ctx context.Context, text string) statement {
	s, ok := t.bound[text]
	if !ok {
		s = statement{t.StmtContext(ctx, t.prepared[text])}
		t.bound[text] = s
	}
	return s
}

func (t *tx) exec(ctx context.Context, text string, args ...any) error {
	_, err := t.stmt(ctx, text).exec(ctx, args...)
	return err
}

// row reads one row; found is false where there is none.
func (t *tx) row(ctx context.Context, text string, arg any, into ...any) (found bool, err error) {
	err = t.stmt(ctx, text).row(ctx, arg).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (t *tx) Know(ctx context.Context, q *write.Question) (*write.Answer, error) {
	a := &write.Answer{Authors: make(map[[16]byte]int64)}
	for _, id := range q.Frames {
		f := write.Frame{ID: id}
		found, err := t.row(ctx, readFrame, id[:], &f.Stamp, &f.Done)
		if err != nil {
			return nil, err
		}
		if found {
			a.Frames = append(a.Frames, f)
		}
	}
	for _, id := range q.IDs {
		e := write.Event{ID: id}
		found, err := t.row(ctx, readEvent, id[:], &e.Seq, &e.Rev, &e.Version, &e.State, &e.Author)
		if err != nil {
			return nil, err
		}
		if found {
			a.Events = append(a.Events, e)
		}
	}
	return a, t.knowAuthors(ctx, q, a)
}

// knowAuthors looks for deleted accounts, if there ever was one.
func (t *tx) knowAuthors(ctx context.Context, q *write.Question, a *write.Answer) error {
	if err := t.stmt(ctx, readAccounts).row(ctx).Scan(&a.Accounts); err != nil || a.Accounts == 0 {
		return err
	}
	for _, id := range q.Authors {
		var version int64
		found, err := t.row(ctx, readAuthor, id[:], &version)
		if err != nil {
			return err
		}
		if found {
			a.Authors[id] = version
		}
	}
	return nil
}

// Matches reads event by event: parts are made so that few are known.
func (t *tx) Matches(ctx context.Context, r *write.Range) ([]write.Match, error) {
	if r.Users != nil && len(r.Users) == 0 {
		return nil, nil
	}
	query := "SELECT event, user_id, number, born, version, state FROM matches WHERE event IN " + marks(len(r.Events))
	args := anys(r.Events)
	if r.Users != nil {
		query += " AND user_id IN " + marks(len(r.Users))
		args = append(args, anys(r.Users)...)
	}
	if r.Older != 0 {
		query += " AND state = 0 AND version < ?"
		args = append(args, r.Older)
	}
	rows, err := t.QueryContext(ctx, query+" ORDER BY event, user_id LIMIT ?", append(args, r.Limit)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what failed is in rows.Err
	var matches []write.Match
	for rows.Next() {
		var m write.Match
		if err := rows.Scan(&m.Event, &m.User, &m.Number, &m.Born, &m.Version, &m.Gone); err != nil {
			return nil, err
		}
		matches = append(matches, m)
	}
	return matches, rows.Err()
}

func (t *tx) Apply(ctx context.Context, p *write.Plan) error {
	if err := t.claim(ctx, p.Claims, p.Finish); err != nil {
		return err
	}
	if err := t.checkAccounts(ctx, p); err != nil {
		return err
	}
	if err := t.writeEvents(ctx, p); isDuplicate(err) {
		return fmt.Errorf("%w: %w", write.ErrConflict, err)
	} else if err != nil {
		return err
	}
	if err := t.writeDead(ctx, p.Dead); err != nil || p.Numbers == 0 {
		return err
	}
	var previous, last int64
	if err := t.stmt(ctx, readNumber).row(ctx).Scan(&previous); err != nil {
		return err
	}
	if err := t.stmt(ctx, takeNumbers).row(ctx, now(), p.Numbers).Scan(&last); err != nil {
		return err
	}
	if err := t.exec(ctx, announce, last, previous, write.AppendAnnouncement(nil, p)); err != nil {
		return err
	}
	return t.writeMatches(ctx, p, last-int64(p.Numbers)+1)
}

func (t *tx) writeDead(ctx context.Context, letters []event.DeadLetter) error {
	for i := range letters {
		d := write.Fit(letters[i])
		err := t.exec(ctx, insertDead, now(), []byte(d.Source), d.Frame[:], []byte(d.Key), []byte(d.Reason), d.Error,
			d.Deliveries, d.Events, d.Data)
		if err != nil {
			return err
		}
	}
	return nil
}

// checkAccounts makes sure that no account was deleted since that was asked.
func (t *tx) checkAccounts(ctx context.Context, p *write.Plan) error {
	if !p.Authors {
		return nil
	}
	var accounts int64
	err := t.stmt(ctx, readAccounts).row(ctx).Scan(&accounts)
	if err == nil && accounts != p.Accounts {
		err = write.ErrConflict
	}
	return err
}

func (t *tx) claim(ctx context.Context, claims []event.Delivery, finish bool) error {
	for i := range claims {
		result, err := t.stmt(ctx, claimFrame).exec(ctx, claims[i].ID[:], claims[i].Stamp, finish, now())
		if err != nil {
			return err
		}
		if rows, err := result.RowsAffected(); err != nil || rows == 0 {
			return errors.Join(err, write.ErrConflict)
		}
	}
	return nil
}

func now() int64 { return time.Now().UnixMicro() }

func (t *tx) writeEvents(ctx context.Context, p *write.Plan) error {
	for i := range p.Updated {
		e := &p.Updated[i]
		body, err := text(e.Body)
		if err != nil {
			return err
		}
		if err := t.exec(ctx, updateEvent, e.Rev, e.Version, e.State, author(e), body, e.Seq); err != nil {
			return err
		}
	}
	for _, seq := range p.Removed {
		if err := t.exec(ctx, removeEvent, seq); err != nil {
			return err
		}
	}
	if len(p.Inserted) == 0 {
		return nil
	}
	var last int64
	if err := t.stmt(ctx, takePlaces).row(ctx, now(), len(p.Inserted)).Scan(&last); err != nil {
		return err
	}
	p.Place(last - int64(len(p.Inserted)) + 1)
	for i := range p.Inserted {
		e := &p.Inserted[i]
		body, err := text(e.Body)
		if err != nil {
			return err
		}
		if err := t.exec(ctx, insertEvent, e.Seq, e.ID[:], e.Version, e.State, author(e), body); err != nil {
			return err
		}
	}
	return nil
}

// text gives a body as SQLite takes it. It would take what is not UTF-8, which
// the other dialect refuses.
func text(body []byte) (any, error) {
	if body == nil {
		return nil, nil
	}
	if !utf8.Valid(body) {
		return nil, &store.RowError{Err: errors.New("text is not UTF-8")}
	}
	return string(body), nil
}

func author(e *write.Event) any {
	if e.Author == 0 {
		return nil
	}
	return e.Author
}

// writeMatches gives the rows numbers from first on.
func (t *tx) writeMatches(ctx context.Context, p *write.Plan, first int64) error {
	var b []byte
	for i := range p.Marked {
		m := &p.Marked[i]
		number := first + int64(m.Offset)
		var err error
		if m.Gone {
			err = t.exec(ctx, loseMatch, number, m.Born, m.Version, m.Event, m.User)
		} else {
			b = write.AppendRules(b[:0], m.Rules)
			err = t.exec(ctx, markMatch, number, m.Born, m.Version, string(b), m.Event, m.User)
		}
		if err != nil {
			return err
		}
	}
	for i := range p.Made {
		m := &p.Made[i]
		b = write.AppendRules(b[:0], m.Rules)
		if err := t.exec(ctx, makeMatch, m.Event, m.User, first+int64(m.Offset), m.Version, string(b)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) MarkAccounts(ctx context.Context, claims []event.Delivery, accounts []write.Account) error {
	return w.transact(ctx, func(t *tx) error {
		a, err := t.Know(ctx, &write.Question{Frames: write.FrameIDs(claims)})
		if err != nil {
			return err
		}
		if write.Refused(claims, a.Frames) {
			return event.ErrRefused
		}
		if err := t.claim(ctx, claims, false); err != nil {
			return err
		}
		for i := range accounts {
			if err := t.exec(ctx, markAccount, accounts[i].ID[:], []byte(accounts[i].Key), accounts[i].Version, now()); err != nil {
				return err
			}
		}
		return t.exec(ctx, countAccounts)
	})
}

// Written has nobody to wait for: what is written is committed.
func (w *writer) Written(ctx context.Context, a write.Account, after int64, limit int) ([]write.Event, error) {
	rows, err := w.db.QueryContext(ctx, "SELECT seq, id, body FROM events"+
		" WHERE author = ? AND seq > ? AND state = 0 AND version <= ? ORDER BY seq LIMIT ?",
		write.AuthorHash(a.ID), after, a.Version, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what failed is in rows.Err
	var events []write.Event
	for rows.Next() {
		var e write.Event
		var id []byte
		if err := rows.Scan(&e.Seq, &id, &e.Body); err != nil {
			return nil, err
		}
		e.ID = [16]byte(id)
		events = append(events, e)
	}
	return events, rows.Err()
}

func marks(n int) string {
	b := make([]byte, 0, 2*n+1)
	b = append(b, '(')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '?')
	}
	return string(append(b, ')'))
}

func anys(numbers []int64) []any {
	args := make([]any, len(numbers))
	for i, n := range numbers {
		args[i] = n
	}
	return args
}
