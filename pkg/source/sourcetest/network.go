package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"riffle/pkg/event"
)

// Server is a network's local server: it speaks the real wire and misbehaves on
// command. All but Post, Edit, Delete, Key and Sent it has from its Host.
type Server interface {
	// Post adds a post to the stream.
	Post()
	// Edit changes post i, counted from 0, and reports whether the network knows
	// edits.
	Edit(i int) bool
	// Delete deletes post i.
	Delete(i int)
	// Key is the event key of post i.
	Key(i int) string
	// Sent lists the keys of the posts that went whole to a stream, in order.
	Sent() []string

	Misbehave(faults ...Fault)
	Streams() int
	Down()
	Up()
	Pipe(tb testing.TB) *http.Client
	ListenTLS(tb testing.TB) (string, *http.Client)
}

// Network is a network's source under the suite.
type Network struct {
	// NewServer makes a server without posts. It gzips its streams where gzip is
	// set and the client allows it.
	NewServer func(gzip bool) Server
	// Open makes a source of the server at this address.
	Open func(a Address) Source
	// Recovers says that what was posted while there was no connection comes
	// later; else only what was sent comes.
	Recovers bool
	// Gzip says that the source allows its server to gzip.
	Gzip bool
	// Stall is after how long a silent connection is given up.
	Stall time.Duration
	// Schedules are the network's own contract, by name.
	Schedules map[string]Schedule
	// Stops are the answers after which asking again is of no use, each with a
	// word that the error must say.
	Stops map[int]string
	// Secrets must stand in no error.
	Secrets []string
}

// Address is where a server is and how it is reached.
type Address struct {
	Host   string // with port
	TLS    bool
	Client *http.Client
}

// hostName is the server's in memory.
const hostName = "stream.test"

// openPipe opens a source of a server in memory.
func (n Network) openPipe(t *testing.T, server Server) Source {
	t.Helper()
	return n.Open(Address{Host: hostName, Client: server.Pipe(t)})
}

// pace is the time between two posts: slow enough for a connection to prove
// good before many have come.
const pace = time.Second

// RunNetwork runs the suite for sources of a network. Schedules run in virtual
// time over connections in memory. No other test may run beside it: the leak
// check would see its goroutines.
func RunNetwork(t *testing.T, n Network) {
	t.Helper()
	t.Run("events in order", n.virtual(func(t *testing.T) { n.run(t, 50) }))
	for name, misdeed := range misdeeds {
		t.Run("after "+name, n.virtual(func(t *testing.T) { n.testMisdeed(t, misdeed) }))
	}
	t.Run("gzip", n.virtual(n.testGzip))
	t.Run("restart of the server", n.virtual(n.testServerRestart))
	t.Run("restart of the source", n.virtual(n.testSourceRestart))
	t.Run("deletion and edit", n.virtual(n.testChanges))
	for name, s := range n.Schedules {
		t.Run("schedule: "+name, n.virtual(func(t *testing.T) { n.testSchedule(t, s) }))
	}
	t.Run("stall", n.virtual(n.testStall))
	t.Run("slow consumer", n.virtual(n.testSlowConsumer))
	for status, word := range n.Stops {
		t.Run(fmt.Sprint("stops after ", status), n.virtual(func(t *testing.T) { n.testRefusal(t, status, word) }))
	}
	t.Run("stops when asked", n.virtual(n.testStop))
	t.Run("TLS", n.testTLS)
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("an hour of misdeeds ", seed), n.virtual(func(t *testing.T) { n.testHour(t, rand.New(rand.NewPCG(seed, 6))) }))
	}
	t.Run("leaks nothing over 1,000 connections", n.virtual(n.testLeaks))
}

// virtual runs a test in virtual time.
func (Network) virtual(test func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) { synctest.Test(t, test) }
}

// follower reads a source as ingest does: again and again, as it says, each time
// from the newest message.
type follower struct {
	source  Source
	decoder event.Decoder
	cursor  string
	seen    []string // events, each once: key, and what became of it
	err     error    // with which the source gave up

	mu    sync.Mutex
	waits []time.Duration
	// waited is told of each wait; nil does not mind.
	waited func()
}

func newFollower(s Source) *follower { return &follower{source: s, decoder: s.NewDecoder()} }

