package feed

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"riffle/pkg/event"
)

const (
	// readSize holds many messages of usual size.
	readSize = 64 << 10
	// maxID is longer than the ids of all known servers; a longer one would fill
	// the buffer's keys, and is none.
	maxID = 1 << 10
)

// events reads the messages of a server-sent stream, as the HTML standard says;
// names of events and wishes about reconnecting are passed over.
type events struct {
	r    *bufio.Reader
	data []byte // of the message that is being read, each line with its end
	long []byte // a line that did not fit the buffer
	line int    // lines that came
	done bool   // data was handed over
	id   string // of the newest message
	next string // of the one that is being read
}

func newEvents(r io.Reader) *events { return &events{r: bufio.NewReaderSize(r, readSize)} }

// message reads the data of one message; of one that is too long as much as tells
// so. It stays as it is until the next call.
//
// Errors: the stream's; half a message before its end is dropped.
func (e *events) message() ([]byte, error) {
	if e.done {
		e.data, e.done = e.data[:0], false
	}
	for {
		line, err := e.readLine()
		if err != nil {
			return nil, err
		}
		if len(line) > 0 {
			e.take(line)
			continue
		}
		e.id = e.next
		if len(e.data) > 0 {
			e.done = true
			return e.data[:len(e.data)-1], nil
		}
	}
}

// half reports whether a message has begun to come.
func (e *events) half() bool { return e.r.Buffered() > 0 || len(e.long) > 0 || len(e.data) > 0 }

// take takes a line that is not blank.
func (e *events) take(line []byte) {
	name, value, _ := bytes.Cut(line, []byte{':'})
	value = bytes.TrimPrefix(value, []byte{' '})
	switch string(name) {
	case "data":
		room := max(0, event.MaxMessage+1-len(e.data))
		e.data = append(append(e.data, value[:min(room, len(value))]...), '\n')
	case "id":
		if len(value) <= maxID && bytes.IndexByte(value, 0) < 0 {
			e.next = string(value)
		}
	}
}

// readLine reads one line without its end.
func (e *events) readLine() ([]byte, error) {
	e.long = e.long[:0]
	line, err := e.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		e.long = append(e.long, line...)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = e.r.ReadSlice('\n')
			if len(e.long) <= event.MaxMessage {
				e.long = append(e.long, line...)
			}
		}
		line = e.long
	}
	if e.line++; e.line == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return bytes.TrimRight(line, "\r\n"), err
}
