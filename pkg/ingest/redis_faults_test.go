package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"riffle/pkg/buffer/redis"
	"riffle/pkg/event"
	"riffle/pkg/ingest"
	"riffle/pkg/spool"
	"riffle/pkg/testenv"
)

// story is a source that tells numbered lines, and does something before some of
// them.
type story struct {
	keys
	lines   int
	replays bool
	before  map[int]func()
}

func (s *story) Read(_ context.Context, cursor string, emit func(event.Message) error) error {
	first, _ := strconv.Atoi(cursor)
	if !s.replays {
		first = 0
	}
	for i := first; i < s.lines; i++ {
		if do := s.before[i]; do != nil {
			delete(s.before, i)
			do()
		}
		m := event.Message{Data: fmt.Appendf(nil, "line:%d", i), Cursor: strconv.AppendInt(nil, int64(i+1), 10)}
		if err := emit(m); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) Reconnect(err error, _ bool) (time.Duration, error) { return 0, err }
func (s *story) Replays() bool                                      { return s.replays }
func (s *story) NewDecoder() event.Decoder                          { return s.keys }

// scene is an ingest of a story into a Redis of its own.
type scene struct {
	*testing.T
	server *testenv.Server
	buffer *redis.Buffer
	client *goredis.Client
	disk   *spool.Spool
	copy   string // of the server's data
	reg    *prometheus.Registry
}

func newScene(t *testing.T, args ...string) *scene {
	t.Helper()
	server := testenv.StartRedis(t, args...)
	options, err := goredis.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	sc := &scene{T: t, server: server, buffer: openRedis(t, server.URL), client: goredis.NewClient(options), reg: prometheus.NewRegistry()}
	t.Cleanup(func() { _ = sc.client.Close() })
	if sc.disk, err = spool.Open(t.TempDir(), spool.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sc.disk.Close() })
	return sc
}

// tell runs the ingest to its end.
func (sc *scene) tell(s *story) {
	sc.Helper()
	in, err := ingest.New(ingest.Config{
		Name: "lines", Source: s, Pusher: sc.buffer.Writer("lines", "w"), Spool: sc.disk, Log: zap.NewNop(), Registerer: sc.reg,
	})
	if err != nil {
		sc.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(sc.Context(), 2*time.Minute)
	defer cancel()
	if err := in.Run(ctx); err != nil || ctx.Err() != nil {
		sc.Fatalf("Run() = %v, %v", err, ctx.Err())
	}
	if got := in.Summary().Accepted; got < int64(s.lines) {
		sc.Errorf("accepted %d of %d", got, s.lines)
	}
	if left := sc.disk.Depth().Frames; left != 0 {
		sc.Errorf("%d frames are left in the spool", left)
	}
}

// counted reads a counter of the ingest.
func (sc *scene) counted(name string) float64 {
	sc.Helper()
	families, err := sc.reg.Gather()
	if err != nil {
		sc.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "riffle_ingest_"+name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	sc.Fatalf("there is no counter %s", name)
	return 0
}

// pushed waits until the buffer's cursor is so far.
func (sc *scene) pushed(line int) {
	sc.Helper()
	sc.until(fmt.Sprint("line ", line, " is pushed"), func() bool {
		depths, err := sc.buffer.Depths(sc.Context())
		if err != nil || len(depths) == 0 {
			return false
		}
		at, _ := strconv.Atoi(depths[0].Position.Cursor)
		return at >= line
	})
}

func (sc *scene) until(what string, ok func() bool) {
	sc.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			sc.Errorf("waited a minute in vain: %s", what)
			return
		}
	}
}

func (sc *scene) do(args ...any) {
	sc.Helper()
	if err := sc.client.Do(sc.Context(), args...).Err(); err != nil {
		sc.Errorf("redis: %v: %v", args, err)
	}
}

func (sc *scene) spooled() {
	sc.until("something is spooled", func() bool { return sc.disk.Depth().Frames > 2 })
}

