package chaos

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"riffle/pkg/testenv"
)

// lease is how long a filter, or an ingest, may be silent before another one
// takes its place.
const lease = 15 * time.Second

// step is one misdeed of a schedule.
type step struct {
	gap    time.Duration // before it
	deed   string
	target string        // a stage, or a proxy
	length time.Duration // of what lasts
	size   int64         // of what is cut off
}

func (s step) String() string {
	text := fmt.Sprintf("after %v: %s", s.gap, s.deed)
	if s.target != "" {
		text += " " + s.target
	}
	if s.length > 0 {
		text += fmt.Sprintf(" for %v", s.length)
	}
	if s.size > 0 {
		text += fmt.Sprintf(" by %d bytes", s.size)
	}
	return text
}

// deed is a kind of misdeed.
type deed struct {
	do      func(*world, step) error
	targets []string // one is drawn
	length  time.Duration
	size    int64
	tiny    bool // only where MariaDB has a small disk
	again   bool // only where the source can be read again
}

var (
	everyStage = []string{"ingest", "standby", "filter1", "filter2", "api"}
	everyProxy = []string{
		"ingest to redis", "standby to redis", "filter1 to redis", "filter2 to redis", "filter1 to mariadb", "filter2 to mariadb", "api to mariadb",
	}
	someFilter = []string{"filter1", "filter2"}
)

// deeds are all misdeeds, by name.
var deeds = map[string]deed{
	"kill":                   {do: kill, targets: everyStage},
	"kill in a push":         {do: killInPush, again: true},
	"kill in a commit":       {do: killInCommit, targets: someFilter},
	"freeze":                 {do: freeze, targets: everyStage},
	"freeze in a commit":     {do: freezeInCommit, targets: someFilter},
	"hold a commit":          {do: holdCommit, targets: someFilter, length: 4 * time.Second},
	"kill mariadb":           {do: killMariaDB, length: 3 * time.Second},
	"kill redis":             {do: killRedis, length: 3 * time.Second},
	"cut redis's tail":       {do: cutTail, size: 64 << 10},
	"put redis back":         {do: putBack, length: 5 * time.Second},
	"promote a replica":      {do: promote, length: 5 * time.Second},
	"fill redis":             {do: fillRedis},
	"redis is read-only":     {do: readOnly, length: 3 * time.Second},
	"fill mariadb's disk":    {do: fillDisk, length: 5 * time.Second, tiny: true},
	"cut connections":        {do: cut, targets: everyProxy},
	"delay":                  {do: delay, targets: everyProxy, length: 3 * time.Second},
	"half-open":              {do: halfOpen, targets: everyProxy},
	"drop a push's answer":   {do: dropPushAnswer},
	"drop a commit's answer": {do: dropCommitAnswer, targets: someFilter},
	"hold the counter":       {do: holdCounter, length: 7 * time.Second},
	"hold events":            {do: holdEvents, length: 3 * time.Second},
	"deadlock":               {do: deadlock},
	"pause and empty redis":  {do: pauseAndEmpty, again: true},
}

// draw makes a step of a kind.
func draw(random *rand.Rand, name string) step {
	d := deeds[name]
	s := step{deed: name, gap: time.Duration(200+random.IntN(2000)) * time.Millisecond}
	if len(d.targets) > 0 {
		s.target = d.targets[random.IntN(len(d.targets))]
	}
	if d.length > 0 {
		s.length = (d.length/4 + time.Duration(random.Int64N(int64(d.length)))).Round(time.Millisecond)
	}
	if d.size > 0 {
		s.size = 1 + random.Int64N(d.size)
	}
	return s
}

