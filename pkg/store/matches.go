package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"riffle/pkg/event"
)

// How much one question by tag or rule may look through: then it is answered
// with what was found so far, and More.
const (
	scanRows  = 5000
	scanChunk = 500
)

// Matches answers a query about one user's matches.
//
// With HasAfter it gives the changes with a number above After, oldest first:
// each match once, in its newest state, deleted ones as ChangeDelete. Else it
// gives the matches that are not deleted, newest first, up to the newest
// number, or below Before, all as ChangeNew. With IDs it gives those of the
// named ones that are the user's and not deleted, in that order; unknown ids
// are left out.
//
// Tag and Rule compare with the newest version of a match, a deleted one with
// its last. A page of a query by them may be short, or empty, though More is
// set.
//
// Errors: event.ErrCursorExpired if changes above After may have been purged.
func (s *Store) Matches(ctx context.Context, q event.Query) (event.Page, error) {
	page, err := s.matches(ctx, &q)
	return page, s.fail("read matches", err)
}

// LastNumber gives the number of the user's newest change; 0: none.
func (s *Store) LastNumber(ctx context.Context, user int64) (int64, error) {
	var number int64
	err := s.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(number), 0) FROM matches WHERE user_id = ?", user).Scan(&number)
	return number, s.fail("read last number", err)
}

func (s *Store) matches(ctx context.Context, q *event.Query) (event.Page, error) {
	// The counter is read before the rows: whatever has a number up to it is
	// visible to the reads that follow.
	var visible, floor int64
	err := s.db.QueryRowContext(ctx, "SELECT value, floor FROM counters WHERE name = 'changes'").Scan(&visible, &floor)
	if err != nil {
		return event.Page{}, err
	}
	visible = max(visible, floor)
	switch {
	case len(q.IDs) > 0:
		return s.named(ctx, q, visible)
	case !q.HasAfter:
		return s.newest(ctx, q, visible)
	case q.After < floor:
		return event.Page{}, event.ErrCursorExpired
	}
	return s.changes(ctx, q, visible)
}

// changes reads forwards.
func (s *Store) changes(ctx context.Context, q *event.Query, visible int64) (event.Page, error) {
	c := cursor{store: s, query: q, at: q.After}
	if err := c.run(ctx); err != nil {
		return event.Page{}, err
	}
	if err := s.stillKept(ctx, q.After, visible); err != nil {
		return event.Page{}, err
	}
	page := event.Page{Changes: c.found, More: !c.end, Next: c.at}
	if c.end {
		page.Next = max(visible, c.at)
	}
	if q.After > 0 {
		page.Prev = q.After + 1
	}
	return page, nil
}

// stillKept looks again whether the changes after a number are all there, since
// they may have been purged while they were read. Only a reader who is a day
// behind can meet that, unless less than a day is kept.
func (s *Store) stillKept(ctx context.Context, after, visible int64) error {
	if after > visible-(24*time.Hour).Microseconds() {
		return nil
	}
	var floor int64
	err := s.db.QueryRowContext(ctx, "SELECT floor FROM counters WHERE name = 'changes'").Scan(&floor)
	if err == nil && after < floor {
		err = event.ErrCursorExpired
	}
	return err
}

// newest reads backwards.
func (s *Store) newest(ctx context.Context, q *event.Query, visible int64) (event.Page, error) {
	c := cursor{store: s, query: q, at: q.Before, backwards: true}
	if q.Before == 0 {
		c.at = visible + 1 // what comes later is for the reader who goes on from Next
	}
	if err := c.run(ctx); err != nil {
		return event.Page{}, err
	}
	page := event.Page{Changes: c.found, More: !c.end, Next: visible}
	if !c.end {
		page.Prev = c.at
	}
	return page, nil
}

// cursor walks over a user's matches by number, until it has found enough,
// comes to the end or has looked at as much as it may.
type cursor struct {
	store     *Store
	query     *event.Query
	at        int64 // the number of the row looked at last
	backwards bool
	found     []event.Change
	end       bool
}

func (c *cursor) run(ctx context.Context) error {
	filter := newFilter(c.query)
	c.found = make([]event.Change, 0, c.query.Limit)
	for looked := 0; looked < scanRows; {
		limit := c.query.Limit - len(c.found) + 1 // one more tells whether there is more
		if filter != nil {
			limit = scanChunk
		}
		rows, err := c.read(ctx, limit)
		if err != nil {
			return err
		}
		end := len(rows) < limit
		if filter != nil {
			if rows, end, err = c.choose(ctx, rows, end, filter); err != nil {
				return err
			}
		}
		for i := range rows {
			if len(c.found) == c.query.Limit {
				return nil
			}
			c.at = rows[i].number
			if change, ok := rows[i].change(c); ok {
				c.found = append(c.found, change)
			}
		}
		if end {
			c.end = true
			return nil
		}
		looked += limit
	}
	return nil
}

// read gives the next rows; those of a filtered query come without events.
func (c *cursor) read(ctx context.Context, limit int) ([]matchRow, error) {
	from, order := full+byNumber+withEvents, " AND m.number > ? ORDER BY m.number LIMIT ?"
	if c.query.Tag != "" || c.query.Rule != "" {
		from = bare + byNumber
	}
	if c.backwards {
		order = " AND m.number < ? ORDER BY m.number DESC LIMIT ?"
	}
	return c.store.queryMatches(ctx, from+" WHERE m.user_id = ?"+order, c.query.User, c.at, limit)
}

