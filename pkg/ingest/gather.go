package ingest

import (
	"context"
	"sync"
	"time"

	"riffle/pkg/event"
)

// A chunk becomes one frame. Larger ones compress better and cost fewer round
// trips; these are where both have flattened out and a chunk still fits a
// processor's cache.
const (
	chunkMessages = 512
	chunkBytes    = 1 << 20
	// linger is how long a message waits for company.
	linger = 10 * time.Millisecond
)

// chunk is a run of messages on its way to a frame, then that frame.
type chunk struct {
	data     []byte // the messages, one after another
	cursors  []byte // likewise their cursors
	messages []message
	arrived  time.Time // of the first message

	frame event.Frame // no events when none was accepted
	tally tally
	err   error
	done  chan struct{} // holds one value once frame, tally and err are set
}

// message is where one message ends in its chunk.
type message struct {
	end, cursorEnd int
	round          int
	oversize       bool // its bytes are not kept
}

func newChunk() *chunk { return &chunk{tally: newTally(), done: make(chan struct{}, 1)} }

func (c *chunk) reset() {
	c.data, c.cursors, c.messages = c.data[:0], c.cursors[:0], c.messages[:0]
	c.frame, c.err = event.Frame{}, nil
	c.tally.reset()
}

func (c *chunk) add(m event.Message) {
	oversize := len(m.Data) > event.MaxMessage
	if !oversize {
		c.data = append(c.data, m.Data...)
	}
	c.cursors = append(c.cursors, m.Cursor...)
	c.messages = append(c.messages, message{len(c.data), len(c.cursors), m.Round, oversize})
}

// fits reports whether m may join without making the chunk larger than a chunk
// or a single message may be.
func (c *chunk) fits(m event.Message) bool {
	return len(c.messages) == 0 || len(c.data)+len(m.Data) <= chunkBytes
}

func (c *chunk) full() bool { return len(c.messages) == chunkMessages || len(c.data) >= chunkBytes }

// bytes is message i, cursor the position after it.
func (c *chunk) bytes(i int) []byte {
	start := 0
	if i > 0 {
		start = c.messages[i-1].end
	}
	return c.data[start:c.messages[i].end]
}

func (c *chunk) cursor(i int) []byte {
	start := 0
	if i > 0 {
		start = c.messages[i-1].cursorEnd
	}
	return c.cursors[start:c.messages[i].cursorEnd]
}

// last is the position after the chunk.
func (c *chunk) last() string { return string(c.cursor(len(c.messages) - 1)) }

// gatherer makes chunks of messages. A chunk goes to a worker and, so that
// frames keep the order of the source, to the pusher, which waits for the worker.
type gatherer struct {
	free  chan *chunk // as many as there may be under way: this is the backpressure
	work  chan *chunk
	order chan *chunk

	mu    sync.Mutex // linger's timer against add
	open  *chunk     // nil when no message waits
	timer *time.Timer
	end   []byte // the position after all that was gathered
}

// newGatherer makes one with n chunks, which are all the memory it uses.
func newGatherer(n int) *gatherer {
	g := &gatherer{free: make(chan *chunk, n), work: make(chan *chunk, n), order: make(chan *chunk, n)}
	for range n {
		g.free <- newChunk()
	}
	g.timer = time.AfterFunc(linger, g.flush)
	g.timer.Stop()
	return g
}

// add takes a copy of m, and waits while all chunks are under way.
func (g *gatherer) add(ctx context.Context, m event.Message) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open != nil && !g.open.fits(m) {
		g.send()
	}
	if g.open == nil {
		if err := g.begin(ctx); err != nil {
			return err
		}
	}
	g.open.add(m)
	g.end = append(g.end[:0], m.Cursor...)
	if g.open.full() {
		g.send()
	}
	return nil
}

// begin waits for a free chunk. The linger timer may wait for the lock meanwhile:
// it has nothing to do while no chunk is open.
func (g *gatherer) begin(ctx context.Context) error {
	select {
	case g.open = <-g.free:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	g.open.reset()
	g.open.arrived = time.Now()
	g.timer.Reset(linger)
	return nil
}

// send hands the open chunk on. It never blocks: the channels have room for all
// chunks that exist.
func (g *gatherer) send() {
	g.timer.Stop()
	g.order <- g.open
	g.work <- g.open
	g.open = nil
}

func (g *gatherer) flush() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open != nil {
		g.send()
	}
}

// position is the cursor after all that was gathered; empty before the first.
func (g *gatherer) position() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return string(g.end)
}

// close sends what waits and ends the chunks. add must not be called any more.
func (g *gatherer) close() {
	g.flush()
	close(g.work)
	close(g.order)
}
