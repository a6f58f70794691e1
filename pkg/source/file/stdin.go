package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/pace"
)

// Stdin reads lines from a stream that cannot go back. Its cursor counts bytes,
// for people; it cannot be resumed from.
type Stdin struct {
	lines   *lines
	blocks  *blocks
	decoder func() event.Decoder
}

// NewStdin makes a source of in; decoder makes decoders of its lines.
func NewStdin(in io.Reader, decoder func() event.Decoder) *Stdin {
	b := newBlocks(in)
	return &Stdin{lines: newLines(b, 0), blocks: b, decoder: decoder}
}

// Read reads until the stream ends, whatever cursor says. It can be called once.
//
// Errors: those of reading.
func (s *Stdin) Read(ctx context.Context, _ string, emit func(event.Message) error) error {
	defer s.blocks.stop()
	defer context.AfterFunc(ctx, s.blocks.stop)()
	f := feed{lines: s.lines, speed: pace.New(0)}
	if err := f.run(ctx, emit); err != nil {
		return fmt.Errorf("file: read standard input: %w", err)
	}
	return nil
}

// Reconnect gives up: a broken pipe stays broken.
func (s *Stdin) Reconnect(err error, _ bool) (time.Duration, error) { return 0, err }

// Replays is false: what was read is gone.
func (s *Stdin) Replays() bool { return false }

// IsRecording says that this is no live stream.
func (s *Stdin) IsRecording() {}

// NewDecoder makes a decoder of the lines.
func (s *Stdin) NewDecoder() event.Decoder { return s.decoder() }

// blocks reads a stream in a goroutine of its own, since a read of the standard
// input cannot be interrupted.
type blocks struct {
	in      io.Reader
	filled  chan block
	free    chan []byte
	now     block // what Read hands out
	rest    []byte
	start   sync.Once
	stopped chan struct{}
	stop    func()
}

// block is the result of one read.
type block struct {
	bytes []byte
	err   error
}

var errStopped = errors.New("reading was stopped")

func newBlocks(in io.Reader) *blocks {
	b := &blocks{in: in, filled: make(chan block), free: make(chan []byte, 2), stopped: make(chan struct{})}
	b.stop = sync.OnceFunc(func() { close(b.stopped) })
	return b
}

func (b *blocks) Read(p []byte) (int, error) {
	b.start.Do(b.begin)
	if len(b.rest) == 0 && b.now.err == nil {
		if b.now.bytes != nil {
			b.free <- b.now.bytes[:blockSize]
		}
		select {
		case b.now = <-b.filled:
			b.rest = b.now.bytes
		case <-b.stopped:
			return 0, errStopped
		}
	}
	if len(b.rest) == 0 {
		return 0, b.now.err
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *blocks) begin() {
	for range cap(b.free) {
		b.free <- make([]byte, blockSize)
	}
	go b.pump()
}

// pump reads until the stream fails or ends, or until it is stopped and the read
// under way returns.
func (b *blocks) pump() {
	for {
		var into []byte
		select {
		case into = <-b.free:
		case <-b.stopped:
			return
		}
		n, err := b.in.Read(into)
		select {
		case b.filled <- block{into[:n], err}:
		case <-b.stopped:
			return
		}
		if err != nil {
			return
		}
	}
}
