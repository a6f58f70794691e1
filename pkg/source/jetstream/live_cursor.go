package jetstream

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"riffle/pkg/jsonscan"
	"riffle/pkg/reconnect"
)

// firstTime is where microseconds begin: servers read a smaller cursor as a
// sequence number (bluesky-social/jetstream, docs/README.md, 5.1).
const firstTime = 1_000_000_000_000_000

// rewind is how much of a cursor in microseconds is read again: events of one
// moment may stand on both sides of it, and come in another order from another
// server.
const rewind = 5_000_000

var errForeignCursor = reconnect.Denied("this name belongs to another kind of source: give this one a --name of its own")

// position is a sequence number or a time in microseconds; 0 is none.
type position int64

func parsePosition(cursor string) (position, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("jetstream: cursor %q is neither microseconds nor a sequence number: %w", cursor, errForeignCursor)
	}
	return position(n), nil
}

func (p position) append(b []byte) []byte {
	if p == 0 {
		return b
	}
	return strconv.AppendInt(b, int64(p), 10)
}

// ask is the cursor to ask a server for; it begins with the event of a sequence
// number itself.
func (p position) ask() string {
	if p >= firstTime+rewind {
		p -= rewind
	}
	return string(p.append(nil))
}

var (
	timeField   = []byte(`","time_us":`)
	cursorField = []byte(`,"cursor":`)
	kindField   = []byte(`,"kind":`)
)

// headSize is where the fields that all servers write first end at the latest.
const headSize = 320

// scanPosition reads where a message stands: its sequence number, or else its
// time. Only fields of the outermost object count, since posts may hold
// anything.
func scanPosition(msg []byte) (position, bool) {
	if p, known := scanHead(msg[:min(len(msg), headSize)]); known {
		return p, true
	}
	var at, seq int64
	s := jsonscan.New(msg)
	if s.Peek() != '{' {
		return 0, false
	}
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "time_us":
			at, _ = s.Int()
		case "cursor":
			seq, _ = s.Int()
		default:
			s.Skip()
		}
	}
	if s.Bad() || s.Mismatch() || at <= 0 || seq < 0 {
		return 0, false
	}
	if seq > 0 {
		at = seq
	}
	return position(at), true
}

// timeOf reads when a message was told; zero where it does not say.
func timeOf(msg []byte) time.Time {
	var at int64
	s := jsonscan.New(msg)
	for more := s.Peek() == '{' && s.Object(); more; more = s.NextField() {
		if string(s.Key()) == "time_us" {
			at, _ = s.Int()
		} else {
			s.Skip()
		}
	}
	if s.Bad() || at <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(at)
}

// scanHead knows the order in which Bluesky's servers write:
// {"did":"…","time_us":N[,"cursor":N],"kind":…
func scanHead(head []byte) (position, bool) {
	rest, first := bytes.CutPrefix(head, []byte(`{"did":"`))
	end := bytes.IndexByte(rest, '"')
	if !first || end < 0 || !bytes.HasPrefix(rest[end:], timeField) {
		return 0, false
	}
	n, rest := number(rest[end+len(timeField):])
	if after, numbered := bytes.CutPrefix(rest, cursorField); numbered {
		n, rest = number(after)
	}
	return position(n), n > 0 && bytes.HasPrefix(rest, kindField)
}

// number reads digits; none, or too many, is 0.
func number(b []byte) (n int64, rest []byte) {
	i := 0
	for ; i < len(b) && i < 18 && b[i] >= '0' && b[i] <= '9'; i++ {
		n = n*10 + int64(b[i]-'0')
	}
	return n, b[i:]
}
