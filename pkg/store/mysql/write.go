package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/store/internal/write"
)

// writer writes batches. A transaction reaches the server in one packet, from
// its start to its commit, so that no lock ever waits for this process; only
// when a statement fails the locks taken by those before it stay until the
// ROLLBACK that follows at once.
type writer struct {
	db *sql.DB
	// packets keeps the memory of packets, some megabytes each.
	packets sync.Pool

	mu sync.Mutex
	// seq to last are the places of events that are reserved for this process.
	seq, last int64
	taken     time.Time
}

// Places for events are reserved in blocks. A place tells an event's age, so a
// block is used for some seconds only.
const (
	blockSize = 8192
	blockAge  = 5 * time.Second
)

// rollbackTimeout bounds the ROLLBACK; past it the connection is closed, which
// has the same effect.
const rollbackTimeout = 5 * time.Second

func (w *writer) Try(_ context.Context, f func(write.Tx) error) error { return f(w) }

// Know reads without locks; Apply makes sure that it still holds.
func (w *writer) Know(ctx context.Context, q *write.Question) (*write.Answer, error) {
	var p packet
	p.add("SELECT value FROM counters WHERE name = 'accounts'")
	if len(q.Frames) > 0 {
		p.add(";SELECT id, stamp, done FROM frames WHERE id IN ")
		p.list(len(q.Frames), func(i int) { p.id((*[16]byte)(&q.Frames[i])) })
	}
	if len(q.IDs) > 0 {
		p.add(";SELECT seq, id, rev, version, state, COALESCE(author, 0) FROM events WHERE id IN ")
		p.list(len(q.IDs), func(i int) { p.id(&q.IDs[i]) })
	}
	if len(q.Authors) > 0 {
		p.add(";SELECT id, version FROM authors WHERE id IN ")
		p.list(len(q.Authors), func(i int) { p.id(&q.Authors[i]) })
	}
	rows, err := w.db.QueryContext(ctx, string(p.b))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what failed is in rows.Err
	return readAnswer(rows, q)
}

func readAnswer(rows *sql.Rows, q *write.Question) (*write.Answer, error) {
	a := &write.Answer{}
	read := []func() error{func() error { return rows.Scan(&a.Accounts) }}
	if len(q.Frames) > 0 {
		read = append(read, func() error {
			var f write.Frame
			var id []byte
			err := rows.Scan(&id, &f.Stamp, &f.Done)
			f.ID = event.FrameID(id)
			a.Frames = append(a.Frames, f)
			return err
		})
	}
	if len(q.IDs) > 0 {
		read = append(read, func() error {
			var e write.Event
			var id []byte
			err := rows.Scan(&e.Seq, &id, &e.Rev, &e.Version, &e.State, &e.Author)
			e.ID = [16]byte(id)
			a.Events = append(a.Events, e)
			return err
		})
	}
	if len(q.Authors) > 0 {
		a.Authors = make(map[[16]byte]int64)
		read = append(read, func() error {
			var id []byte
			var version int64
			err := rows.Scan(&id, &version)
			a.Authors[[16]byte(id)] = version
			return err
		})
	}
	for i, one := range read {
		if i > 0 && !rows.NextResultSet() {
			break
		}
		for rows.Next() {
			if err := one(); err != nil {
				return nil, err
			}
		}
	}
	return a, rows.Err()
}

