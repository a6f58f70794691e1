package twitter

import (
	"bytes"

	"riffle/pkg/event"
)

// readSize is how much room there is at least for each read.
const readSize = 64 << 10

// lines cuts a stream into messages, each of which \r\n ends; a \n alone may
// stand within one. It keeps a message only as far as it is not too long, so
// that its memory is bounded.
type lines struct {
	buf  []byte
	from int // of the oldest message that was not handed out
	to   int
	seen int // up to here there is no end of it
}

// room is where the next bytes of the stream go; grow takes them. What next gave
// is overwritten.
func (l *lines) room() []byte {
	if l.from > 0 {
		copy(l.buf, l.buf[l.from:l.to])
		l.from, l.to, l.seen = 0, l.to-l.from, l.seen-l.from
	}
	if len(l.buf)-l.to < readSize {
		l.buf = append(l.buf[:l.to], make([]byte, max(readSize, l.to))...)
	}
	return l.buf[l.to:]
}

func (l *lines) grow(n int) { l.to += n }

// next gives the next message without its end; of one that is longer than
// event.MaxMessage as much as tells so.
func (l *lines) next() (msg []byte, whole bool) {
	for {
		i := bytes.IndexByte(l.buf[l.seen:l.to], '\r')
		if i < 0 {
			l.seen = l.to
			break
		}
		l.seen += i
		if l.seen+1 == l.to {
			break
		}
		if l.buf[l.seen+1] == '\n' {
			msg = l.buf[l.from:l.seen]
			l.from = l.seen + 2
			l.seen = l.from
			return msg, true
		}
		l.seen++
	}
	l.shorten()
	return nil, false
}

// shorten forgets the middle of a message that is too long. Its last byte may be
// the first half of its end.
func (l *lines) shorten() {
	const enough = event.MaxMessage + 1
	if l.to-l.from <= enough+1 {
		return
	}
	l.buf[l.from+enough] = l.buf[l.to-1]
	l.to = l.from + enough + 1
	l.seen = l.to - 1
}

// rest is what came after the last end of a message; at most a blank at the end
// of a stream that was cut between two messages.
func (l *lines) rest() []byte { return l.buf[l.from:l.to] }
