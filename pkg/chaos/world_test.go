package chaos

import (
	"bytes"
	"context"
	"crypto/sha1"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the store's server, asked directly
	goredis "github.com/redis/go-redis/v9"

	"riffle/pkg/testenv"
)

// patience bounds every wait. It is long, since the machine may be busy, and
// nothing waits for it to pass.
const patience = 4 * time.Minute

// source is the name of the stream, sourceKeys where Redis holds it.
const (
	source     = "chaos"
	sourceKeys = "riffle:{" + source + "}:"
)

// world is all that one run needs.
type world struct {
	t        *testing.T
	seed     uint64
	bin      string
	dir      string
	storeAll bool
	stream   *stream

	redis, maria *testenv.Server
	front        *proxy        // the address of whichever Redis is the master
	buffer       string        // its URL
	manager      *net.UnixConn // hears the stages' signs of life, as systemd would
	signs        atomic.Int64
	keeping      sync.Mutex // who holds it may end MariaDB
	disk         *disk      // the small disk of MariaDB; nil: an ordinary one
	peek         *goredis.Client
	db           *sql.DB
	api          string
	users        map[string]int64

	ingests                  []*stage // the second, where there is one, is its standby
	filters1, filters2, apis *stage
	stages                   map[string]*stage
	pipe                     *pipe // what the only ingest reads; nil: files
	proxies                  map[string]*proxy
	full                     string // the source without a rate
	pollers                  []*poller
	pushDigest               string

	background sync.WaitGroup
	closing    chan struct{}
	begun      time.Time

	mu       sync.Mutex
	findings []string
	diary    []string // what was done, and when
}

// options of a run.
type options struct {
	seed     uint64
	lines    int
	rate     int  // lines a second
	tiny     bool // MariaDB gets a disk that can be filled
	storeAll bool // every event is stored, so that each can be accounted for
	bin      string
	input    input
}

// input is how the stream comes to riffle.
type input int

const (
	byFile    input = iota // one ingest, of a source that can be read again
	byStandby              // two, of which one waits for the other's end
	byPipe                 // one, which reads a pipe and has a spool; it is never killed
)

// newWorld starts servers and stages; nothing is read yet.
func newWorld(t *testing.T, o options) *world {
	t.Helper()
	w := &world{
		t: t, seed: o.seed, bin: o.bin, dir: t.TempDir(), storeAll: o.storeAll,
		users: make(map[string]int64), stages: make(map[string]*stage), proxies: make(map[string]*proxy), closing: make(chan struct{}),
		redis: testenv.StartRedis(t, redisSettings...),
		// Readers of the test's own beside those of the stages.
		maria: testenv.StartMariaDB(t, "--max-connections=400"),
	}
	if o.tiny {
		w.disk = newDisk(t, w.maria)
	}
	w.front, w.buffer = newProxyTo(t, w.redis.URL)
	w.listen()
	w.stream = newStream(rand.New(rand.NewPCG(o.seed, 1)), o.lines)
	file := filepath.Join(w.dir, "stream.ndjson")
	w.stream.write(t, file)
	push, err := os.ReadFile(filepath.Join(root, "pkg", "buffer", "redis", "scripts", "push.lua"))
	if err != nil {
		t.Fatal(err)
	}
	digest := sha1.Sum(push)
	w.pushDigest = hex.EncodeToString(digest[:])
	w.connect()
	w.prepare()
	w.full = "file:" + file + "?format=event"
	stream := fmt.Sprintf("%s&rate=%d", w.full, o.rate)
	if o.input == byPipe {
		w.pipe = newPipe(t, w.stream.lines, o.rate)
		stream = "stdin:?format=event"
	}
	w.plan(stream, o.input == byStandby)
	t.Cleanup(w.close)
	return w
}

// listen plays the service manager, so that stages watch their own loops. What they
// say is in their logs.
func (w *world) listen() {
	var err error
	if w.manager, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(w.dir, "notify"), Net: "unixgram"}); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		for message := make([]byte, 4096); ; {
			n, err := w.manager.Read(message)
			if err != nil {
				return // closed
			}
			if bytes.HasPrefix(message[:n], []byte("WATCHDOG=1")) {
				w.signs.Add(1)
			}
		}
	}()
	w.t.Cleanup(func() { _ = w.manager.Close() })
}

// redisSettings are those of operations.md, but that a replica need not wait for
// others.
var redisSettings = []string{"--appendonly", "yes", "--aof-load-truncated", "no", "--repl-diskless-sync-delay", "0"}

// connect opens the test's own ways to the servers, past the stages' proxies.
func (w *world) connect() {
	options, err := goredis.ParseURL(w.buffer)
	if err != nil {
		w.t.Fatal(err)
	}
	w.peek = goredis.NewClient(options)
	u, err := url.Parse(w.maria.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	password, _ := u.User.Password()
	w.db, err = sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)%s?timeout=5s", u.User.Username(), password, u.Host, u.Path))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = w.peek.Close()
		_ = w.db.Close()
	})
}