// Matches reads without locks, like Know: a change of an event's matches
// changes its row too.
func (w *writer) Matches(ctx context.Context, r *write.Range) ([]write.Match, error) {
	if r.Users != nil && len(r.Users) == 0 {
		return nil, nil
	}
	var p packet
	p.add("SELECT event, user_id, number, born, version, state FROM matches WHERE event IN ")
	p.list(len(r.Events), func(i int) { p.int(r.Events[i]) })
	if r.Users != nil {
		p.add(" AND user_id IN ")
		p.list(len(r.Users), func(i int) { p.int(r.Users[i]) })
	}
	if r.Older != 0 {
		p.add(" AND state = 0 AND version < ")
		p.int(r.Older)
	}
	p.add(" ORDER BY event, user_id LIMIT ")
	p.int(int64(r.Limit))
	rows, err := w.db.QueryContext(ctx, string(p.b))
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

// Apply sends the plan's transaction.
func (w *writer) Apply(ctx context.Context, p *write.Plan) error {
	if len(p.Inserted) > 0 {
		first, err := w.reserve(ctx, int64(len(p.Inserted)))
		if err != nil {
			return err
		}
		p.Place(first)
	}
	err := w.send(ctx, func(packet *packet) { packet.transaction(p) })
	if isConflict(err) || isDeadlock(err) {
		return fmt.Errorf("%w: %w", write.ErrConflict, err)
	}
	return err
}

// send runs a transaction that is put together in one packet.
func (w *writer) send(ctx context.Context, fill func(*packet)) error {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool
	p, _ := w.packets.Get().(*packet)
	if p == nil {
		p = new(packet)
	}
	defer w.packets.Put(p)
	p.b = p.b[:0]
	fill(p)
	if _, err = conn.ExecContext(ctx, p.sql()); err != nil {
		rollBack(ctx, conn)
	}
	return err
}

// rollBack ends what is left of a transaction after an error, or the connection
// with it.
func rollBack(ctx context.Context, conn *sql.Conn) {
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if _, err := conn.ExecContext(undo, "ROLLBACK"); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // closes it
	}
}

// reserve gives the first of n places for events.
func (w *writer) reserve(ctx context.Context, n int64) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last-w.seq < n || time.Since(w.taken) > blockAge {
		size := max(n, blockSize)
		var p packet
		p.add("UPDATE counters SET value = LAST_INSERT_ID(" + nextNumber + " + ")
		p.int(size)
		p.add(") WHERE name = 'events'")
		result, err := w.db.ExecContext(ctx, string(p.b))
		if err != nil {
			return 0, err
		}
		last, err := result.LastInsertId()
		if err != nil {
			return 0, err
		}
		w.seq, w.last, w.taken = last-size, last, time.Now()
	}
	w.seq += n
	return w.seq - n, nil
}

// nextNumber is the number after a counter's value: the store's clock, unless
// that is behind.
const nextNumber = "GREATEST(value + 1, " + micros + ")"

// micros is the store's clock in microseconds since 1970.
const micros = "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)"

// failIf is an expression that makes its statement, and so the packet, fail if
// a condition holds: the greatest number of all plus one is out of range in
// every server and every SQL mode.
func failIf(condition string) string { return "~0 + (" + condition + ")" }

// transaction writes down a plan. Rows are locked in one order by all writers,
// known events by seq, then new ones by id, the counter last, so that writers
// wait for each other and do not deadlock.
func (p *packet) transaction(plan *write.Plan) {
	p.b = slices.Grow(p.b, size(plan))
	p.add("START TRANSACTION;")
	p.claim(plan.Claims, plan.Finish)
	p.updateEvents(plan.Updated)
	p.removeEvents(plan.Removed)
	p.insertEvents(plan.Inserted)
	p.insertDead(plan.Dead)
	if plan.Authors {
		p.add("SET @riffle = " + failIf("SELECT value <> "+strconv.FormatInt(plan.Accounts, 10)+
			" FROM counters WHERE name = 'accounts'") + ";")
	}
	if plan.Numbers > 0 {
		p.add("SELECT value INTO @riffle FROM counters WHERE name = 'changes' FOR UPDATE;")
		p.add("UPDATE counters SET value = LAST_INSERT_ID(" + nextNumber + " + ")
		p.int(int64(plan.Numbers) - 1)
		p.add(") WHERE name = 'changes';")
		p.markMatches(plan.Marked, plan.Numbers)
		p.makeMatches(plan.Made, plan.Numbers)
		p.announce(plan)
	}
	p.add("COMMIT")
}

