package redis_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"riffle/pkg/buffer/buffertest"
	"riffle/pkg/buffer/redis"
	"riffle/pkg/event"
	"riffle/pkg/retry"
	"riffle/pkg/testenv"
)

func push(tb testing.TB, w *redis.Writer, prev event.FrameID, frames ...event.Frame) event.FrameID {
	tb.Helper()
	for i, f := range frames {
		if err := w.Push(tb.Context(), event.Push{Frame: f, Prev: prev, Cursor: fmt.Sprint(i)}); err != nil {
			tb.Fatalf("push %d: %v", i, err)
		}
		prev = f.ID
	}
	return prev
}

func position(tb testing.TB, w *redis.Writer) event.Position {
	tb.Helper()
	at, err := w.Position(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return at
}

func take(tb testing.TB, b *redis.Buffer, most int) []event.Delivery {
	tb.Helper()
	taken, err := b.Take(tb.Context(), most)
	if err != nil {
		tb.Fatal(err)
	}
	return taken
}

func depth(tb testing.TB, b *redis.Buffer) event.Depth {
	tb.Helper()
	depths, err := b.Depths(tb.Context())
	if err != nil || len(depths) != 1 {
		tb.Fatalf("depths: got %d, %v, want one", len(depths), err)
	}
	return depths[0]
}

// again repeats a call for as long as its error may pass.
func again(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := retry.Do(ctx, f, nil); err != nil {
		t.Fatal(err)
	}
}

// TestRestart: a crash of Redis costs nothing that it had written, and nobody
// has to reconnect.
func TestRestart(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t, "--appendonly", "yes", "--appendfsync", "everysec")
	b := open(t, server.URL, redis.Options{})
	w := b.Writer("s", "w")
	position(t, w)
	frames := buffertest.Frames(t, 6, 3)
	prev := push(t, w, event.FrameID{}, frames[:4]...)
	taken := take(t, b, 2)
	if err := b.Ack(t.Context(), taken[:1]); err != nil {
		t.Fatal(err)
	}

	server.Kill()
	next := event.Push{Frame: frames[4], Prev: prev, Cursor: "4"}
	for name, call := range map[string]func() error{
		"push":      func() error { return w.Push(t.Context(), next) },
		"position":  func() error { _, err := w.Position(t.Context()); return err },
		"take":      func() error { _, err := b.Take(t.Context(), 1); return err },
		"ack":       func() error { return b.Ack(t.Context(), taken[1:]) },
		"give back": func() error { return b.GiveBack(t.Context(), taken[1:]) },
		"renew":     func() error { return b.Renew(t.Context(), taken[1:]) },
		"depths":    func() error { _, err := b.Depths(t.Context()); return err },
	} {
		if err := call(); !retry.IsTransient(err) {
			t.Errorf("%s with Redis away: got %v, want a transient error", name, err)
		}
	}
	server.Restart()

	again(t, func(ctx context.Context) error { return w.Push(ctx, next) })
	again(t, func(ctx context.Context) error { return b.Ack(ctx, taken[1:]) })
	got := depth(t, b)
	if got.Frames != 3 || got.Events != 9 || got.InFlight != 0 {
		t.Errorf("after the crash: got %+v, want 3 frames of 9 events", got)
	}
	if rest := take(t, b, 9); len(rest) != 3 || rest[0].ID != frames[2].ID {
		t.Errorf("after the crash: took %d frames, want 3 from the third on", len(rest))
	}
}

// TestSetBack: Redis loses the end of its file, as in a lost second or a
// failover; the next push of a living writer notices, and gives it again.
func TestSetBack(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always",
		"--aof-use-rdb-preamble", "no", "--auto-aof-rewrite-percentage", "0")
	b := open(t, server.URL, redis.Options{})
	w := b.Writer("s", "w")
	position(t, w)
	frames := buffertest.Frames(t, 7, 3)
	prev := push(t, w, event.FrameID{}, frames[:3]...)
	file := aofFile(t, server.Dir)
	kept, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	push(t, w, prev, frames[3:6]...)
	server.Kill()
	if err := os.Truncate(file, kept.Size()); err != nil {
		t.Fatal(err)
	}
	server.Restart()

	next := event.Push{Frame: frames[6], Prev: frames[5].ID, Cursor: "6"}
	var behind *event.BehindError
	again(t, func(ctx context.Context) error {
		if err := w.Push(ctx, next); !errors.As(err, &behind) {
			return err
		}
		return nil
	})
	want := &event.BehindError{At: event.Position{Frame: frames[2].ID, Cursor: "2", Writer: "w"}}
	if diff := cmp.Diff(want, behind); diff != "" {
		t.Fatalf("push after the loss (-want +got):\n%s", diff)
	}
	push(t, w, behind.At.Frame, frames[3:]...)
	if got := take(t, b, 9); len(got) != len(frames) {
		t.Errorf("took %d frames, want all %d", len(got), len(frames))
	}
}

func aofFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatalf("AOF files: got %v, %v, want one", files, err)
	}
	return files[0]
}

// TestEmptied: a Redis that lost everything is noticed too, and found again by
// filters.
func TestEmptied(t *testing.T) {
	t.Parallel()
	b := open(t, testenv.Redis(t), redis.Options{})
	w := b.Writer("s", "w")
	position(t, w)
	frames := buffertest.Frames(t, 3, 3)
	push(t, w, event.FrameID{}, frames[:2]...)
	if err := b.Client().FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	err := w.Push(t.Context(), event.Push{Frame: frames[2], Prev: frames[1].ID, Cursor: "2"})
	behind, is := errors.AsType[*event.BehindError](err)
	if !is || behind.At != (event.Position{}) {
		t.Fatalf("push into an emptied Redis: got %v, want to be told that it is empty", err)
	}
	push(t, w, event.FrameID{}, frames...)
	if got := take(t, b, 9); len(got) != len(frames) {
		t.Errorf("took %d frames, want all %d", len(got), len(frames))
	}
}

// TestFull: at maxmemory nothing but the push is refused, and the buffer drains.
func TestFull(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t, "--maxmemory", "12mb", "--maxmemory-policy", "noeviction")
	b := open(t, server.URL, redis.Options{Lease: time.Hour})
	w := b.Writer("s", "w")
	at := position(t, w)
	var err error
	pushed := 0
	for ; err == nil && pushed < 10_000; pushed++ {
		f := buffertest.Frames(t, 1, 1)[0]
		f.Data = append(f.Data, make([]byte, 20<<10)...)
		if err = w.Push(t.Context(), event.Push{Frame: f, Prev: at.Frame, Cursor: "c"}); err == nil {
			at.Frame = f.ID
		}
	}
	if !errors.Is(err, event.ErrFull) || retry.IsTransient(err) {
		t.Fatalf("push %d: got %v, want full", pushed, err)
	}
	pushed--
	// Not by a hair: what the refused push itself took is free again.
	if err := b.Client().ConfigSet(t.Context(), "maxmemory", "8mb").Err(); err != nil {
		t.Fatal(err)
	}

	// What starts now sends the scripts anew.
	if err := b.Client().ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}

	if got := position(t, w); got.Frame != at.Frame {
		t.Errorf("position in a full Redis: got %s, want %s", got.Frame, at.Frame)
	}
	taken := take(t, b, 3)
	if err := b.Renew(t.Context(), taken); err != nil {
		t.Errorf("renew in a full Redis: %v", err)
	}
	if err := b.GiveBack(t.Context(), taken); err != nil {
		t.Errorf("give back in a full Redis: %v", err)
	}
	drained := 0
	for drained < pushed {
		taken := take(t, b, 20)
		if len(taken) == 0 {
			t.Fatalf("drained %d of %d frames and found no more", drained, pushed)
		}
		if err := b.Ack(t.Context(), taken); err != nil {
			t.Fatalf("ack in a full Redis: %v", err)
		}
		drained += len(taken)
	}
	if err := w.Release(t.Context()); err != nil {
		t.Errorf("release in a full Redis: %v", err)
	}
}

// TestReadOnly: a replica that was asked is an outage.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	b := open(t, server.URL, redis.Options{})
	w := b.Writer("s", "w")
	position(t, w)
	if err := b.Client().Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	err := w.Push(t.Context(), event.Push{Frame: buffertest.Frames(t, 1, 1)[0]})
	if !retry.IsTransient(err) {
		t.Errorf("push to a replica: got %v, want a transient error", err)
	}
	if _, err := b.Take(t.Context(), 1); !retry.IsTransient(err) {
		t.Errorf("take from a replica: got %v, want a transient error", err)
	}
}

// TestForgottenScripts: a server that lost its script cache is sent them again.
func TestForgottenScripts(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	b := open(t, server.URL, redis.Options{})
	w := b.Writer("s", "w")
	position(t, w)
	frames := buffertest.Frames(t, 2, 1)
	prev := push(t, w, event.FrameID{}, frames[0])
	if err := b.Client().ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	push(t, w, prev, frames[1])
	if got := len(take(t, b, 2)); got != 2 {
		t.Errorf("took %d frames, want 2", got)
	}
}