// names lists the misdeeds that can be done, always in the same order.
func names(tiny, again bool) []string {
	var all []string
	for name, d := range deeds {
		if (tiny || !d.tiny) && (again || !d.again) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// do does one misdeed, and tells the diary.
func (w *world) do(s step) error {
	select {
	case <-time.After(s.gap):
	case <-w.t.Context().Done():
		return w.t.Context().Err()
	}
	s.target = w.present(s.target)
	if victim := w.stages[s.target]; victim != nil && victim.isFrozen() && strings.Contains(s.deed, "commit") {
		s.target = map[string]string{"filter1": "filter2", "filter2": "filter1"}[s.target] // one that does something
	}
	w.note("%s", strings.TrimPrefix(s.String(), fmt.Sprintf("after %v: ", s.gap)))
	if err := deeds[s.deed].do(w, s); err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	return nil
}

// present is a target that this world has.
func (w *world) present(target string) string {
	if name, rest, _ := strings.Cut(target, " "); name == "standby" && w.stages[name] == nil {
		return strings.TrimSpace("ingest " + rest)
	}
	return target
}

func kill(w *world, s step) error {
	if s.target == "ingest" && w.pipe != nil {
		return w.stages["filter1"].crash() // with ingest dies what it has read of the pipe
	}
	return w.stages[s.target].crash()
}

// writer is the ingest that has the source's name, or will have it soon.
func (w *world) writer() *stage {
	holder, err := w.peek.HGet(w.t.Context(), sourceKeys+"source", "holder").Result()
	if err != nil {
		holder = "" // nobody yet, or redis is away
	}
	awake := w.ingests[0]
	for _, s := range w.ingests {
		if s.isFrozen() {
			continue
		}
		if strings.Contains(holder, fmt.Sprintf("-%d-", s.pid())) {
			return s
		}
		awake = s
	}
	return awake
}

// sprung waits until a trap is sprung, but not where nothing passes: it reports
// whether it was.
func (w *world) sprung(p *proxy, t *trap) bool {
	select {
	case <-t.sprung:
		return true
	case <-time.After(lease + 5*time.Second): // a killed ingest may have to wait for its name
		p.mend()
		select {
		case <-t.sprung: // just now
			return true
		default:
			w.note("  nothing passed")
			return false
		}
	}
}

// killInPush kills ingest between the moment at which it sends a frame and that
// at which Redis gets it.
func killInPush(w *world, _ step) error {
	victim := w.writer()
	p := w.proxies[victim.name+" to redis"]
	w.sprung(p, p.set(swallow, w.pushDigest))
	return victim.crash()
}

// transaction begins a filter's write.
const transaction = "START TRANSACTION;"

// killInCommit kills a filter whose write has left it and never arrives.
func killInCommit(w *world, s step) error {
	p := w.proxies[s.target+" to mariadb"]
	w.sprung(p, p.set(swallow, transaction))
	return w.stages[s.target].crash()
}

// freeze stops a stage until others have taken its place. Misdeeds go on
// meanwhile.
func freeze(w *world, s step) error {
	victim := w.stages[s.target]
	if victim.finished() || victim.isFrozen() {
		return nil
	}
	victim.freeze()
	w.background.Go(func() {
		w.wait(lease + 2*time.Second)
		victim.thaw()
		w.note("%s goes on", s.target)
	})
	return nil
}

func (w *world) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.closing:
	}
}

// freezeInCommit stops a filter whose write is under way, and lets the write
// arrive when another filter has its frames.
func freezeInCommit(w *world, s step) error {
	victim, p := w.stages[s.target], w.proxies[s.target+" to mariadb"]
	if victim.isFrozen() {
		return nil
	}
	t := p.set(hold, transaction)
	if !w.sprung(p, t) {
		return nil
	}
	victim.freeze()
	w.background.Go(func() {
		w.wait(lease + 4*time.Second)
		close(t.released)
		w.wait(200 * time.Millisecond)
		victim.thaw()
		w.note("%s goes on, and its write arrives", s.target)
	})
	return nil
}