// size guesses the length of a transaction.
func size(plan *write.Plan) int {
	n := 1024 + 128*len(plan.Claims) + 192*(len(plan.Marked)+len(plan.Made))
	for _, events := range [][]write.Event{plan.Updated, plan.Inserted} {
		for i := range events {
			n += 128 + len(events[i].Body)
		}
	}
	for i := range plan.Dead {
		n += 4096 + 2*len(plan.Dead[i].Data)
	}
	return n
}

// claim makes the packet fail if one of the frames was claimed by a later
// delivery or is finished.
func (p *packet) claim(claims []event.Delivery, finish bool) {
	if len(claims) == 0 {
		return
	}
	done := int64(0)
	if finish {
		done = 1
	}
	p.add("INSERT INTO frames (id, stamp, done, at) VALUES ")
	p.rows(len(claims), func(i int) {
		p.add("(")
		p.id((*[16]byte)(&claims[i].ID))
		p.add(",")
		p.int(claims[i].Stamp)
		p.add(",")
		p.int(done)
		p.add("," + micros + ")")
	})
	p.add(" ON DUPLICATE KEY UPDATE" +
		" stamp = IF(" + failIf("done <> 0 OR stamp > VALUES(stamp)") + " > 0, VALUES(stamp), 0)," +
		" done = VALUES(done), at = VALUES(at);")
}

// updateEvents rewrites rows, and fails if one has changed.
func (p *packet) updateEvents(events []write.Event) {
	if len(events) == 0 {
		return
	}
	p.add("INSERT INTO events (seq, id, rev, version, state, author, body) VALUES ")
	p.rows(len(events), func(i int) {
		e := &events[i]
		p.add("(")
		p.int(e.Seq)
		p.add(",")
		p.id(&e.ID)
		p.add(",")
		p.int(e.Rev)
		p.eventTail(e)
	})
	p.add(" ON DUPLICATE KEY UPDATE rev = IF(" + failIf("rev <> VALUES(rev) - 1") + " > 0, VALUES(rev), 0)," +
		" version = VALUES(version), state = VALUES(state), author = VALUES(author), body = VALUES(body);")
}

// removeEvents removes rows, and fails if one is missing.
func (p *packet) removeEvents(seqs []int64) {
	if len(seqs) == 0 {
		return
	}
	p.add("DELETE FROM events WHERE seq IN ")
	p.list(len(seqs), func(i int) { p.int(seqs[i]) })
	p.add(";SET @riffle = " + failIf("ROW_COUNT() <> "+strconv.Itoa(len(seqs))) + ";")
}

// insertEvents adds rows; one with the same id is a duplicate key.
func (p *packet) insertEvents(events []write.Event) {
	if len(events) == 0 {
		return
	}
	p.add("INSERT INTO events (seq, id, version, state, author, body) VALUES ")
	p.rows(len(events), func(i int) {
		e := &events[i]
		p.add("(")
		p.int(e.Seq)
		p.add(",")
		p.id(&e.ID)
		p.eventTail(e)
	})
	p.add(";")
}

// insertDead adds dead letters.
func (p *packet) insertDead(letters []event.DeadLetter) {
	if len(letters) == 0 {
		return
	}
	p.add("INSERT INTO dead_letters (at, source, frame, event_key, reason, error, deliveries, events, bytes) VALUES ")
	p.rows(len(letters), func(i int) {
		d := write.Fit(letters[i])
		p.add("(" + micros + ",")
		p.text([]byte(d.Source))
		p.add(",")
		p.id((*[16]byte)(&d.Frame))
		for _, s := range []string{d.Key, string(d.Reason), d.Error} {
			p.add(",")
			p.text([]byte(s))
		}
		p.add(",")
		p.int(int64(d.Deliveries))
		p.add(",")
		p.int(int64(d.Events))
		p.add(",X'")
		p.b = hex.AppendEncode(p.b, d.Data)
		p.add("')")
	})
	p.add(";")
}

func (p *packet) eventTail(e *write.Event) {
	p.add(",")
	p.int(e.Version)
	p.add(",")
	p.int(int64(e.State))
	p.add(",")
	if e.Author == 0 {
		p.add("NULL")
	} else {
		p.int(e.Author)
	}
	p.add(",")
	p.text(e.Body)
	p.add(")")
}