// follow reads until ctx ends or the source gives up.
func (f *follower) follow(ctx context.Context) {
	for ctx.Err() == nil {
		gotData := false
		err := f.source.Read(ctx, f.cursor, func(m event.Message) error {
			if len(m.Data) > 0 || m.Cursor != nil {
				gotData = true
				f.take(m)
			}
			return ctx.Err()
		})
		if ctx.Err() != nil {
			return
		}
		wait, giveUp := f.source.Reconnect(err, gotData)
		if giveUp != nil {
			f.err = giveUp
			return
		}
		f.mu.Lock()
		f.waits = append(f.waits, wait)
		f.mu.Unlock()
		if f.waited != nil {
			f.waited()
		}
		sleep(ctx, wait)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// take notes an event unless this version of it came before.
func (f *follower) take(m event.Message) {
	f.cursor = string(m.Cursor)
	var ev event.Event
	if f.decoder.Decode(&ev, m.Data) != nil {
		return
	}
	was := strings.Clone(ev.Key)
	switch {
	case ev.Deleted:
		was += " deleted"
	case ev.Revised && ev.Version != event.VersionOnly && strings.Contains(ev.Text, "edited"):
		was += " edited"
	}
	if !slices.Contains(f.seen, was) {
		f.seen = append(f.seen, was)
	}
}

// start begins to follow and returns how to stop, which waits.
func (f *follower) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.follow(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// calm is long enough for whatever a source waits for.
const calm = time.Hour

// post posts at the suite's pace, from when the first stream was asked for.
func post(server Server, posts int) {
	synctest.Wait()
	for range posts {
		server.Post()
		time.Sleep(pace)
	}
}

// run follows a server that misbehaves while it posts, and checks that what the
// wire allows to be kept has come.
func (n Network) run(t *testing.T, posts int, faults ...Fault) (waits []time.Duration) {
	t.Helper()
	server := n.NewServer(false)
	server.Misbehave(faults...)
	return n.follow(t, server, func() { post(server, posts) }).waits
}

// follow follows a server while doing, and checks what has come. The waits are
// those meanwhile: afterwards a network may be too quiet for its source.
func (n Network) follow(t *testing.T, server Server, doing func()) *follower {
	t.Helper()
	f := newFollower(n.openPipe(t, server))
	stop := f.start(t.Context())
	doing()
	synctest.Wait()
	f.mu.Lock()
	waits := slices.Clone(f.waits)
	f.mu.Unlock()
	time.Sleep(calm)
	stop()
	f.waits = waits
	if f.err != nil {
		t.Errorf("gave up: %v", f.err)
	}
	if diff := cmp.Diff(n.kept(server), posted(f.seen)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	return f
}

// posted leaves out deletions and edits, and the order in which missed posts
// come among new ones.
func posted(seen []string) []string {
	var keys []string
	for _, was := range seen {
		if !strings.Contains(was, " ") {
			keys = append(keys, was)
		}
	}
	return keys
}

// kept is what must come, in order.
func (n Network) kept(server Server) []string {
	if !n.Recovers {
		return unique(server.Sent())
	}
	return n.keys(server)
}

func (Network) keys(server Server) []string {
	var keys []string
	for i := 0; server.Key(i) != ""; i++ {
		keys = append(keys, server.Key(i))
	}
	return keys
}

func unique(keys []string) (once []string) {
	for _, key := range keys {
		if !slices.Contains(once, key) {
			once = append(once, key)
		}
	}
	return once
}

// testMisdeed: whatever a connection does, the events arrive, in order; where
// the stream goes on, so does the connection.
func (n Network) testMisdeed(t *testing.T, misdeed Misdeed) {
	var faults []Fault
	for _, after := range []int{0, 1, 7, 20} {
		faults = append(faults, Fault{After: after, Misdeed: misdeed})
	}
	waits := n.run(t, 500, faults...)
	if misdeed >= Junk && len(waits) > 0 {
		t.Errorf("connected again after %v, want the stream to go on", waits)
	}
}

func (n Network) testGzip(t *testing.T) {
	server := n.NewServer(true)
	n.follow(t, server, func() { post(server, 20) })
	gzips, ok := server.(interface{ Gzipped() int })
	if n.Gzip && (!ok || gzips.Gzipped() == 0) {
		t.Error("the source asked for no gzip")
	}
}

// testServerRestart: a server that is away for a while is found again.
func (n Network) testServerRestart(t *testing.T) {
	server := n.NewServer(false)
	n.follow(t, server, func() {
		post(server, 15)
		server.Down()
		post(server, 600)
		server.Up()
		time.Sleep(calm)
		post(server, 15)
	})
}

// testSourceRestart: a cursor stands after the data that it came with, so that a
// new source goes on from there.
func (n Network) testSourceRestart(t *testing.T) {
	if !n.Recovers {
		t.Skip("what was posted while nobody listened does not come")
	}
	for _, last := range []int{0, 1, 7} {
		server := n.NewServer(false)
		client := server.Pipe(t)
		f := newFollower(n.Open(Address{Host: hostName, Client: client}))
		stop := f.start(t.Context())
		post(server, last+1)
		stop()
		server.Post()
		second := newFollower(n.Open(Address{Host: hostName, Client: client}))
		second.cursor = f.cursor
		stop = second.start(t.Context())
		post(server, 10)
		time.Sleep(calm)
		stop()
		got := unique(append(f.seen, second.seen...))
		if diff := cmp.Diff(n.keys(server), got); diff != "" {
			t.Errorf("restarted after %d events (-want +got):\n%s", last+1, diff)
		}
	}
}

func (n Network) testChanges(t *testing.T) {
	server := n.NewServer(false)
	edits := false
	f := n.follow(t, server, func() {
		post(server, 3)
		server.Delete(0)
		edits = server.Edit(1)
		post(server, 3)
	})
	want := []string{server.Key(0) + " deleted"}
	if edits {
		want = append(want, server.Key(1)+" edited")
	}
	for _, each := range want {
		if !slices.Contains(f.seen, each) {
			t.Errorf("got %q, want %q among them", f.seen, each)
		}
	}
}

// testHour: an hour with a server that does whatever comes to its mind. What was
// missed may come among what is new.
func (n Network) testHour(t *testing.T, random *rand.Rand) {
	server := n.NewServer(random.IntN(2) == 0)
	server.Misbehave(append([]Fault{{After: 10, Misdeed: Drop}}, Moods(random, 300)...)...)
	f := newFollower(n.openPipe(t, server))
	stop := f.start(t.Context())
	synctest.Wait()
	for begun := time.Now(); time.Since(begun) < time.Hour; time.Sleep(upTo(random, 4*time.Second)) {
		server.Post()
		if random.IntN(200) == 0 {
			server.Down()
			time.Sleep(upTo(random, 10*time.Minute))
			server.Up()
		}
	}
	time.Sleep(24 * calm) // the faults that are left wear off
	stop()
	if f.err != nil {
		t.Errorf("gave up: %v", f.err)
	}
	want, got := slices.Sorted(slices.Values(n.kept(server))), slices.Sorted(slices.Values(posted(f.seen)))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func upTo(random *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(most)))
}

func (n Network) testSchedule(t *testing.T, s Schedule) {
	server := n.NewServer(false)
	server.Misbehave(s.Faults...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := newFollower(n.openPipe(t, server))
	f.waited = func() {
		if len(f.waits) == len(s.Waits) {
			cancel()
		}
	}
	stop := f.start(ctx)
	for ctx.Err() == nil && f.err == nil && server.Streams() <= len(s.Faults) {
		post(server, 1)
	}
	stop()
	if f.err != nil || len(f.waits) != len(s.Waits) {
		t.Fatalf("gave up with %v after waits %v, want %d waits", f.err, f.waits, len(s.Waits))
	}
	for i, want := range s.Waits {
		if got := f.waits[i]; got < want.Least || got > want.Most {
			t.Errorf("wait %d is %v, want %v to %v; all: %v", i, got, want.Least, want.Most, f.waits)
		}
	}
}

func (n Network) testStall(t *testing.T) {
	server := n.NewServer(false)
	server.Misbehave(Fault{After: 2, Misdeed: Stall})
	s := n.openPipe(t, server)
	go post(server, 3)
	var last time.Time
	err := s.Read(t.Context(), "", func(event.Message) error {
		last = time.Now()
		return nil
	})
	if got := time.Since(last); err == nil || got < n.Stall || got > n.Stall+pace {
		t.Errorf("got %v, %v after the last message, want to be given up after %v", err, got, n.Stall)
	}
}

// testSlowConsumer: a buffer that is away for hours holds the receiver, and that
// is no stall.
func (n Network) testSlowConsumer(t *testing.T) {
	server := n.NewServer(false)
	s := n.openPipe(t, server)
	go post(server, 5)
	decoder, count := s.NewDecoder(), 0
	err := s.Read(t.Context(), "", func(m event.Message) error {
		time.Sleep(calm)
		var ev event.Event
		if decoder.Decode(&ev, m.Data) == nil {
			count++
		}
		if count == 5 {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Errorf("got %v after %d events, want %v after 5", err, count, errEnough)
	}
}

// testRefusal: who is refused for good stops and says so.
func (n Network) testRefusal(t *testing.T, status int, word string) {
	server := n.NewServer(false)
	server.Misbehave(slices.Repeat([]Fault{{Status: status}}, 100)...)
	f := newFollower(n.openPipe(t, server))
	f.follow(t.Context())
	if f.err == nil || server.Streams() != 1 || len(f.waits) != 0 {
		t.Fatalf("gave up with %v after %d tries, want after 1", f.err, server.Streams())
	}
	for _, want := range []string{fmt.Sprint(status), word, hostName, "service not ready"} {
		if !strings.Contains(f.err.Error(), want) {
			t.Errorf("error %q does not tell %q", f.err, want)
		}
	}
	n.checkSecrets(t, f.err)
}

func (n Network) checkSecrets(t *testing.T, err error) {
	t.Helper()
	for _, secret := range n.Secrets {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("error %q tells a secret", err)
		}
	}
}

// testStop: a source stops within a second, whatever it is doing.
func (n Network) testStop(t *testing.T) {
	for name, fault := range map[string]Fault{
		"while it waits for an answer": {Misdeed: Mute},
		"while the stream is quiet":    {},
		"while the stream stalls":      {After: 1, Misdeed: Stall},
	} {
		server := n.NewServer(false)
		server.Misbehave(fault)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		s := n.openPipe(t, server)
		go func() { done <- s.Read(ctx, "", func(event.Message) error { return nil }) }()
		post(server, 2)
		cancel()
		begun := time.Now()
		if err := <-done; err == nil || time.Since(begun) > stopTime {
			t.Errorf("%s: got %v after %v, want an error within %v", name, err, time.Since(begun), stopTime)
		}
	}
}

// testTLS: a certificate that nobody trusts is refused, without giving up: it may
// be renewed. One that is trusted is not.
func (n Network) testTLS(t *testing.T) {
	server := n.NewServer(false)
	host, trusting := server.ListenTLS(t)
	s := n.Open(Address{Host: host, TLS: true, Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	err := s.Read(t.Context(), "", func(event.Message) error { return nil })
	if err == nil || !strings.Contains(err.Error(), host) || !strings.Contains(err.Error(), "certificate") {
		t.Fatalf("got %v, want an error that names the host and the certificate", err)
	}
	n.checkSecrets(t, err)
	if wait, giveUp := s.Reconnect(err, false); giveUp != nil || wait <= 0 {
		t.Errorf("wait %v, %v, want to wait: it may pass", wait, giveUp)
	}
	if server.Streams() != 0 {
		t.Error("a server that is not trusted was asked for a stream")
	}
	trusted := n.Open(Address{Host: host, TLS: true, Client: trusting})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil { // a source may begin now, whenever that is
			server.Post()
			sleep(ctx, 10*time.Millisecond)
		}
	}()
	err = trusted.Read(ctx, "", func(event.Message) error { return errEnough })
	if !errors.Is(err, errEnough) {
		t.Errorf("got %v, want %v", err, errEnough)
	}
	trusting.CloseIdleConnections()
}

// testLeaks connects again and again, and each time some messages come before the
// connection is cut.
func (n Network) testLeaks(t *testing.T) {
	const connections, warm, messages = 1000, 200, 3
	held := n.sizeOf((connections - warm) * messages)
	server := n.NewServer(false)
	client := server.Pipe(t)
	s := n.Open(Address{Host: hostName, Client: client})
	before := goleak.IgnoreCurrent()
	var first int64
	var cursor string
	for i := range connections {
		if i == warm {
			first = heap()
		}
		server.Misbehave(Fault{After: messages, Misdeed: Drop})
		got := 0
		if got, cursor = n.readCut(t, s, server, cursor, messages); got < messages {
			t.Fatalf("connection %d: got %d messages, want %d", i, got, messages)
		}
		_, _ = s.Reconnect(errEnough, true)
	}
	client.CloseIdleConnections()
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	if grown := heap() - first - held; grown > 1<<20 {
		t.Errorf("%d connections took %d bytes of memory that are still held", connections-warm, grown)
	}
}

// sizeOf is how much memory a server takes for so many posts.
func (n Network) sizeOf(posts int) int64 {
	before := heap()
	server := n.NewServer(false)
	for range posts {
		server.Post()
	}
	grown := heap() - before
	runtime.KeepAlive(server)
	return grown
}

// readCut posts to a stream until it is cut, counts the messages, and tells where
// the next goes on.
func (Network) readCut(t *testing.T, s Source, server Server, cursor string, posts int) (count int, next string) {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		ended <- s.Read(t.Context(), cursor, func(m event.Message) error {
			if len(m.Data) > 0 {
				count++
				next = string(m.Cursor)
			}
			return nil
		})
	}()
	post(server, posts)
	if err := <-ended; err == nil {
		t.Fatal("a stream that was cut says that it has ended")
	}
	return count, next
}

// heap is the memory in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
