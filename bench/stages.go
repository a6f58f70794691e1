package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"riffle/pkg/rule"
	"riffle/pkg/store"
	"riffle/pkg/store/mysql"
)

const (
	streamRules     = 1000
	streamDeletions = 0.12
	streamUsers     = 100
	// bufferMax keeps ingest a little ahead of the filter and no more: what
	// both do is measured, not how fast a buffer fills.
	bufferMax = "200000"
)

// benchSelect runs ingest and filter as processes over Redis and MariaDB, for
// rules that keep little of the stream.
func benchSelect(ctx context.Context, b *bench) ([]result, error) {
	got, err := endToEnd(ctx, b, 0.02)
	return []result{{
		what: "file to MariaDB, keeping 2 %", unit: "events/s", aim: 100_000, now: 50_000, reached: got.rate, note: got.note,
	}}, err
}

// benchKeepAll runs the same with rules that keep every event.
func benchKeepAll(ctx context.Context, b *bench) ([]result, error) {
	got, err := endToEnd(ctx, b, 1)
	return []result{{
		what: "file to MariaDB, keeping every event", unit: "events/s", aim: 40_000, now: 25_000, reached: got.rate, note: got.note,
	}}, err
}

// reached is what a run of the stages did.
type reached struct {
	rate float64
	note string
}

func endToEnd(ctx context.Context, b *bench, kept float64) (reached, error) {
	c, err := b.corpus(ctx)
	if err != nil {
		return reached{}, err
	}
	buffer, err := b.emptyBuffer(ctx)
	if err != nil {
		return reached{}, err
	}
	defer func() { _ = buffer.Close() }()
	database, err := b.freshStore(ctx)
	if err != nil {
		return reached{}, err
	}
	s := newStream(c, kept, streamDeletions, streamRules)
	file := filepath.Join(b.dir, "stream.ndjson")
	if err := writeLines(file, s.lines); err != nil {
		return reached{}, err
	}
	filter, err := b.start(ctx, "riffle-filter", "--buffer", b.servers.redis, "--store", database)
	if err != nil {
		return reached{}, err
	}
	ingest, err := b.start(ctx, "riffle-ingest", "--buffer", b.servers.redis, "--name", "bench", "--buffer-max", bufferMax,
		"--source", "file:"+file+"?format=twitter&loop=1")
	if err != nil {
		return reached{}, err
	}
	r, err := b.watchFilter(ctx, filter, "riffle_filter_", ingest, b.servers)
	if err != nil {
		return r, err
	}
	return r, errors.Join(checkShare(ctx, filter, s), ingest.stop(), filter.stop(), buffer.Client().FlushAll(ctx).Err())
}

// checkShare wants about as many matches as the stream was made for: a pipeline
// that keeps nothing is fast.
func checkShare(ctx context.Context, p *process, s stream) error {
	matches, err1 := p.metric(ctx, "riffle_filter_matches_total")
	events, err2 := p.metric(ctx, "riffle_filter_events_total")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	got, want := matches/events, float64(s.kept)/float64(len(s.lines))
	if got < 0.8*want || got > 1.2*want {
		return fmt.Errorf("%.3f of the events were kept, want %.3f", got, want)
	}
	return nil
}

// watchFilter measures what a filter finishes, after a while in which caches
// fill, and what processor time each part takes for it.
func (b *bench) watchFilter(ctx context.Context, filter *process, prefix string, ingest *process, s *servers) (reached, error) {
	warm := min(b.length/6, 10*time.Second)
	select {
	case <-time.After(warm):
	case <-ctx.Done():
		return reached{}, ctx.Err()
	}
	parts := map[string]int{"filter": filter.cmd.Process.Pid}
	filter.profile(ctx, b, "end-to-end", min(b.length, 20*time.Second))
	if ingest != nil {
		parts["ingest"] = ingest.cmd.Process.Pid
		ingest.profile(ctx, b, "end-to-end", min(b.length, 20*time.Second))
	}
	if s != nil {
		parts["redis"], parts["mariadb"] = s.redisPid, s.mysqlPid
	}
	before, err := usage(parts)
	if err != nil {
		return reached{}, err
	}
	first, err := filter.metric(ctx, prefix+"events_total")
	if err != nil {
		return reached{}, err
	}
	start := time.Now()
	select {
	case <-time.After(b.length):
	case <-filter.done:
		return reached{}, filter.failed("ended")
	}
	last, err := filter.metric(ctx, prefix+"events_total")
	if err != nil {
		return reached{}, err
	}
	took := time.Since(start).Seconds()
	after, err := usage(parts)
	if err != nil {
		return reached{}, err
	}
	r := reached{rate: (last - first) / took}
	var costs []string
	for _, name := range []string{"ingest", "redis", "filter", "mariadb"} {
		if _, ok := parts[name]; ok {
			costs = append(costs, fmt.Sprintf("%s %.1f", name, 1e6*(after[name]-before[name])/(last-first)))
		}
	}
	rss, err := peak(filter.cmd.Process.Pid)
	r.note = fmt.Sprintf("µs of CPU an event: %s; filter %.0f MB", strings.Join(costs, ", "), rss/1e6)
	return r, err
}