// announce says which users have changes; @riffle is the number before them.
func (p *packet) announce(plan *write.Plan) {
	p.add("INSERT INTO announcements (number, previous, users) VALUES (LAST_INSERT_ID(),@riffle,X'")
	p.b = hex.AppendEncode(p.b, write.AppendAnnouncement(nil, plan))
	p.add("');")
}

// number adds a row's number: the last of the transaction's is what the counter
// gave to this connection.
func (p *packet) number(m *write.Match, numbers int) {
	p.add("LAST_INSERT_ID()-")
	p.int(int64(numbers - 1 - m.Offset))
}

// makeMatches adds rows.
func (p *packet) makeMatches(matches []write.Match, numbers int) {
	if len(matches) == 0 {
		return
	}
	p.add("INSERT INTO matches (event, user_id, number, version, rules) VALUES ")
	p.rows(len(matches), func(i int) {
		m := &matches[i]
		p.add("(")
		p.int(m.Event)
		p.add(",")
		p.int(m.User)
		p.add(",")
		p.number(m, numbers)
		p.add(",")
		p.int(m.Version)
		p.add(",'")
		p.rules(m)
		p.add("')")
	})
	p.add(";")
}

// markMatches rewrites rows. What is gone keeps its rules, for readers who ask
// by rule or tag.
func (p *packet) markMatches(matches []write.Match, numbers int) {
	if len(matches) == 0 {
		return
	}
	p.add("INSERT INTO matches (event, user_id, number, born, version, state, rules) VALUES ")
	p.rows(len(matches), func(i int) {
		m := &matches[i]
		p.add("(")
		p.int(m.Event)
		p.add(",")
		p.int(m.User)
		p.add(",")
		p.number(m, numbers)
		p.add(",")
		p.int(m.Born)
		p.add(",")
		p.int(m.Version)
		if m.Gone {
			p.add(",1,NULL)")
			return
		}
		p.add(",0,'")
		p.rules(m)
		p.add("')")
	})
	p.add(" ON DUPLICATE KEY UPDATE number = VALUES(number), born = VALUES(born), version = VALUES(version)," +
		" state = VALUES(state), rules = COALESCE(VALUES(rules), rules);")
}

// rules adds the JSON of a match's rules, escaped.
func (p *packet) rules(m *write.Match) {
	start := len(p.b)
	p.b = write.AppendRules(p.b, m.Rules)
	for _, c := range p.b[start:] {
		if c == '\'' || c == '\\' {
			text := append([]byte(nil), p.b[start:]...)
			p.b = p.b[:start]
			p.escape(text)
			return
		}
	}
}

// MarkAccounts notes deleted accounts and counts them.
func (w *writer) MarkAccounts(ctx context.Context, claims []event.Delivery, accounts []write.Account) error {
	err := w.send(ctx, func(p *packet) {
		p.add("START TRANSACTION;")
		p.claim(claims, false)
		p.add("INSERT INTO authors (id, account, version, at) VALUES ")
		p.rows(len(accounts), func(i int) {
			p.add("(")
			p.id(&accounts[i].ID)
			p.add(",")
			p.text([]byte(accounts[i].Key))
			p.add(",")
			p.int(accounts[i].Version)
			p.add("," + micros + ")")
		})
		p.add(" ON DUPLICATE KEY UPDATE at = VALUES(at), version = GREATEST(version, VALUES(version));" +
			"UPDATE counters SET value = value + 1 WHERE name = 'accounts';COMMIT")
	})
	if isConflict(err) {
		return fmt.Errorf("%w: %w", event.ErrRefused, err)
	}
	return err
}

// Written waits for writers by asking for locks, which the end of the statement
// gives back.
func (w *writer) Written(ctx context.Context, a write.Account, after int64, limit int) ([]write.Event, error) {
	rows, err := w.db.QueryContext(ctx, "SELECT seq, id, body FROM events"+
		" WHERE author = ? AND seq > ? AND state = 0 AND version <= ? ORDER BY seq LIMIT ? FOR UPDATE",
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