// TestClockSetBack: leases and names of a future that did not come are over.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	b := open(t, testenv.Redis(t), redis.Options{})
	w := b.Writer("s", "w")
	position(t, w)
	push(t, w, event.FrameID{}, buffertest.Frames(t, 1, 1)...)
	first := take(t, b, 1)
	hour := time.Now().Add(time.Hour)
	id := string(first[0].ID[:])
	for _, err := range []error{
		b.Client().ZAdd(t.Context(), "riffle:{s}:leases", goredis.Z{Member: id, Score: float64(hour.UnixMicro())}).Err(),
		b.Client().HSet(t.Context(), "riffle:{s}:deliveries", id, fmt.Sprintf("%d 1", hour.UnixMicro())).Err(),
		b.Client().HSet(t.Context(), "riffle:{s}:source", "stamp", hour.UnixMicro(), "seen", hour.UnixMilli()).Err(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	second := take(t, b, 1)
	if len(second) != 1 || second[0].Stamp <= hour.UnixMicro() || second[0].Count != 2 {
		t.Errorf("took %+v, want the frame with a stamp above %d, count 2", second, hour.UnixMicro())
	}
	if _, err := b.Writer("s", "other").Position(t.Context()); err != nil {
		t.Errorf("position for another writer: got %v, want the name", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	evicting := testenv.StartRedis(t, "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru").URL
	locked := testenv.StartRedis(t, "--requirepass", "right", "--protected-mode", "no").URL
	for name, test := range map[string]struct {
		address, want string
		unfit         bool
	}{
		"evicting":       {evicting, "maxmemory-policy noeviction", true},
		"no password":    {locked, "NOAUTH", false},
		"wrong password": {strings.Replace(locked, "redis://", "redis://:s3cret@", 1), "WRONGPASS", false},
		"no scheme":      {"localhost:6379", "no scheme", false},
		"another scheme": {"http://localhost", `unknown scheme "http"`, false},
		"no number":      {"redis://localhost/one", "invalid database number", false},
		"broken":         {"redis://:s3cret@local host", "invalid character", false},
		"broken list":    {"redis+cluster://:s3cret%@a,b", "invalid URL escape", false},
		"no master":      {"redis+sentinel://a,b", "master's name is missing", false},
		"no host":        {"redis+sentinel://a,,b/m", "a host is missing", false},
		"cluster's db":   {"redis+cluster://a,b/3", "no database number", false},
		"sentinel's db":  {"redis+sentinel://a,b/m?db=x", `db "x" is not a number`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := redis.Open(t.Context(), test.address, redis.Options{})
			if err == nil {
				t.Fatal(b.Close(), "got a buffer, want an error")
			}
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got %q, want it to say %q, and no password", err, test.want)
			}
			if got := isUnfit(err); got != test.unfit {
				t.Errorf("unfit: got %t, want %t", got, test.unfit)
			}
		})
	}
}

func isUnfit(err error) bool {
	_, is := errors.AsType[*redis.UnfitError](err)
	return is
}

// TestOpenWithoutServer: stages start with their neighbours down.
func TestOpenWithoutServer(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	server.Stop()
	b := open(t, server.URL, redis.Options{})
	if err := b.Ping(t.Context()); !retry.IsTransient(err) {
		t.Errorf("ping: got %v, want a transient error", err)
	}
	server.Restart()
	again(t, b.Ping)
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// TestLaterServerIsUnfit: what a failover brings is looked at too.
func TestLaterServerIsUnfit(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	b := open(t, server.URL, redis.Options{})
	if err := b.Client().ConfigSet(t.Context(), "maxmemory-policy", "allkeys-random").Err(); err != nil {
		t.Fatal(err)
	}
	if err := b.Client().Do(t.Context(), "CLIENT", "KILL", "SKIPME", "no").Err(); err != nil {
		t.Fatal(err)
	}
	var err error
	again(t, func(ctx context.Context) error {
		if err = b.Ping(ctx); isUnfit(err) {
			return nil
		}
		return err
	})
	if !isUnfit(err) {
		t.Errorf("a new connection: got %v, want unfit", err)
	}
}

// TestCluster makes every call on a cluster, which refuses what touches the keys
// of two slots.
func TestCluster(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t, "--cluster-enabled", "yes")
	host := strings.TrimSuffix(strings.TrimPrefix(server.URL, "redis://"), "/0")
	b := open(t, "redis+cluster://"+host, redis.Options{})
	one := open(t, server.URL, redis.Options{}).Client()
	if err := one.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	frames := buffertest.Frames(t, 2, 3)
	for _, source := range []string{"one", "}two{"} {
		w := b.Writer(source, "w")
		again(t, func(ctx context.Context) error { _, err := w.Position(ctx); return err })
		push(t, w, event.FrameID{}, frames...)
		if err := w.Release(t.Context()); err != nil {
			t.Errorf("release: %v", err)
		}
	}
	taken := take(t, b, 4)
	if len(taken) != 4 {
		t.Fatalf("took %d frames, want 4", len(taken))
	}
	for name, err := range map[string]error{
		"renew": b.Renew(t.Context(), taken), "give back": b.GiveBack(t.Context(), taken[1:3]), "ack": b.Ack(t.Context(), taken),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	depths, err := b.Depths(t.Context())
	if err != nil || len(depths) != 2 || depths[0].Frames != 1 || depths[1].Frames != 1 {
		t.Errorf("depths: got %+v, %v, want a frame in each of two", depths, err)
	}
}

// TestTornTransaction: Redis's file ends within a take, as a machine that failed
// leaves it. Mended as scripts/redis-repair does, it loses nothing, also not at the
// start after the next.
func TestTornTransaction(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("redis-check-aof"); err != nil {
		t.Skip("redis-check-aof is not installed")
	}
	server := testenv.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always", "--aof-load-truncated", "no",
		"--aof-use-rdb-preamble", "no", "--auto-aof-rewrite-percentage", "0")
	b := open(t, server.URL, redis.Options{})
	w := b.Writer("s", "w")
	position(t, w)
	frames := buffertest.Frames(t, 6, 3)
	push(t, w, event.FrameID{}, frames...)
	file := aofFile(t, server.Dir)
	pushed := sizeOf(t, file)
	take(t, b, 2)
	server.Kill()
	taken := sizeOf(t, file)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	restart := func() {
		server.Kill()
		if out, err := exec.CommandContext(t.Context(), "../../../scripts/redis-repair", server.Dir).CombinedOutput(); err != nil {
			t.Fatalf("redis-repair: %v\n%s", err, out)
		}
		server.Restart()
	}
	for _, part := range []int64{20, 50, 80, 99} {
		if err := os.WriteFile(file, whole[:pushed+(taken-pushed)*part/100], 0o600); err != nil {
			t.Fatal(err)
		}
		restart()
		var got []event.Delivery
		again(t, func(ctx context.Context) (err error) {
			got, err = b.Take(ctx, 1)
			return err
		})
		if len(got) != 1 || got[0].ID != frames[0].ID {
			t.Errorf("torn at %d %%: took %d frames, want the first", part, len(got))
		}
		restart()
		again(t, func(ctx context.Context) error {
			_, err := b.Depths(ctx)
			return err
		})
		if got := depth(t, b); got.Frames != 5 || got.InFlight != 1 {
			t.Errorf("torn at %d %%, after the next restart: %d frames wait and %d are in flight, want 5 and 1", part, got.Frames, got.InFlight)
		}
		server.Kill()
	}
	server.Restart()
}

func sizeOf(t *testing.T, file string) int64 {
	t.Helper()
	stat, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return stat.Size()
}

// TestLeaseWithoutAFrame: what a server left that lost a part of a script spoils
// nothing, and goes away.
func TestLeaseWithoutAFrame(t *testing.T) {
	t.Parallel()
	b := open(t, testenv.Redis(t), redis.Options{})
	w := b.Writer("s", "w")
	position(t, w)
	frames := buffertest.Frames(t, 3, 3)
	push(t, w, event.FrameID{}, frames...)
	taken := take(t, b, 2)
	ctx, client := t.Context(), b.Client()
	const keys = "riffle:{s}:"
	if err := client.HDel(ctx, keys+"taken", string(taken[0].ID[:])).Err(); err != nil {
		t.Fatal(err)
	}
	for _, d := range taken { // both leases have ended
		if err := client.ZAdd(ctx, keys+"leases", goredis.Z{Member: string(d.ID[:])}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	got := take(t, b, 9)
	if len(got) != 2 || got[0].ID != frames[1].ID || got[1].ID != frames[2].ID || got[0].Count != 2 {
		t.Errorf("took %+v, want the second frame for the second time, and the third", got)
	}
	if err := b.Ack(ctx, got); err != nil {
		t.Fatal(err)
	}
	if d := depth(t, b); d.Frames != 0 || d.InFlight != 0 || d.OldestInFlight != 0 {
		t.Errorf("left: %+v, want nothing", d)
	}
}