// holdCommit lets a filter's write arrive some seconds late, though within its
// lease: what others write meanwhile, it could not know.
func holdCommit(w *world, s step) error {
	p := w.proxies[s.target+" to mariadb"]
	if t := p.set(hold, transaction); w.sprung(p, t) {
		w.wait(s.length)
		close(t.released)
	}
	return nil
}

func killMariaDB(w *world, s step) error {
	w.keeping.Lock()
	defer w.keeping.Unlock()
	w.maria.Kill()
	w.wait(s.length)
	w.maria.Restart()
	return nil
}

func killRedis(w *world, s step) error {
	w.redis.Kill()
	w.wait(s.length)
	return w.startRedis()
}

// cutTail sets Redis back by the end of its file.
func cutTail(w *world, s step) error {
	w.redis.Kill()
	files, err := filepath.Glob(filepath.Join(w.redis.Dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, errors.New("redis has no file"))
	}
	slices.Sort(files)
	last := files[len(files)-1]
	stat, err := os.Stat(last)
	if err != nil {
		return err
	}
	// Not all of it: that would be another Redis, without the source.
	if err := os.Truncate(last, max(stat.Size()-s.size, stat.Size()/2)); err != nil {
		return err
	}
	return w.startRedis()
}

// startRedis starts it as its unit should: what is torn is mended before.
func (w *world) startRedis() error {
	out, err := exec.CommandContext(w.t.Context(), filepath.Join(root, "scripts", "redis-repair"), w.redis.Dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("redis-repair: %w\n%s", err, out)
	}
	w.redis.Restart()
	return nil
}

// putBack sets Redis back to a copy of its files that is some seconds old.
func putBack(w *world, s step) error {
	files := filepath.Join(w.redis.Dir, "appendonlydir")
	older := filepath.Join(w.dir, "older")
	if err := os.RemoveAll(older); err != nil {
		return err
	}
	if err := os.CopyFS(older, os.DirFS(files)); err != nil {
		return err
	}
	w.wait(s.length)
	w.redis.Kill()
	if err := os.RemoveAll(files); err != nil {
		return err
	}
	if err := os.CopyFS(files, os.DirFS(older)); err != nil {
		return err
	}
	return w.startRedis()
}

// promote puts a replica in Redis's place that was cut off some seconds before
// Redis died. It is a failover as Sentinel makes one: what was accepted in those
// seconds is gone, and the address leads to another server.
func promote(w *world, s step) error {
	ctx := w.t.Context()
	master, err := goredis.ParseURL(w.redis.URL)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(master.Addr)
	if err != nil {
		return err
	}
	replica := testenv.StartRedis(w.t, redisSettings...)
	options, err := goredis.ParseURL(replica.URL)
	if err != nil {
		return err
	}
	client := goredis.NewClient(options)
	defer func() { _ = client.Close() }()
	if err := client.ReplicaOf(ctx, host, port).Err(); err != nil {
		return err
	}
	// A replica that has no file yet would be empty after its next start.
	if err := w.until("the replica is complete, in its file too", func() (bool, error) {
		have, err := client.Info(ctx, "replication", "persistence").Result()
		return strings.Contains(have, "master_link_status:up") && strings.Contains(have, "aof_enabled:1") &&
			strings.Contains(have, "aof_rewrite_in_progress:0") && strings.Contains(have, "aof_rewrite_scheduled:0"), err
	}); err != nil {
		return err
	}
	if err := client.ReplicaOf(ctx, "no", "one").Err(); err != nil {
		return err
	}
	w.wait(s.length)
	w.redis.Kill()
	w.redis = replica
	w.front.lead(options.Addr)
	return nil
}

