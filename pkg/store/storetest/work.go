package storetest

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"riffle/pkg/event"
	"riffle/pkg/store"
)

// Through makes the connections of a store go through something.
type Through func(driver.Connector) driver.Connector

// Judge runs a statement, which reads all its rows, and tells what is wrong with
// the way the database went about it, if anything.
type Judge func(ctx context.Context, conn driver.Conn, query string, args []driver.NamedValue, run func() error) (fault string, err error)

const (
	// WorkRows is how many rows one statement may look at: retention removes a
	// thousand in a step.
	WorkRows = 4000
	// workPosts is how many posts the store of RunBounded holds.
	workPosts = 20_000
)

// RunBounded tests that the work of what is done often is bounded by the answer,
// and not by how much the store holds or whose it is.
func RunBounded(t *testing.T, open func(testing.TB, Through) *store.Store, judge Judge) {
	t.Helper()
	for name, users := range map[string]int64{"one user has all": 1, "ten users share": 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &court{judge: judge}
			var direct driver.Connector
			s := open(t, func(inner driver.Connector) driver.Connector {
				direct = cmp.Or(direct, inner) // the first one writes
				return judgedConnector{inner, c}
			})
			db := sql.OpenDB(direct)
			defer func() { _ = db.Close() }()
			testBounded(t, newWorld(share([]*store.Store{s})), db, c, users)
		})
	}
}

func testBounded(t *testing.T, w world, db *sql.DB, c *court, users int64) {
	t.Helper()
	w.keepPosts(t, 0, users)
	const ago = 2 * lifetime
	for _, format := range []string{"UPDATE events SET seq = seq - %d", "UPDATE matches SET event = event - %[1]d, number = number - %[1]d"} {
		query := fmt.Sprintf(format, ago.Microseconds())
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	w.keepPosts(t, workPosts/2, users)
	newest := w.query(t, event.Query{User: 0, Limit: 1})
	middle, oldest := newest.Next-lifetime.Microseconds(), newest.Next-3*lifetime.Microseconds()
	ids := []string{newest.Changes[0].ID, "nonsense"}
	matches := func(q event.Query) func() error {
		return func() error {
			q.User, q.Limit = w.base, 50
			_, err := w.Matches(t.Context(), q)
			return err
		}
	}
	for _, call := range []struct {
		name string
		do   func() error
	}{
		{"the newest page", matches(event.Query{})},
		{"an old page", matches(event.Query{Before: middle})},
		{"changes from the start", matches(event.Query{HasAfter: true, After: oldest})},
		{"changes from the middle", matches(event.Query{HasAfter: true, After: middle})},
		{"no changes", matches(event.Query{HasAfter: true, After: newest.Next})},
		{"a page by tag", matches(event.Query{Before: middle, Tag: "t"})},
		{"changes by rule", matches(event.Query{HasAfter: true, After: middle, Rule: "0"})},
		{"matches by id", matches(event.Query{IDs: ids})},
		{"the last number", func() error { _, err := w.LastNumber(t.Context(), w.base); return err }},
		{"news", func() error { _, err := w.News(t.Context(), newest.Next-1); return err }},
		{"events of everybody", func() error { _, _, err := w.NewestEvents(t.Context(), 0, 50); return err }},
		{"a write", func() error {
			return w.Store.Write(t.Context(), w.batch(verdict{key: fmt.Sprint(workPosts - 1), version: 2, users: []int64{0}}, verdict{key: "new", version: 1, users: []int64{0}}))
		}},
		{"retention", func() error {
			removed, err := w.Purge(t.Context(), keepAll())
			if err == nil && removed < workPosts {
				err = fmt.Errorf("removed %d rows, want half of %d posts and as many matches", removed, workPosts)
			}
			return err
		}},
	} {
		c.hear(t, call.name, call.do)
	}
}

// keepPosts writes half of the posts, each kept by one of the users.
func (w world) keepPosts(t *testing.T, first, users int64) {
	t.Helper()
	const batch = 500
	for post := first; post < first+workPosts/2; {
		var verdicts []verdict
		for range batch {
			verdicts = append(verdicts, verdict{key: fmt.Sprint(post), version: 1, users: []int64{post % users}, tag: "t"})
			post++
		}
		w.write(t, verdicts...)
	}
}

// court judges the statements of one call after another.
type court struct {
	judge Judge

	mu     sync.Mutex
	open   bool
	faults []string
}

func (c *court) hear(t *testing.T, name string, call func() error) {
	t.Helper()
	c.mu.Lock()
	c.open, c.faults = true, nil
	c.mu.Unlock()
	err := call()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = false
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	for _, fault := range c.faults {
		t.Errorf("%s: %s", name, fault)
	}
}

// judgedConnector makes connections whose statements are judged.
type judgedConnector struct {
	driver.Connector
	court *court
}

func (j judgedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := j.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return judgedConn{conn, j.court}, nil
}

type judgedConn struct {
	driver.Conn
	court *court
}

// BeginTx and CheckNamedValue pass on what database/sql would not see behind
// this type.
func (j judgedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return j.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

func (j judgedConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := j.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// QueryContext runs a query twice: its judge reads all rows, and then the caller.
func (j judgedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	err := j.try(ctx, query, args, func() error {
		return ReadAll(ctx, j.Conn, query, args, func([]driver.Value) {})
	})
	if err != nil {
		return nil, err
	}
	return j.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (j judgedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (result driver.Result, err error) {
	j.court.mu.Lock()
	open := j.court.open
	j.court.mu.Unlock()
	run := func() error {
		result, err = j.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
		return err
	}
	if !open {
		return result, run()
	}
	return result, j.try(ctx, query, args, run)
}

// try judges a statement, if its call is.
func (j judgedConn) try(ctx context.Context, query string, args []driver.NamedValue, run func() error) error {
	j.court.mu.Lock()
	defer j.court.mu.Unlock()
	if !j.court.open {
		return nil
	}
	fault, err := j.court.judge(ctx, j.Conn, query, args, run)
	if fault != "" {
		j.court.faults = append(j.court.faults, fmt.Sprintf("%s: %.300s", fault, query))
	}
	return err
}

// ReadAll gives each row of a query's results to a function.
func ReadAll(ctx context.Context, conn driver.Conn, query string, args []driver.NamedValue, row func([]driver.Value)) (err error) {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, query, args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for {
		values := make([]driver.Value, len(rows.Columns()))
		err := rows.Next(values)
		if err == nil {
			row(values)
			continue
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
		more, ok := rows.(driver.RowsNextResultSet)
		if !ok || !more.HasNextResultSet() {
			return nil
		}
		if err := more.NextResultSet(); err != nil {
			return err
		}
	}
}
