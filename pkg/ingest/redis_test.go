package ingest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"riffle/pkg/buffer/redis"
	"riffle/pkg/event"
	"riffle/pkg/ingest"
	"riffle/pkg/source/file"
	"riffle/pkg/testenv"
)

// A Redis that is killed and comes back, with all that it had or with nothing,
// ends up with every line of the file.
func TestRedisThatComesBack(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"with all it had": {"--appendonly", "yes", "--appendfsync", "always"},
		"with nothing":    {"--appendonly", "no", "--save", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testenv.StartRedis(t, args...)
			buffer := openRedis(t, server.URL)
			var kill func() // after so many pushes
			pusher := &counting{Pusher: buffer.Writer("lines", "w"), at: 20, then: func() { kill() }}
			kill = func() {
				server.Kill()
				go server.Restart()
			}
			want := 40_000
			in := newIngest(t, lines(t, want), pusher)
			if err := in.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			checkLines(t, takeAll(t, buffer), want)
		})
	}
}

// counting does something after so many pushes.
type counting struct {
	ingest.Pusher
	at   int
	then func()
}

func (c *counting) Push(ctx context.Context, p event.Push) error {
	if c.at--; c.at == 0 {
		c.then()
	}
	return c.Pusher.Push(ctx, p)
}

// A second ingest of the same name waits, and goes on where the first one
// stopped.
func TestStandbyGoesOn(t *testing.T) {
	t.Parallel()
	buffer := openRedis(t, testenv.Redis(t))
	const want = 20_000
	source := lines(t, want)
	ctx, stop := context.WithCancel(t.Context())
	first := &counting{Pusher: buffer.Writer("lines", "first"), at: 10, then: stop}
	if err := newIngest(t, source, first).Run(ctx); err != nil {
		t.Fatal(err)
	}
	second := newIngest(t, source, buffer.Writer("lines", "second"))
	if err := second.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := second.Summary().Read; got == 0 || got == want {
		t.Errorf("the second read %d lines, want some", got)
	}
	checkLines(t, takeAll(t, buffer), want)
}

func openRedis(t *testing.T, url string) *redis.Buffer {
	t.Helper()
	b, err := redis.Open(t.Context(), url, redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func newIngest(t *testing.T, s ingest.Source, p ingest.Pusher) *ingest.Ingest {
	t.Helper()
	in, err := ingest.New(ingest.Config{Name: "lines", Source: s, Pusher: p, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// lines is a file of n lines, each the key of an event.
func lines(t *testing.T, n int) *file.Source {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line:%d\n", i)
	}
	path := filepath.Join(t.TempDir(), "lines")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file.New(file.Config{Path: path}, func() event.Decoder { return keys{} })
}

// keys makes each message the key of an event.
type keys struct{}

func (keys) Decode(ev *event.Event, msg []byte) error {
	ev.Reset()
	ev.Key, ev.Network, ev.Version = string(msg), "line", event.VersionOnly
	return nil
}

// takeAll reads what the buffer holds, and counts each event.
func takeAll(t *testing.T, b *redis.Buffer) map[string]int {
	t.Helper()
	counts := map[string]int{}
	r := event.NewReader()
	var ev event.Event
	for {
		deliveries, err := b.Take(t.Context(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(deliveries) == 0 {
			return counts
		}
		for _, d := range deliveries {
			if _, err := r.Open(d.Data); err != nil {
				t.Fatal(err)
			}
			for more, err := r.Next(&ev); more || err != nil; more, err = r.Next(&ev) {
				if err != nil {
					t.Fatal(err)
				}
				counts[strings.Clone(ev.Key)]++
			}
		}
	}
}

// checkLines wants each line once.
func checkLines(t *testing.T, got map[string]int, n int) {
	t.Helper()
	want := make(map[string]int, n)
	for i := range n {
		want[fmt.Sprint("line:", i)] = 1
	}
	if !cmp.Equal(want, got) {
		total := 0
		for _, count := range got {
			total += count
		}
		t.Errorf("buffer holds %d events of %d lines, want %d, each once", total, len(got), n)
	}
}
