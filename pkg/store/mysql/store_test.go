package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"riffle/pkg/event"
	"riffle/pkg/retry"
	"riffle/pkg/store"
	"riffle/pkg/store/storetest"
	"riffle/pkg/testenv"
)

// openAt opens the store of a URL.
func openAt(tb testing.TB, url string) *store.Store {
	tb.Helper()
	s, err := Open(url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return s
}

func openEmpty(tb testing.TB) ([]*store.Store, *sql.DB) {
	tb.Helper()
	at := testenv.MariaDB(tb)
	s := openAt(tb, at)
	if err := s.Migrate(tb.Context(), nil); err != nil {
		tb.Fatalf("Migrate: %v", err)
	}
	return []*store.Store{s, openAt(tb, at), openAt(tb, at)}, openRaw(tb, at)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, openEmpty)
}

// TestBounded counts the rows that the server looks at.
func TestBounded(t *testing.T) {
	t.Parallel()
	storetest.RunBounded(t, func(tb testing.TB, through storetest.Through) *store.Store {
		tb.Helper()
		s, err := open(testenv.MariaDB(tb), func(c driver.Connector) *sql.DB { return sql.OpenDB(through(c)) })
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = s.Close() })
		if err := s.Migrate(tb.Context(), nil); err != nil {
			tb.Fatalf("Migrate: %v", err)
		}
		return s
	}, func(ctx context.Context, conn driver.Conn, _ string, _ []driver.NamedValue, run func() error) (string, error) {
		before, err := lookedAt(ctx, conn)
		if err != nil {
			return "", err
		}
		if err := run(); err != nil {
			return "", err
		}
		after, err := lookedAt(ctx, conn)
		if rows := after - before; rows > storetest.WorkRows {
			return fmt.Sprintf("looks at %d rows", rows), err
		}
		return "", err
	})
}

// lookedAt is how many rows and entries of indexes a connection has read so far,
// those that it passed over included.
func lookedAt(ctx context.Context, conn driver.Conn) (sum int, err error) {
	const status = "SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler\\_read\\_%' OR Variable_name = 'Handler_icp_attempts'"
	err = errors.Join(storetest.ReadAll(ctx, conn, status, nil, func(row []driver.Value) {
		n, e := strconv.Atoi(fmt.Sprintf("%s", row[1]))
		sum, err = sum+n, errors.Join(err, e)
	}), err)
	return sum, err
}

func BenchmarkWrite(b *testing.B) { storetest.BenchmarkWrite(b, openEmpty) }

// openRaw opens the database of a URL without the store.
func openRaw(tb testing.TB, url string) *sql.DB {
	tb.Helper()
	config, err := parse(url)
	if err != nil {
		tb.Fatal(err)
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		tb.Fatal(err)
	}
	db := sql.OpenDB(connector)
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return db
}

// autoIncrement is a feed as one would build it at first: matches are numbered
// by AUTO_INCREMENT. Its first transaction commits when a reader has seen what
// was numbered after it, as happens by chance to one that the system sets aside
// for a moment.
type autoIncrement struct {
	db    *sql.DB
	first sync.Once
	held  atomic.Int64  // a number of the first transaction
	past  chan struct{} // closed when a reader has seen a later one
	read  sync.Once
}