// prepare migrates, makes users and rules, and sets a watch on the ledger of
// frames: whoever writes to a frame that is finished, or that a later delivery
// has claimed, is noted.
func (w *world) prepare() {
	must := func(args ...string) string {
		out, err := w.tool(append(args, "--store", w.maria.URL)...)
		if err != nil {
			w.t.Fatal(err)
		}
		return out
	}
	must("migrate")
	w.api = freeAddress(w.t)
	for user, word := range readers {
		must("user", "add", user)
		must("rule", "add", user, word)
		w.pollers = append(w.pollers, newPoller(w, user, must("token", "create", user, "--scope", "read")))
		var id int64
		if err := w.db.QueryRowContext(w.t.Context(), "SELECT id FROM users WHERE name = ?", user).Scan(&id); err != nil {
			w.t.Fatal(err)
		}
		w.users[user] = id
	}
	for _, statement := range []string{
		"CREATE TABLE chaos_weight (n INT PRIMARY KEY, v INT NOT NULL)",
		"INSERT INTO chaos_weight SELECT seq, 0 FROM seq_1_to_3000",
		"CREATE TABLE chaos_ledger (frame BINARY(16), was BIGINT, stamp BIGINT, done TINYINT)",
		"CREATE TRIGGER chaos_frames AFTER UPDATE ON frames FOR EACH ROW INSERT INTO chaos_ledger" +
			" SELECT NEW.id, OLD.stamp, NEW.stamp, OLD.done FROM DUAL WHERE OLD.done <> 0 OR NEW.stamp < OLD.stamp",
	} {
		if _, err := w.db.ExecContext(w.t.Context(), statement); err != nil {
			w.t.Fatal(err)
		}
	}
}

// plan sets up the stages, each behind proxies of its own.
func (w *world) plan(stream string, standby bool) {
	through := func(stage, server, address string) string {
		p, own := newProxyTo(w.t, address)
		w.proxies[stage+" to "+server] = p
		return own
	}
	add := func(name, binary string, args ...string) *stage {
		s := &stage{
			name: name, binary: binary, w: w, log: filepath.Join(w.dir, name+".log"),
			args: append(args, "--debug-listen", "off", "--state", filepath.Join(w.dir, name)),
		}
		w.stages[name] = s
		return s
	}
	ingest := func(name string) {
		w.ingests = append(w.ingests, add(name, "riffle-ingest",
			"--buffer", through(name, "redis", w.buffer), "--name", source, "--source", stream))
	}
	ingest("ingest")
	if standby {
		ingest("standby")
	}
	if w.pipe != nil {
		w.ingests[0].stdin = w.pipe.read
	}
	filter := func(name string) *stage {
		s := add(name, "riffle-filter", "--buffer", through(name, "redis", w.buffer), "--store", through(name, "mariadb", w.maria.URL))
		if w.storeAll {
			s.args = append(s.args, "--store-all")
		}
		return s
	}
	w.filters1, w.filters2 = filter("filter1"), filter("filter2")
	w.apis = add("api", "riffle-api", "--buffer", w.buffer, "--store", through("api", "mariadb", w.maria.URL), "--listen", w.api)
}

// open starts stages and readers, the source last.
func (w *world) open(ctx context.Context) error {
	for _, s := range []*stage{w.apis, w.filters1, w.filters2} {
		if err := s.start(); err != nil {
			return err
		}
	}
	for _, p := range w.pollers {
		if err := p.begin(ctx); err != nil {
			return err
		}
		w.background.Go(func() { p.run(ctx) })
	}
	w.begun = time.Now()
	if w.disk != nil {
		w.background.Go(w.keepMaria)
	}
	if w.pipe != nil {
		w.background.Go(func() { w.pipe.run(w.closing) })
	}
	for _, s := range w.ingests {
		if err := s.start(); err != nil {
			return err
		}
	}
	return nil
}

// readThrough reports whether the stream was read to its end.
func (w *world) readThrough() bool {
	return !slices.ContainsFunc(w.ingests, func(s *stage) bool { return !s.finished() })
}

// keepMaria starts MariaDB again, as systemd would, where it ends by itself: after
// its disk was full it may, at once or when it next writes pages back.
func (w *world) keepMaria() {
	for {
		select {
		case <-w.closing:
			return
		case <-time.After(200 * time.Millisecond):
		}
		w.keeping.Lock()
		if w.maria.Exited() {
			w.note("  mariadb has given up, and is started again")
			w.maria.Restart()
		}
		w.keeping.Unlock()
	}
}

