package file

import (
	"bytes"
	"errors"
	"io"

	"riffle/pkg/event"
)

const (
	// blockSize is what one read asks for. It stays in a processor's cache until
	// its lines have been copied; larger ones were slower.
	blockSize = 256 << 10
	// longest is a line that is kept, with its end: one byte more than a message
	// may have tells that it is too long.
	longest = event.MaxMessage + 2
)

// lines cuts a stream into lines, in memory that does not grow with them.
type lines struct {
	in         io.Reader
	buf        []byte
	start, end int   // what is read and not yet cut
	offset     int64 // of start, in the stream
	done       bool  // the stream has ended
}

func newLines(in io.Reader, offset int64) *lines {
	return &lines{in: in, buf: make([]byte, blockSize), offset: offset}
}

// next returns the next line without its end, valid until the next call; of one
// longer than event.MaxMessage that many bytes and one more. A last line without
// an end counts.
//
// Errors: io.EOF after the last line; what reading gave.
func (l *lines) next() ([]byte, error) {
	searched := 0
	for {
		if i := bytes.IndexByte(l.buf[l.start+searched:l.end], '\n'); i >= 0 {
			return l.cut(searched+i, 1), nil
		}
		searched = l.end - l.start
		if searched >= longest {
			return l.skip()
		}
		if l.done {
			if searched == 0 {
				return nil, io.EOF
			}
			return l.cut(searched, 0), nil
		}
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

// cut takes a line of n bytes and its end.
func (l *lines) cut(n, end int) []byte {
	line := l.buf[l.start : l.start+n]
	l.start += n + end
	l.offset += int64(n + end)
	if n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line[:min(len(line), event.MaxMessage+1)]
}

// skip passes over the rest of a line that is too long.
func (l *lines) skip() ([]byte, error) {
	for {
		i := bytes.IndexByte(l.buf[l.start:l.end], '\n')
		if i >= 0 {
			l.start += i + 1
			l.offset += int64(i + 1)
			break
		}
		l.offset += int64(l.end - l.start)
		l.start = l.end
		if l.done {
			break
		}
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
	return l.buf[:event.MaxMessage+1], nil // whatever stands there: its length is what counts
}

// fill reads more, and makes room for it first.
func (l *lines) fill() error {
	if l.start > 0 {
		copy(l.buf, l.buf[l.start:l.end])
		l.start, l.end = 0, l.end-l.start
	}
	if l.end == len(l.buf) {
		larger := make([]byte, min(2*len(l.buf), longest+blockSize))
		copy(larger, l.buf)
		l.buf = larger
	}
	n, err := l.in.Read(l.buf[l.end:min(len(l.buf), l.end+blockSize)])
	l.end += n
	if errors.Is(err, io.EOF) {
		l.done = true
		return nil
	}
	return err
}