// fillRedis leaves Redis no memory while frames wait in it. A push must be
// refused, and the filters must drain what waits all the same.
func fillRedis(w *world, _ step) error {
	ctx := w.t.Context()
	if err := w.thawed(); err != nil { // else one of them would wake, and take what is to wait
		return err
	}
	letGo := frozen(w.filters1, w.filters2)
	defer letGo()
	var waiting int64
	if err := w.until("frames wait", func() (bool, error) {
		waiting, _, _ = w.depth() // an error is asked again
		return waiting >= 3 || w.readThrough(), nil
	}); err != nil {
		return err
	}
	if w.readThrough() {
		w.note("  nothing comes any more")
		return nil
	}
	if err := errors.Join(w.peek.ConfigResetStat(ctx).Err(), w.peek.ConfigSet(ctx, "maxmemory", "1").Err()); err != nil {
		return err
	}
	if err := w.until("a push is refused", func() (bool, error) {
		refusals, err := w.peek.Info(ctx, "errorstats").Result()
		return strings.Contains(refusals, "errorstat_OOM:") || w.readThrough(), err
	}); err != nil {
		return err
	}
	letGo()
	if err := w.drained(); err != nil {
		return fmt.Errorf("full: %w", err)
	}
	w.note("  %d frames drained while full", waiting)
	return w.peek.ConfigSet(ctx, "maxmemory", "0").Err()
}

// frozen freezes stages until the answer is called.
func frozen(stages ...*stage) (letGo func()) {
	for _, s := range stages {
		s.freeze()
	}
	return sync.OnceFunc(func() {
		for _, s := range stages {
			s.thaw()
		}
	})
}

// readOnly makes Redis the replica of nobody, as in the middle of a failover: it
// answers, and takes no writes.
func readOnly(w *world, s step) error {
	ctx := w.t.Context()
	if err := w.peek.ReplicaOf(ctx, "127.0.0.1", "1").Err(); err != nil {
		return err
	}
	if err := w.peek.Set(ctx, "chaos", "x", 0).Err(); !goredis.HasErrorPrefix(err, "READONLY ") {
		return fmt.Errorf("redis is not read-only: %w", err)
	}
	w.wait(s.length)
	return w.peek.ReplicaOf(ctx, "no", "one").Err()
}

// fillDisk leaves MariaDB no room.
func fillDisk(w *world, s step) error {
	w.keeping.Lock()
	defer w.keeping.Unlock()
	if err := w.disk.fill(); err != nil {
		return err
	}
	w.wait(s.length)
	if err := w.disk.free(); err != nil {
		return err
	}
	// It may have given up, as servers do; its operator starts it again. It may also
	// do so some seconds later: see keepMaria.
	if err := w.db.PingContext(w.t.Context()); err != nil {
		w.note("  mariadb is started again")
		w.maria.Kill()
		w.maria.Restart()
	}
	return nil
}

func cut(w *world, s step) error {
	w.proxies[s.target].cut()
	return nil
}

func delay(w *world, s step) error {
	p := w.proxies[s.target]
	p.slow(300 * time.Millisecond)
	w.wait(s.length)
	p.slow(0)
	return nil
}

func halfOpen(w *world, s step) error {
	w.proxies[s.target].halfOpen()
	return nil
}

func dropPushAnswer(w *world, _ step) error {
	p := w.proxies[w.writer().name+" to redis"]
	w.sprung(p, p.set(dropAnswer, w.pushDigest))
	return nil
}

func dropCommitAnswer(w *world, s step) error {
	p := w.proxies[s.target+" to mariadb"]
	w.sprung(p, p.set(dropAnswer, transaction))
	return nil
}

// rival runs statements in one transaction, waits, and rolls back.
func (w *world) rival(length time.Duration, statements ...string) error {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	var tx *sql.Tx
	if err := w.until("mariadb answers", func() (bool, error) {
		var err error
		tx, err = w.db.BeginTx(ctx, nil)
		return err == nil, nil // an error is asked again
	}); err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			w.note("  the rival: %v", err)
			break
		}
	}
	w.wait(length)
	if err := tx.Rollback(); err != nil {
		w.note("  the rival: %v", err) // it is gone, and its locks with it
	}
	return nil
}