func (a *autoIncrement) Write(ctx context.Context, b *event.Batch) error {
	first := false
	a.first.Do(func() { first = true })
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after the commit
	result, err := tx.ExecContext(ctx, insertNumbered(b))
	if err != nil {
		return err
	}
	if first {
		number, err := result.LastInsertId()
		if err != nil {
			return err
		}
		a.held.Store(number)
		select {
		case <-a.past:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return tx.Commit()
}

func insertNumbered(b *event.Batch) string {
	var p packet
	p.add("INSERT INTO numbered (user_id, id) VALUES ")
	p.rows(len(b.Verdicts), func(i int) {
		id := event.ID(b.Verdicts[i].Event.Key)
		p.add("(")
		p.int(b.Verdicts[i].Matches[0].User)
		p.add(",")
		p.id(&id)
		p.add(")")
	})
	return string(p.b)
}

func (a *autoIncrement) Matches(ctx context.Context, q event.Query) (page event.Page, err error) {
	rows, err := a.db.QueryContext(ctx, "SELECT number, id FROM numbered WHERE user_id = ? AND number > ? ORDER BY number LIMIT ?",
		q.User, q.After, q.Limit)
	if err != nil {
		return page, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	page.Next = q.After
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&page.Next, &id); err != nil {
			return page, err
		}
		page.Changes = append(page.Changes, event.Change{ID: hex.EncodeToString(id), Number: page.Next})
	}
	page.More = len(page.Changes) == q.Limit
	const batch = 25 // more than a transaction has rows
	if held := a.held.Load(); held > 0 && q.HasAfter && page.Next > held+batch {
		a.read.Do(func() { close(a.past) })
	}
	return page, rows.Err()
}

// TestFollowCatchesAutoIncrement: the test that no change is missed would notice
// if numbers did not become visible in order.
func TestFollowCatchesAutoIncrement(t *testing.T) {
	t.Parallel()
	db := openRaw(t, testenv.MariaDB(t))
	_, err := db.ExecContext(t.Context(), "CREATE TABLE numbered (number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,"+
		" user_id BIGINT NOT NULL, id BINARY(16) NOT NULL, UNIQUE KEY (user_id, id))")
	if err != nil {
		t.Fatal(err)
	}
	missed, err := storetest.Follow(t.Context(), &autoIncrement{db: db, past: make(chan struct{})}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if missed == 0 {
		t.Error("nothing was missed")
	}
}

// TestOpenErrors: what is wrong is said, and the password never.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	const secret = "s3cr%20et"
	right, err := url.Parse(testenv.MariaDB(t))
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(*url.URL)) string {
		u := *right
		f(&u)
		return u.String()
	}
	for _, test := range []struct {
		name, url string
		transient bool
		want      string
	}{
		{"no URL", "mysql://u:" + secret + "@h:port/db", false, "invalid port"},
		{"another scheme", "postgres://u:" + secret + "@h/db", false, "use mysql://"},
		{"no database", "mysql://u:" + secret + "@h/", false, "use mysql://"},
		{"a parameter that is none", "mysql://u:" + secret + "@h/db?timeout=soon", false, "parameters"},
		{"wrong password", change(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "s3cr et") }), false, "check name and password"},
		{"unknown database", change(func(u *url.URL) { u.Path = "/nosuch" }), false, `no database "nosuch"`},
		{"unreachable", "mysql://u:" + secret + "@127.0.0.1:1/db", true, "refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := Open(test.url)
			if err == nil {
				err = s.CheckSchema(t.Context())
				defer func() { _ = s.Close() }()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || retry.IsTransient(err) != test.transient {
				t.Errorf("got %v, transient %t, want %q, transient %t", err, retry.IsTransient(err), test.want, test.transient)
			}
			if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "s3cr et")) {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestCheckVersion(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"8.0.26":                                false,
		"8.0.27":                                true,
		"8.0.36-0ubuntu0.22.04.1":               true,
		"8.4.0":                                 true,
		"9.1.0-commercial":                      true,
		"5.7.44-log":                            false,
		"10.5.23-MariaDB":                       false,
		"10.6.0-MariaDB":                        true,
		"10.11.19-MariaDB-0+deb12u1":            true,
		"11.4.2-MariaDB":                        true,
		"5.5.5-10.6.12-MariaDB-1:10.6.12+maria": true,
		"5.5.5-10.4.12-MariaDB-1:10.4.12+maria": false,
		"5.5.68-MariaDB":                        false,
		"":                                      false,
	} {
		old := new(VersionError)
		if err := checkVersion(text); (err == nil) != ok || err != nil && !errors.As(err, &old) {
			t.Errorf("checkVersion(%q): got %v, want it to pass: %t", text, err, ok)
		}
	}
}

// TestOutage: while the server is away everything is transient; when it is back
// the store works on.
func TestOutage(t *testing.T) {
	t.Parallel()
	server := testenv.StartMariaDB(t)
	s := openAt(t, server.URL)
	if err := s.Migrate(t.Context(), nil); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	frame := func(n byte) *event.Batch {
		return &event.Batch{Deliveries: []event.Delivery{{ID: event.FrameID{n}}}}
	}
	if err := s.Write(t.Context(), frame(1)); err != nil {
		t.Fatalf("Write: %v", err)
	}
	server.Kill()
	for range 3 {
		if err := s.Write(t.Context(), frame(2)); !retry.IsTransient(err) {
			t.Errorf("Write without a server: got %v, want a transient error", err)
		}
		if _, err := s.Matches(t.Context(), event.Query{User: 1, Limit: 1}); !retry.IsTransient(err) {
			t.Errorf("Matches without a server: got %v, want a transient error", err)
		}
		if _, err := s.AddUser(t.Context(), "ann"); !retry.IsTransient(err) {
			t.Errorf("AddUser without a server: got %v, want a transient error", err)
		}
		if err := s.Ping(t.Context()); !retry.IsTransient(err) {
			t.Errorf("Ping without a server: got %v, want a transient error", err)
		}
	}
	server.Restart()
	if err := s.Write(t.Context(), frame(2)); err != nil {
		t.Errorf("Write after the outage: %v", err)
	}
	if err := s.Write(t.Context(), frame(1)); !errors.Is(err, event.ErrRefused) {
		t.Errorf("Write of a finished frame after the outage: got %v, want %v", err, event.ErrRefused)
	}
}