// aof is the file that Redis appends to.
func (sc *scene) aof() string {
	sc.Helper()
	files, err := filepath.Glob(filepath.Join(sc.server.Dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) == 0 {
		files, err = filepath.Glob(filepath.Join(sc.server.Dir, "*", "appendonlydir", "*.incr.aof"))
	}
	if err != nil || len(files) != 1 {
		sc.Errorf("append-only files: %v, %v; want one", files, err)
		return ""
	}
	return files[0]
}

// A source that can't be read again is read on whatever Redis does, and each
// line gets there once.
func TestSpoolBesideRedis(t *testing.T) {
	t.Parallel()
	const n = 30_000
	always := []string{"--appendonly", "yes", "--appendfsync", "always"}
	for name, tt := range map[string]struct {
		args   []string
		before func(sc *scene) map[int]func()
	}{
		"down and back": {always, func(sc *scene) map[int]func() {
			return map[int]func(){
				10_000: func() { sc.pushed(2000); sc.server.Kill() },
				20_000: sc.spooled,
				25_000: func() { sc.server.Restart() },
			}
		}},
		"read-only": {nil, func(sc *scene) map[int]func() {
			return map[int]func(){
				10_000: func() { sc.pushed(2000); sc.do("REPLICAOF", "127.0.0.1", "1") },
				20_000: sc.spooled,
				25_000: func() { sc.do("REPLICAOF", "NO", "ONE") },
			}
		}},
		"at maxmemory": {nil, func(sc *scene) map[int]func() {
			return map[int]func(){
				10_000: func() { sc.pushed(2000); sc.do("CONFIG", "SET", "maxmemory", "1mb") },
				20_000: sc.spooled,
				25_000: func() { sc.do("CONFIG", "SET", "maxmemory", "0") },
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := newScene(t, tt.args...)
			sc.tell(&story{lines: n, before: tt.before(sc)})
			checkLines(t, takeAll(t, sc.buffer), n)
		})
	}
}

// More than --buffer-max goes to the spool, and from there to the buffer as that
// is drained, in order.
func TestSpoolBesideABoundedBuffer(t *testing.T) {
	t.Parallel()
	const n, most = 30_000, 4000
	sc := newScene(t)
	bounded, err := redis.Open(t.Context(), sc.server.URL, redis.Options{MaxEvents: most})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bounded.Close() })
	sc.buffer = bounded
	counts := map[string]int{}
	drain := func() {
		for last := 0; last < n; {
			frames, err := bounded.Take(t.Context(), 4)
			if err != nil && !errors.Is(err, t.Context().Err()) {
				t.Errorf("take: %v", err)
				return
			}
			last = countLines(t, frames, counts, last)
			if err := bounded.Ack(t.Context(), frames); err != nil {
				t.Errorf("ack: %v", err)
				return
			}
		}
	}
	drained := make(chan struct{})
	sc.tell(&story{lines: n, before: map[int]func(){
		20_000: func() {
			sc.spooled()
			depths, err := bounded.Depths(t.Context())
			if err != nil || depths[0].Events > most+512 {
				t.Errorf("depths %+v, %v; want %d events at most", depths, err, most+512)
			}
			go func() { defer close(drained); drain() }()
		},
	}})
	<-drained
	checkLines(t, counts, n)
}

// countLines counts what frames hold, which must come in order after last.
func countLines(t *testing.T, frames []event.Delivery, counts map[string]int, last int) int {
	t.Helper()
	r := event.NewReader()
	for _, d := range frames {
		if _, err := r.Open(d.Data); err != nil {
			t.Error(err)
		}
		var ev event.Event
		for more, err := r.Next(&ev); more; more, err = r.Next(&ev) {
			if err != nil {
				t.Error(err)
			}
			if want := fmt.Sprint("line:", last); ev.Key != want {
				t.Errorf("got %s, want %s", ev.Key, want)
			}
			counts[string([]byte(ev.Key))]++
			last++
		}
	}
	return last
}

// A Redis that comes back as it was some seconds ago, with its newest pushes cut
// off or from an older copy, refuses the next push, and ingest gives it again
// what it has lost: from memory, or from the source.
func TestRedisSetBack(t *testing.T) {
	t.Parallel()
	const n = 30_000
	for name, back := range map[string]func(sc *scene){
		"its file cut": func(sc *scene) {
			path := sc.aof()
			info, err := os.Stat(path)
			if err == nil {
				err = os.Truncate(path, info.Size()*2/3+7) // within a command
			}
			if err != nil {
				sc.Error(err)
			}
		},
		"an older copy": func(sc *scene) {
			dir := filepath.Dir(sc.aof())
			if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(sc.copy))); err != nil {
				sc.Error(err)
			}
		},
	} {
		for _, replays := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", replays ", replays), func(t *testing.T) {
				t.Parallel()
				sc := newScene(t, "--appendonly", "yes", "--appendfsync", "always")
				sc.tell(&story{lines: n, replays: replays, before: map[int]func(){
					8000: func() {
						sc.pushed(3000)
						sc.copy = filepath.Join(t.TempDir(), "copy")
						if err := os.CopyFS(sc.copy, os.DirFS(filepath.Dir(sc.aof()))); err != nil {
							t.Error(err)
						}
					},
					20_000: func() {
						sc.pushed(15_000)
						sc.server.Kill()
						back(sc)
						sc.server.Restart()
					},
				}})
				if again := sc.counted("frames_given_again_total") + sc.counted("restarts_total"); again == 0 {
					t.Error("nothing was given again: the test proves nothing")
				}
				checkLines(t, takeAll(t, sc.buffer), n)
			})
		}
	}
}