// holdCounter locks what every write needs last, for longer than a lock is
// waited for, or shorter.
func holdCounter(w *world, s step) error {
	return w.rival(s.length, "SELECT value FROM counters WHERE name = 'changes' FOR UPDATE")
}

// holdEvents locks the newest events, so that what changes them waits while
// other writes go on.
func holdEvents(w *world, s step) error {
	return w.rival(s.length, "SELECT seq FROM events ORDER BY seq DESC LIMIT 300 FOR UPDATE",
		"SELECT seq FROM events WHERE seq < 1152921504606846976 ORDER BY seq DESC LIMIT 300 FOR UPDATE")
}

// deadlock takes locks in the other order, as a transaction of so many rows that
// the server ends the filter's.
func deadlock(w *world, _ step) error {
	for range 3 {
		err := w.rival(0, "UPDATE chaos_weight SET v = v + 1", "SELECT value FROM counters WHERE name = 'changes' FOR UPDATE",
			"DO SLEEP(1)", "SELECT seq FROM events FOR UPDATE", "SELECT id FROM frames FOR UPDATE")
		if err != nil {
			return err
		}
	}
	return nil
}

// pauseAndEmpty pauses everything, has Redis drained, empties it, starts the
// stages anew and resumes them.
func pauseAndEmpty(w *world, _ step) error {
	if w.readThrough() {
		return nil
	}
	if err := w.thawed(); err != nil {
		return err
	}
	pause := func(stage string) error {
		if _, err := w.tool("pause", stage, "--reason", "chaos", "--buffer", w.buffer); err != nil {
			return err
		}
		return w.until(stage+" is paused", func() (bool, error) { return w.readThrough() || w.mustPaused(stage), nil })
	}
	if err := pause("ingest"); err != nil {
		return err
	}
	if err := w.drained(); err != nil {
		return err
	}
	if !w.readThrough() {
		if err := w.until("the cursor is on every ingest's disk", w.cursorKept); err != nil {
			return err
		}
	}
	if err := pause("filter"); err != nil {
		return err
	}
	w.filters1.kill()
	if err := w.peek.FlushAll(w.t.Context()).Err(); err != nil {
		return err
	}
	w.note("  redis is empty")
	if err := errors.Join(w.filters1.start(), w.filters2.crash()); err != nil {
		return err
	}
	for _, s := range w.ingests {
		if err := s.crash(); err != nil {
			return err
		}
	}
	// The stages bring the switches back; resumed before, they would be paused
	// again by the first of them.
	for _, stage := range []string{"ingest", "filter"} {
		if err := w.until(stage+" is paused again", func() (bool, error) { return w.readThrough() || w.mustPaused(stage), nil }); err != nil {
			return err
		}
	}
	for _, stage := range []string{"filter", "ingest"} {
		if _, err := w.tool("resume", stage, "--buffer", w.buffer); err != nil {
			return err
		}
	}
	return nil
}

// mustPaused is paused where an error is asked again.
func (w *world) mustPaused(stage string) bool {
	yes, err := w.paused(stage)
	return err == nil && yes
}

// cursorKept reports whether every ingest remembers by itself where the buffer
// stands.
func (w *world) cursorKept() (bool, error) {
	cursor, err := w.peek.HGet(w.t.Context(), sourceKeys+"source", "cursor").Result()
	if errors.Is(err, goredis.Nil) {
		return true, nil // nothing was pushed yet
	}
	if err != nil {
		return false, nil //nolint:nilerr // asked again
	}
	for _, s := range w.ingests {
		text, err := os.ReadFile(filepath.Join(w.dir, s.name, "cursor-"+source+".json"))
		if err != nil || !bytes.Contains(text, []byte(`"`+cursor+`"`)) {
			return false, nil //nolint:nilerr // asked again
		}
	}
	return true, nil
}
