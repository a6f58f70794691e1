// Package file reads messages, one a line, from a file or from the standard
// input. It is handed the decoder of whatever network the lines come from.
package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"

	"riffle/pkg/event"
	"riffle/pkg/pace"
)

// Source reads a file of lines; one whose name ends in .gz is unpacked. Its
// cursor is a byte offset, so that a file may grow between two runs.
type Source struct {
	config  Config
	decoder func() event.Decoder
	done    atomic.Int64 // bytes of the file as it lies on disk
	size    atomic.Int64
}

// New makes a source of c; decoder makes decoders of its lines.
func New(c Config, decoder func() event.Decoder) *Source {
	return &Source{config: c, decoder: decoder}
}

// Read reads from the position after cursor to the file's end, and with Loop
// begins anew there for ever.
//
// Errors: those of opening and reading; a file that is not the one in which the
// cursor stood. None of them passes by itself.
func (s *Source) Read(ctx context.Context, cursor string, emit func(event.Message) error) error {
	at, err := parsePosition(cursor)
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	speed := pace.New(s.config.Rate)
	for {
		if err := s.round(ctx, at, speed, emit); err != nil {
			return err
		}
		if !s.config.Loop {
			return nil
		}
		at = position{round: at.round + 1}
	}
}

// round reads the file once, from at.
func (s *Source) round(ctx context.Context, at position, speed *pace.Pace, emit func(event.Message) error) (err error) {
	f, err := os.Open(s.config.Path)
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in, head, err := s.seek(f, at)
	if err != nil {
		return fmt.Errorf("file: %s: %w", s.config.Path, err)
	}
	if len(head.bytes) == 0 && s.config.Loop {
		return fmt.Errorf("file: %s is empty, there is nothing to loop over", s.config.Path)
	}
	reader := feed{lines: newLines(in, at.offset), at: at, head: head, speed: speed}
	if err := reader.run(ctx, emit); err != nil {
		return fmt.Errorf("file: read %s: %w", s.config.Path, err)
	}
	return nil
}

// seek checks that f is the file in which at stood, and brings it there.
func (s *Source) seek(f *os.File, at position) (io.Reader, head, error) {
	stat, err := f.Stat()
	if err != nil {
		return nil, head{}, err
	}
	s.size.Store(stat.Size())
	s.done.Store(0)
	var in io.Reader = &progress{f, &s.done}
	packed := strings.HasSuffix(s.config.Path, ".gz")
	if packed {
		if in, err = gzip.NewReader(in); err != nil {
			return nil, head{}, fmt.Errorf("unpack: %w", err)
		}
	}
	head, err := readHead(in)
	if err != nil {
		return nil, head, err
	}
	switch {
	case int64(len(head.bytes)) < min(at.offset, headSize):
		err = errShorter
	case at.offset > 0 && head.sum(at.offset) != at.sum:
		err = errReplaced
	case at.offset <= int64(len(head.bytes)):
		in = io.MultiReader(bytes.NewReader(head.bytes[at.offset:]), in)
	case packed:
		err = discard(in, at.offset-int64(len(head.bytes)))
	case at.offset > stat.Size():
		err = errShorter
	default:
		s.done.Store(at.offset)
		_, err = f.Seek(at.offset, io.SeekStart)
	}
	return in, head, err
}

// discard passes over n bytes.
func discard(in io.Reader, n int64) error {
	_, err := io.CopyN(io.Discard, in, n)
	if errors.Is(err, io.EOF) {
		return errShorter
	}
	return err
}

// Why a cursor does not fit a file, and what to do.
var (
	errShorter  = errors.New("the file is shorter than what was read of it before: it was truncated or replaced; give it a new --name to read it from the beginning")
	errReplaced = errors.New("the file begins otherwise than the one that was read before under this name: it was replaced; give it a new --name to read it from the beginning")
)

// feed hands lines on as messages.
type feed struct {
	lines *lines
	at    position
	head  head
	speed *pace.Pace
}

func (f *feed) run(ctx context.Context, emit func(event.Message) error) error {
	var cursor []byte
	for {
		line, err := f.lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f.speed.Wait(ctx); err != nil {
			return err
		}
		f.at.offset = f.lines.offset
		f.at.sum = f.head.sum(f.at.offset)
		cursor = f.at.append(cursor[:0])
		if err := emit(event.Message{Data: line, Cursor: cursor, Round: f.at.round}); err != nil {
			return err
		}
	}
}

// progress counts the bytes that are read.
type progress struct {
	in   io.Reader
	done *atomic.Int64
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	p.done.Add(int64(n))
	return n, err
}

// Reconnect gives up: what is wrong with a file does not pass by itself.
func (s *Source) Reconnect(err error, _ bool) (time.Duration, error) { return 0, err }

// Replays is true: a file can be read again from any cursor.
func (s *Source) Replays() bool { return true }

// IsRecording says that this is no live stream.
func (s *Source) IsRecording() {}

// NewDecoder makes a decoder of the file's lines.
func (s *Source) NewDecoder() event.Decoder { return s.decoder() }

// Progress says how many bytes of the file have been read in this round, out of
// how many. It may be called at any time.
func (s *Source) Progress() (done, size int64) { return s.done.Load(), s.size.Load() }
