package e2e

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"riffle/pkg/buffer/redis"
	"riffle/pkg/event"
	"riffle/pkg/source/feed/feedtest"
	"riffle/pkg/source/jetstream/jetstreamtest"
	"riffle/pkg/source/mastodon/mastodontest"
	"riffle/pkg/source/sourcetest"
	"riffle/pkg/source/twitter/twittertest"
	"riffle/pkg/testenv"
)

var soak = flag.Duration("soak", 0, "how long TestSoak torments the sources of all networks, such as 1h; 0: it is skipped")

const (
	// soakPace is the mean time between two posts of one network.
	soakPace = 500 * time.Millisecond
	// recovery is how long a source may take to fetch what it missed, once its
	// server behaves: longer than the longest wait of any schedule.
	recovery = 20 * time.Minute
)

// tormented is a network's server under TestSoak.
type tormented struct {
	name   string
	server sourcetest.Server
	behave func()
	args   []string
	// kills says that ingest is killed too now and then: what it had in memory is
	// read again.
	kills bool
	// keeps lists what must come in the end.
	keeps func() []string

	ingest *process
}

// TestSoak runs ingests of all networks, as processes over Redis, for as long as
// -soak says, against servers that misbehave, go away and come back at random,
// and kills the ingests that can go back. In the end all has come that the wire
// allows to be kept.
func TestSoak(t *testing.T) {
	t.Parallel()
	if *soak == 0 {
		t.Skip("it takes its time: -soak=1h")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	buffer := testenv.Redis(t)
	seen := collect(t, buffer)
	all := tormentedServers(t)
	var parts sync.WaitGroup
	for i, n := range all {
		n.start(t, buffer)
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		parts.Go(func() { n.torment(random) })
	}
	killing := rand.New(rand.NewPCG(seed, 100))
	for end := time.Now().Add(*soak); time.Now().Before(end); {
		time.Sleep(time.Duration(killing.Int64N(int64(2*time.Minute))) + time.Second)
		if n := all[killing.IntN(len(all))]; n.kills {
			n.ingest.mustRun(t)
			n.ingest.kill()
			n.ingest = start(t, "riffle-ingest", n.args...)
		}
	}
	parts.Wait()
	deadline := time.Now().Add(recovery)
	for _, n := range all {
		n.ingest.mustRun(t)
		for missing := n.missing(seen()); len(missing) > 0; missing = n.missing(seen()) {
			if time.Now().After(deadline) {
				t.Errorf("%s: %d of %d have not come, the first %.3q", n.name, len(missing), len(n.keeps()), missing)
				break
			}
			time.Sleep(time.Second)
		}
		t.Logf("%s: %d events, %d connections", n.name, len(n.keeps()), n.server.Streams())
	}
}

func tormentedServers(t *testing.T) []*tormented {
	t.Helper()
	var all []*tormented
	add := func(name string, server sourcetest.Server, behave func(), replays bool, args ...string) {
		n := &tormented{name: name, server: server, behave: behave, args: args, kills: replays}
		n.keeps = func() (keys []string) {
			for i := 0; server.Key(i) != ""; i++ {
				keys = append(keys, server.Key(i))
			}
			return keys
		}
		if !replays {
			n.keeps = server.Sent
		}
		all = append(all, n)
	}
	for name, s := range map[string]*jetstreamtest.Server{"jetstream": jetstreamtest.New(), "jetstream-numbered": jetstreamtest.NewNumbered()} {
		add(name, s, s.Behave, true, "--source", "jetstream+ws://"+s.Listen(t))
	}
	for name, option := range map[string]string{"mastodon": "", "mastodon-websocket": "?websocket=1"} {
		s := mastodontest.New()
		s.Limit(300)
		add(name, s, s.Behave, true, "--mastodon-token", mastodontest.Token, "--source", "mastodon+http://"+s.Listen(t)+"/public"+option)
	}
	for name, scheme := range map[string]string{"feed": "sse+http", "feed-websocket": "ws"} {
		s := feedtest.New()
		add(name, s, s.Behave, scheme != "ws", "--source", scheme+"://ann:"+feedtest.Password+"@"+s.Listen(t)+"/stream?format=event")
	}
	s := twittertest.New()
	add("twitter", s, s.Behave, false, "--config", twitterKeys(t), "--source", "twitter://sample?endpoint=http://"+s.Listen(t))
	return all
}

// start starts the ingest and waits until it is told what happens: a stream
// begins when it is first read.
func (n *tormented) start(t *testing.T, buffer string) {
	t.Helper()
	n.args = append(n.args, "--buffer", buffer, "--name", n.name, "--state", t.TempDir())
	n.ingest = start(t, "riffle-ingest", n.args...).alive(t)
	eventually(t, n.name+" is read", func() bool { return n.server.Streams() > 0 })
}

// torment posts, and lets the server misbehave, for as long as asked.
func (n *tormented) torment(random *rand.Rand) {
	n.server.Misbehave(sourcetest.Moods(random, 10_000)...)
	for end := time.Now().Add(*soak); time.Now().Before(end); {
		n.server.Post()
		time.Sleep(time.Duration(random.Int64N(int64(2 * soakPace))))
		if random.IntN(300) == 0 {
			n.server.Down()
			time.Sleep(time.Duration(random.Int64N(int64(time.Minute))))
			n.server.Up()
		}
	}
	n.behave()
	n.server.Down() // ends what still misbehaves
	n.server.Up()
	n.server.Post()
}

func (n *tormented) missing(seen map[string]bool) []string {
	return slices.DeleteFunc(slices.Clone(n.keeps()), func(key string) bool { return seen[key] })
}

// collect takes all frames out of the buffer until the test ends, and returns
// what gives the keys so far.
func collect(t *testing.T, url string) (seen func() map[string]bool) {
	t.Helper()
	buffer, err := redis.Open(t.Context(), url, redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	keys := map[string]bool{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		reader := event.NewReader()
		for ctx.Err() == nil {
			frames, err := buffer.Take(ctx, 100)
			if err != nil && ctx.Err() == nil {
				t.Errorf("take: %v", err)
				return
			}
			mu.Lock()
			for _, f := range frames {
				readKeys(t, reader, f.Data, keys)
			}
			mu.Unlock()
			if err := buffer.Ack(ctx, frames); err != nil && ctx.Err() == nil {
				t.Errorf("ack: %v", err)
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		_ = buffer.Close()
	})
	return func() map[string]bool {
		mu.Lock()
		defer mu.Unlock()
		all := make(map[string]bool, len(keys))
		for key := range keys {
			all[key] = true
		}
		return all
	}
}

// readKeys adds the keys of a frame's events.
func readKeys(t *testing.T, reader *event.Reader, frame []byte, keys map[string]bool) {
	t.Helper()
	if _, err := reader.Open(frame); err != nil {
		t.Errorf("frame: %v", err)
		return
	}
	for {
		var ev event.Event
		more, err := reader.Next(&ev)
		if err != nil {
			t.Errorf("frame: %v", err)
		}
		if err != nil || !more {
			return
		}
		keys[strings.Clone(ev.Key)] = true
	}
}
