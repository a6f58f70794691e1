package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"riffle/pkg/event"
	"riffle/pkg/store"
	"riffle/pkg/store/mysql"
)

const (
	// A batch of these makes match rows and hardly any others.
	batchPosts  = 8
	postKeepers = 500
	batchRows   = batchPosts * postKeepers
)

// benchCommits lets one, two and four writers commit match rows at once, while
// a poller follows one user; the baseline inserts such rows without order.
func benchCommits(ctx context.Context, b *bench) ([]result, error) {
	var results []result
	for _, writers := range []int{1, 2, 4} {
		address, err := b.freshStore(ctx)
		if err != nil {
			return results, err
		}
		var ordered, bare []float64
		for range min(3, b.rounds()) {
			o, err := orderedRows(ctx, address, writers, b.slice())
			if err != nil {
				return results, err
			}
			n, err := bareRows(ctx, address, writers, b.slice())
			if err != nil {
				return results, err
			}
			ordered, bare = append(ordered, o), append(bare, n)
		}
		results = append(results, result{
			what: fmt.Sprintf("ordered commits, %d filters", writers), unit: "rows/s", aim: 90_000, reached: median(ordered),
			baseline: median(bare), baselineWhat: "the same rows without order", note: "a poller saw every change",
		})
	}
	return results, nil
}

// orderedRows commits batches for a while and checks that a poller of one user
// saw all of that user's changes.
func orderedRows(ctx context.Context, address string, writers int, d time.Duration) (float64, error) {
	db, err := mysql.Open(address)
	if err != nil {
		return 0, err
	}
	start, err := db.LastNumber(ctx, 1)
	if err != nil {
		return 0, errors.Join(err, db.Close())
	}
	stop := make(chan struct{})
	seen := make(chan follow, 1)
	go func() { seen <- followUser(ctx, db, start, stop) }()
	rate, batches, err := together(writers, d, func() error { return writeMatches(ctx, db) })
	close(stop)
	f := <-seen
	if err == nil && f.err == nil && f.changes != batches*batchPosts {
		err = fmt.Errorf("a poller saw %d of %d changes", f.changes, batches*batchPosts)
	}
	return rate * batchRows, errors.Join(err, f.err, db.Close())
}

// follow is what a poller saw.
type follow struct {
	changes int
	err     error
}

// followUser counts the changes of user 1 until stop, and then to the end.
func followUser(ctx context.Context, db *store.Store, after int64, stop <-chan struct{}) follow {
	var f follow
	last := false
	for {
		page, err := db.Matches(ctx, event.Query{User: 1, After: after, HasAfter: true, Limit: 200})
		if err != nil {
			f.err = err
			return f
		}
		f.changes += len(page.Changes)
		after = page.Next
		if page.More {
			continue
		}
		if last {
			return f
		}
		select {
		case <-stop:
			last = true // what was committed before the stop is there now
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// together lets n goroutines call f for a while and gives calls per second, and
// how many there were.
func together(n int, d time.Duration, f func() error) (float64, int, error) {
	var wg sync.WaitGroup
	counts, errs := make([]int, n), make([]error, n)
	start := time.Now()
	for i := range n {
		wg.Go(func() {
			for time.Since(start) < d && errs[i] == nil {
				errs[i] = f()
				counts[i]++
			}
		})
	}
	wg.Wait()
	took, sum := time.Since(start).Seconds(), 0
	for _, c := range counts {
		sum += c
	}
	return float64(sum) / took, sum, errors.Join(errs...)
}

// writeMatches writes a batch of posts that many users keep.
func writeMatches(ctx context.Context, db *store.Store) error {
	return writePosts(ctx, db, batchPosts, postKeepers)
}

// writePosts writes a batch of posts, each kept by the first users.
func writePosts(ctx context.Context, db *store.Store, posts int, keepers int64) error {
	var batch event.Batch
	d := event.Delivery{Source: "bench", Stamp: 1, Count: 1}
	if _, err := rand.Read(d.ID[:]); err != nil {
		return err
	}
	batch.Deliveries = []event.Delivery{d}
	for i := range posts {
		ev := &event.Event{
			Key: fmt.Sprintf("bench:%s/%d", d.ID, i), Version: event.VersionOnly, Network: "bench", Source: "bench",
			Text: "a post that many users keep", ReceivedAt: event.TimeOf(time.Now()),
		}
		v := event.Verdict{Event: ev, JSON: ev.AppendJSON(nil)}
		for user := range keepers {
			v.Matches = append(v.Matches, event.Match{User: user + 1, Rules: []event.RuleMatch{
				{ID: strconv.FormatInt(user, 10), Tag: "t", Spans: []event.Span{{Field: "text", Start: 2, End: 6}}},
			}})
		}
		batch.Verdicts = append(batch.Verdicts, v)
	}
	return db.Write(ctx, &batch)
}

// bareRows inserts rows of the same table's form, in statements of the same
// size, without claims, numbers from a counter or versions.
func bareRows(ctx context.Context, address string, writers int, d time.Duration) (rate float64, err error) {
	db, err := openBare(address)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, s := range []string{"DROP TABLE IF EXISTS bare", "CREATE TABLE bare LIKE matches"} {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return 0, err
		}
	}
	var mu sync.Mutex
	next := int64(0)
	rate, _, err = together(writers, d, func() error {
		mu.Lock()
		first := next
		next += batchRows
		mu.Unlock()
		_, err := db.ExecContext(ctx, bareInsert(first))
		return err
	})
	return rate * batchRows, err
}

func bareInsert(first int64) string {
	var s strings.Builder
	s.WriteString("INSERT INTO bare (event, user_id, number, born, version, rules) VALUES ")
	for i := range int64(batchRows) {
		if i > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, `(%d,%d,%d,0,1,'[{"id":"%d","tag":"t","spans":[{"field":"text","start":2,"end":6}]}]')`,
			(first+i)/postKeepers, i%postKeepers+1, first+i, i)
	}
	return s.String()
}

func openBare(address string) (*sql.DB, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	c := driver.NewConfig()
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.Net, c.Addr, c.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	connector, err := driver.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}