// close ends what still runs.
func (w *world) close() {
	close(w.closing)
	w.keeping.Lock() // not in the middle of a restart
	defer w.keeping.Unlock()
	for _, s := range w.stages {
		s.kill()
	}
}

// find notes something that must not be.
func (w *world) find(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.findings = append(w.findings, fmt.Sprintf("%6.1fs ", w.since())+fmt.Sprintf(format, args...))
}

// note writes the diary of the run.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.diary = append(w.diary, fmt.Sprintf("%6.1fs ", w.since())+fmt.Sprintf(format, args...))
}

func (w *world) since() float64 {
	if w.begun.IsZero() {
		return 0
	}
	return time.Since(w.begun).Seconds()
}

// until asks again and again until ok says yes.
func (w *world) until(what string, ok func() (bool, error)) error {
	deadline := time.Now().Add(patience)
	for {
		yes, err := ok()
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", what, err)
		case yes:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("waited %v in vain: %s", patience, what)
		}
		select {
		case <-w.t.Context().Done():
			return w.t.Context().Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// depth tells how many frames wait and are in flight.
func (w *world) depth() (waiting, inFlight int64, err error) {
	ctx := w.t.Context()
	if waiting, err = w.peek.LLen(ctx, sourceKeys+"frames").Result(); err != nil {
		return 0, 0, err
	}
	inFlight, err = w.peek.HLen(ctx, sourceKeys+"taken").Result()
	return waiting, inFlight, err
}

// drained waits until the filters have dealt with all that was pushed.
func (w *world) drained() error {
	return w.until("the buffer is drained", func() (bool, error) {
		waiting, inFlight, err := w.depth()
		return err == nil && waiting+inFlight == 0, nil // an error is asked again
	})
}

// thawed waits until no stage is frozen.
func (w *world) thawed() error {
	return w.until("nothing is frozen", func() (bool, error) {
		for _, s := range w.stages {
			if s.isFrozen() {
				return false, nil
			}
		}
		return true, nil
	})
}

// finish lets everything heal, has the source read to its end, and waits until
// filters and readers are through.
func (w *world) finish() error {
	for _, p := range w.proxies {
		p.mend()
		p.cut()
	}
	w.note("everything is mended")
	if err := w.thawed(); err != nil {
		return err
	}
	if err := w.readRest(); err != nil {
		return err
	}
	if err := w.until("the source is read to its end", func() (bool, error) { return w.readThrough(), nil }); err != nil {
		return err
	}
	if err := w.drained(); err != nil {
		return err
	}
	w.note("the source is read, the buffer is drained")
	for _, p := range w.pollers {
		p.last.Store(true)
	}
	return w.until("the readers have seen everything", func() (bool, error) {
		return !slices.ContainsFunc(w.pollers, func(p *poller) bool {
			select {
			case <-p.done:
				return false
			default:
				return true
			}
		}), nil
	})
}

// readRest has what is left read at full speed. Where nothing is, files are read
// once more all the same: Redis may have gone back since.
func (w *world) readRest() error {
	if w.pipe != nil {
		close(w.pipe.hurry)
		return nil
	}
	for _, s := range w.ingests {
		if err := s.stop(); err != nil {
			return err
		}
	}
	for _, s := range w.ingests {
		s.args[slices.Index(s.args, "--source")+1] = w.full
		if err := s.start(); err != nil {
			return err
		}
	}
	return nil
}

// paused reports whether a stage says that it is.
func (w *world) paused(stage string) (bool, error) {
	out, err := w.tool("status", "--json", "--buffer", w.buffer, "--store", w.maria.URL)
	if err != nil {
		return false, err
	}
	var status struct {
		Stages []struct{ Stage, State string }
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		return false, err
	}
	some := false
	for _, s := range status.Stages {
		if s.Stage == stage && s.State == "paused" {
			some = true
		} else if s.Stage == stage && s.State != "silent" {
			return false, nil
		}
	}
	return some, nil
}

// report is what somebody needs who looks for the fault.
func (w *world) report() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %d lines, store-all %v, standby %v, pipe %v\n",
		w.seed, len(w.stream.lines), w.storeAll, len(w.ingests) > 1, w.pipe != nil)
	fmt.Fprintf(&b, "what was done:\n  %s\n", strings.Join(w.diary, "\n  "))
	if len(w.findings) == 0 {
		return b.String()
	}
	const most = 25
	fmt.Fprintf(&b, "%d findings:\n  %s\n", len(w.findings), strings.Join(w.findings[:min(most, len(w.findings))], "\n  "))
	return b.String()
}

// tails are the ends of the processes' logs.
func (w *world) tails() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.stages)) {
		fmt.Fprintf(&b, "--- %s\n%s\n", name, w.stages[name].tail(25))
	}
	return b.String()
}