// usage is the processor time of processes so far.
func usage(pids map[string]int) (map[string]float64, error) {
	used := make(map[string]float64, len(pids))
	var errs []error
	for name, pid := range pids {
		seconds, err := cpu(pid)
		used[name] = seconds
		errs = append(errs, err)
	}
	return used, errors.Join(errs...)
}

// freshStore makes an empty database with the rules of a stream.
func (b *bench) freshStore(ctx context.Context) (string, error) {
	s, err := b.startServers(ctx)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(s.mysql)
	if err != nil {
		return "", err
	}
	if err := execute(ctx, u, "DROP DATABASE IF EXISTS bench", "CREATE DATABASE bench"); err != nil {
		return "", err
	}
	u.Path = "/bench"
	db, err := mysql.Open(u.String())
	if err != nil {
		return "", err
	}
	if err := errors.Join(db.Migrate(ctx, nil), addRules(ctx, db), db.Close()); err != nil {
		return "", err
	}
	return u.String(), nil
}

// addRules gives every user ten rules, each for a word of its own.
func addRules(ctx context.Context, db *store.Store) error {
	var rules []rule.Rule
	for i := range streamUsers {
		user, err := db.AddUser(ctx, fmt.Sprint("user", i))
		if err != nil {
			return err
		}
		for k := i; k < streamRules; k += streamUsers {
			rules = append(rules, rule.Rule{User: user.ID, Value: mark(k), Canonical: mark(k), Enabled: true})
		}
	}
	_, err := db.AddRules(ctx, rules)
	return err
}

// execute runs statements outside of any database of riffle's.
func execute(ctx context.Context, u *url.URL, statements ...string) error {
	c := driver.NewConfig()
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.Net, c.Addr = "tcp", u.Host
	connector, err := driver.NewConnector(c)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", statement, err), db.Close())
		}
	}
	return db.Close()
}

// benchDelay sends tweets at Twitter's mean rate and reads the filter's
// histogram of their age at the commit.
func benchDelay(ctx context.Context, b *bench) ([]result, error) {
	const rate = 5700
	c, err := b.corpus(ctx)
	if err != nil {
		return nil, err
	}
	buffer, err := b.emptyBuffer(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = buffer.Close() }()
	database, err := b.freshStore(ctx)
	if err != nil {
		return nil, err
	}
	s := newStream(c, 0.02, streamDeletions, streamRules)
	file := filepath.Join(b.dir, "stream.ndjson")
	if err := writeLines(file, s.lines); err != nil {
		return nil, err
	}
	filter, err := b.start(ctx, "riffle-filter", "--buffer", b.servers.redis, "--store", database)
	if err != nil {
		return nil, err
	}
	ingest, err := b.start(ctx, "riffle-ingest", "--buffer", b.servers.redis, "--name", "bench",
		"--source", fmt.Sprintf("file:%s?format=twitter&loop=1&rate=%d", file, rate))
	if err != nil {
		return nil, err
	}
	r, err := b.watchFilter(ctx, filter, "riffle_filter_", ingest, b.servers)
	if err != nil {
		return nil, err
	}
	half, err := filter.quantile(ctx, "riffle_filter_delay_seconds", 0.5)
	if err != nil {
		return nil, err
	}
	most, err := filter.quantile(ctx, "riffle_filter_delay_seconds", 0.99)
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%.0f events/s, arrival to commit, %s", r.rate, r.note)
	return []result{
		{what: "delay, p50", unit: "ms", aim: 50, atMost: true, reached: 1000 * half, note: note},
		{what: "delay, p99", unit: "ms", aim: 250, atMost: true, reached: 1000 * most},
	}, errors.Join(ingest.stop(), filter.stop())
}