// choose reads the events of the rows that pass a filter. It gives back the rows
// up to the last one needed to fill the page, and whether these are the last of
// all.
func (c *cursor) choose(ctx context.Context, rows []matchRow, end bool, filter *filter) ([]matchRow, bool, error) {
	var chosen []any
	places := make(map[int64]*matchRow)
	for i := range rows {
		if len(chosen) == c.query.Limit-len(c.found)+1 {
			rows, end = rows[:i], false
			break
		}
		if filter.passes(rows[i].rules) {
			chosen = append(chosen, rows[i].event)
			places[rows[i].event] = &rows[i]
		}
	}
	if len(chosen) == 0 {
		return rows, end, nil
	}
	return rows, end, c.store.fill(ctx, chosen, places)
}

// fill reads events into the rows of their matches.
func (s *Store) fill(ctx context.Context, seqs []any, places map[int64]*matchRow) (err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT seq, id, state, body FROM events WHERE seq IN "+marks(len(seqs)), seqs...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var seq int64
		var m matchRow
		if err := rows.Scan(&seq, &m.id, &m.state, &m.body); err != nil {
			return err
		}
		at := places[seq]
		at.id, at.state, at.body, at.shown = m.id, m.state, m.body, true
	}
	return rows.Err()
}

// The parts of a query for matchRows.
const (
	full = "SELECT m.event, m.number, m.born, m.state, m.rules, e.id, e.state, e.body FROM matches m"
	bare = "SELECT m.event, m.number, m.born, m.state, m.rules, NULL, 0, NULL FROM matches m"
	// byNumber is for MySQL and MariaDB, a comment to others. Where much of a
	// store is one user's, they would look up the user in the index but not the
	// number, and go through all that is newer than an old page.
	byNumber   = " /*! FORCE INDEX (matches_number) */"
	withEvents = " JOIN events e ON e.seq = m.event"
)

// matchRow is a match with its event.
type matchRow struct {
	event, number, born int64
	gone                bool
	rules               []byte
	// shown says that the event was read, and passed.
	shown bool
	id    []byte
	state int // of the event; 0: it has text
	body  []byte
}

func (s *Store) queryMatches(ctx context.Context, query string, args ...any) (_ []matchRow, err error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var matches []matchRow
	for rows.Next() {
		var m matchRow
		if err := rows.Scan(&m.event, &m.number, &m.born, &m.gone, &m.rules, &m.id, &m.state, &m.body); err != nil {
			return nil, err
		}
		m.shown = m.id != nil
		matches = append(matches, m)
	}
	return matches, rows.Err()
}

// change gives a row as its reader sees it, if it does. A live match whose
// event has lost its text is about to be deleted: a later change says so.
func (m *matchRow) change(c *cursor) (event.Change, bool) {
	if !m.shown || m.gone && c.backwards || !m.gone && m.state != 0 {
		return event.Change{}, false
	}
	change := event.Change{ID: matchID(c.query.User, m.id), Number: m.number, Kind: m.kind(c)}
	if !m.gone {
		change.Event, change.Rules, change.MatchedAt = m.body, m.rules, m.matchedAt()
	}
	return change, true
}

// kind says what the match is to somebody who knows everything up to After.
func (m *matchRow) kind(c *cursor) event.ChangeKind {
	switch {
	case m.gone:
		return event.ChangeDelete
	case c.query.HasAfter && m.born != 0 && m.born <= c.query.After:
		return event.ChangeUpdate
	}
	return event.ChangeNew
}

// matchedAt is when the match was made, or came back: numbers are the store's
// clock in microseconds.
func (m *matchRow) matchedAt() event.Time {
	if m.born != 0 {
		return event.Time(m.born / 1000)
	}
	return event.Time(m.number / 1000)
}

// named reads matches by id.
func (s *Store) named(ctx context.Context, q *event.Query, visible int64) (event.Page, error) {
	page := event.Page{Next: visible}
	args := []any{q.User}
	for _, text := range q.IDs {
		if user, id, ok := parseMatchID(text); ok && user == q.User {
			args = append(args, id)
		}
	}
	if len(args) == 1 {
		return page, nil
	}
	rows, err := s.queryMatches(ctx, full+withEvents+" WHERE m.user_id = ? AND e.id IN "+marks(len(args)-1), args...)
	if err != nil {
		return event.Page{}, err
	}
	c := cursor{query: q, backwards: true}
	for i := range rows {
		if change, ok := rows[i].change(&c); ok {
			page.Changes = append(page.Changes, change)
		}
	}
	slices.SortFunc(page.Changes, func(a, b event.Change) int {
		return slices.Index(q.IDs, a.ID) - slices.Index(q.IDs, b.ID)
	})
	return page, nil
}

// filter chooses matches by tag or rule.
type filter struct {
	tag, rule string
	// needle is in the JSON of every match that passes.
	needle []byte
}

// newFilter gives nil where nothing is filtered.
func newFilter(q *event.Query) *filter {
	if q.Tag == "" && q.Rule == "" {
		return nil
	}
	needle, _ := json.Marshal(cmp.Or(q.Tag, q.Rule)) // never fails for a string
	return &filter{tag: q.Tag, rule: q.Rule, needle: needle}
}

func (f *filter) passes(rules []byte) bool {
	if !bytes.Contains(rules, f.needle) {
		return false
	}
	var list []event.RuleMatch
	if err := json.Unmarshal(rules, &list); err != nil {
		return false
	}
	return slices.ContainsFunc(list, func(r event.RuleMatch) bool {
		return (f.tag == "" || r.Tag == f.tag) && (f.rule == "" || r.ID == f.rule)
	})
}