// TestWithheld: a login that is refused, or a schema that is gone, is a mistake for
// a process that begins, and an outage for one that has worked.
func TestWithheld(t *testing.T) {
	t.Parallel()
	server := testenv.StartMariaDB(t)
	admin, err := openRaw(t, server.URL).Conn(t.Context()) // it was let in, and stays
	if err != nil {
		t.Fatal(err)
	}
	exec := func(statement string) {
		t.Helper()
		if _, err := admin.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	s := openAt(t, server.URL)
	if err := s.Migrate(t.Context(), nil); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	batch := &event.Batch{Deliveries: []event.Delivery{{ID: event.FrameID{1}}}}
	for name, change := range map[string]struct{ do, undo string }{
		"no password": {"SET PASSWORD = PASSWORD('another')", "SET PASSWORD = PASSWORD('" + password + "')"},
		"no table":    {"RENAME TABLE frames TO frames_away", "RENAME TABLE frames_away TO frames"},
	} {
		exec(change.do)
		killOthers(t, admin) // a connection that is there may work on
		answer := new(mysql.MySQLError)
		var err error
		for !errors.As(err, &answer) && t.Context().Err() == nil {
			err = s.Write(t.Context(), batch)
		}
		if !retry.IsTransient(err) {
			t.Errorf("%s: Write: got %v, want a transient error", name, err)
		}
		if err := openAt(t, server.URL).CheckSchema(t.Context()); name != "no table" && (err == nil || retry.IsTransient(err)) {
			t.Errorf("%s: CheckSchema at first contact: got %v, want one that does not pass", name, err)
		}
		exec(change.undo)
		if err := s.Write(t.Context(), batch); err != nil && !errors.Is(err, event.ErrRefused) {
			t.Errorf("%s: Write afterwards: %v", name, err)
		}
	}
}

// killOthers ends all connections but one.
func killOthers(t *testing.T, but *sql.Conn) {
	t.Helper()
	rows, err := but.QueryContext(t.Context(), "SELECT id FROM information_schema.processlist WHERE user = SUBSTRING_INDEX(USER(), '@', 1) AND id <> CONNECTION_ID()")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // what failed is in rows.Err
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		// One that has ended meanwhile is as good as killed.
		_, _ = but.ExecContext(t.Context(), "KILL "+strconv.FormatInt(id, 10))
	}
}

// TestLocksEndWithFailure: a transaction that fails leaves no lock behind.
func TestLocksEndWithFailure(t *testing.T) {
	t.Parallel()
	at := testenv.MariaDB(t)
	s := openAt(t, at)
	if err := s.Migrate(t.Context(), nil); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	bad := &event.Batch{
		Deliveries: []event.Delivery{{ID: event.FrameID{1}, Stamp: 1}},
		Verdicts:   []event.Verdict{{Event: &event.Event{Key: "test:a"}, JSON: []byte{0xff}, Matches: []event.Match{{User: 1}}}},
	}
	if err := s.Write(t.Context(), bad); !errors.Is(err, event.ErrRow) {
		t.Fatalf("Write: got %v, want %v", err, event.ErrRow)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // shorter than locks are waited for
	defer cancel()
	if err := openAt(t, at).Write(ctx, &event.Batch{Deliveries: bad.Deliveries}); err != nil {
		t.Errorf("Write of the frame by another: %v", err)
	}
}

// TestSmallPackets: a batch that is longer than the server's longest packet is
// written in several; an event that is longer is refused alone.
func TestSmallPackets(t *testing.T) {
	t.Parallel()
	server := testenv.StartMariaDB(t, "--max-allowed-packet=1M")
	s := openAt(t, server.URL)
	if err := s.Migrate(t.Context(), nil); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	post := func(key string, size int) event.Verdict {
		return event.Verdict{
			Event: &event.Event{Key: key}, JSON: []byte(`"` + strings.Repeat("\\\\", size/2) + `"`), // doubled when it is quoted
			Matches: []event.Match{{User: 1}},
		}
	}
	b := &event.Batch{Deliveries: []event.Delivery{{ID: event.FrameID{1}}}}
	for i := range 20 {
		b.Verdicts = append(b.Verdicts, post("test:"+strconv.Itoa(i), 200<<10))
	}
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatalf("Write: %v", err)
	}
	if page, err := s.Matches(t.Context(), event.Query{User: 1, Limit: 100}); err != nil || len(page.Changes) != 20 {
		t.Errorf("Matches: %d, %v, want 20", len(page.Changes), err)
	}
	b = &event.Batch{Verdicts: []event.Verdict{post("test:long", 600<<10)}}
	if err := s.Write(t.Context(), b); !errors.Is(err, event.ErrRow) {
		t.Errorf("Write of an event that is too long: got %v, want %v", err, event.ErrRow)
	}
}

// TestTooManyConnections: a server that has no connection left may have one
// later.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	server := testenv.StartMariaDB(t, "--max-connections=10") // the least there can be
	s := openAt(t, server.URL)
	var held []*sql.Conn
	db := openRaw(t, server.URL)
	for {
		conn, err := db.Conn(t.Context())
		if err != nil {
			break
		}
		held = append(held, conn)
	}
	if err := s.Ping(t.Context()); !retry.IsTransient(err) {
		t.Errorf("Ping with all of %s connections taken: got %v, want a transient error", strconv.Itoa(len(held)), err)
	}
	for _, conn := range held {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
