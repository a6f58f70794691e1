package mastodon

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"riffle/pkg/event"
)

// framesBuffer holds many events of usual size.
const framesBuffer = 64 << 10

// frames reads the events of a server-sent stream. Comments, which are greetings
// and heartbeats, may stand between any two lines.
type frames struct {
	r     *bufio.Reader
	block []byte // lines of the event that is being read, each with its end
	long  []byte // a line that did not fit the buffer
	done  bool   // block was handed over
}

func newFrames(r io.Reader) *frames { return &frames{r: bufio.NewReaderSize(r, framesBuffer)} }

// next returns the lines of one event, or one line by itself that belongs to
// none. Of an event that is too long it keeps as much as tells so. What it
// returns stays as it is until the next call.
//
// Errors: the stream's; the half of an event before its end is dropped.
func (f *frames) next() ([]byte, error) {
	if f.done {
		f.block, f.done = f.block[:0], false
	}
	if block := f.usual(); block != nil {
		return block, nil
	}
	for {
		line, err := f.line()
		if err != nil {
			return nil, err
		}
		switch {
		case len(line) == 0 && len(f.block) > 0:
			f.done = true
			return f.block[:len(f.block)-1], nil
		case len(line) == 0 || line[0] == ':':
		case !isField(line):
			return line, nil
		default:
			f.add(line)
		}
	}
}

// usual returns an event that tells a status, where all of it stands in the
// buffer, without a copy; nil: something else comes. Nearly all that a server
// sends are such.
func (f *frames) usual() []byte {
	if len(f.block) > 0 {
		return nil
	}
	buf, _ := f.r.Peek(f.r.Buffered())
	if !bytes.HasPrefix(buf, updateEvent) {
		return nil
	}
	end := len(updateEvent) + bytes.IndexByte(buf[len(updateEvent):], '\n')
	if end < len(updateEvent) || end+1 >= len(buf) || buf[end+1] != '\n' || buf[end-1] == '\r' {
		return nil
	}
	_, _ = f.r.Discard(end + 2)
	return buf[:end]
}

// half reports whether an event, or a line, has begun to come.
func (f *frames) half() bool { return f.r.Buffered() > 0 || len(f.long) > 0 || len(f.block) > 0 }

// add adds a line as far as there is room: one byte more than a message may have.
func (f *frames) add(line []byte) {
	room := max(0, event.MaxMessage+1-len(f.block))
	f.block = append(append(f.block, line[:min(room, len(line))]...), '\n')
}

// isField reports whether a line belongs to an event.
func isField(line []byte) bool {
	name, _, _ := bytes.Cut(line, []byte{':'})
	switch string(name) {
	case "event", "data", "id", "retry":
		return true
	}
	return false
}

// line reads one line without its end.
func (f *frames) line() ([]byte, error) {
	f.long = f.long[:0]
	line, err := f.r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return bytes.TrimRight(line, "\r\n"), err
	}
	f.long = append(f.long, line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = f.r.ReadSlice('\n')
		if len(f.long) <= event.MaxMessage {
			f.long = append(f.long, line...)
		}
	}
	return bytes.TrimRight(f.long, "\r\n"), err
}
