package mastodon

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
	"riffle/pkg/reconnect"
)

// position is the newest status up to which all was had, and when that was.
// As a cursor: ID@MILLISECONDS.
type position struct {
	id []byte // empty: nobody knows
	at event.Time
}

var errForeignCursor = reconnect.Denied("this name belongs to another kind of source: give this one a --name of its own")

func parsePosition(cursor string) (position, error) {
	if cursor == "" {
		return position{}, nil
	}
	id, ms, ok := strings.Cut(cursor, "@")
	at, err := strconv.ParseInt(ms, 10, 64)
	if !ok || err != nil || at < 0 || id != "" && !isID(id) {
		return position{}, fmt.Errorf("mastodon: cursor %q is no status and time: %w", cursor, errForeignCursor)
	}
	return position{[]byte(id), event.Time(at)}, nil
}

func (p position) empty() bool { return len(p.id) == 0 && p.at == 0 }

func (p position) clone() position { return position{slices.Clone(p.id), p.at} }

func (p position) append(b []byte) []byte {
	if p.empty() {
		return b
	}
	return strconv.AppendInt(append(append(b, p.id...), '@'), int64(p.at), 10)
}

// later reports whether status a is newer than status b. Ids of one server grow
// in length, then in value; that of letters are of one length.
func later(a, b []byte) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return bytes.Compare(a, b) > 0
}

// rewind is how much of what was had is fetched again: a status of another
// server takes the id of the time at which it was written, and comes later.
const rewind = time.Minute

// snowflakeBits is how many bits of an id stand below its milliseconds.
const snowflakeBits = 16

// rewound is the status after which to fetch.
func (p position) rewound() string {
	id := string(p.id)
	n, err := strconv.ParseInt(id, 10, 64)
	if err == nil && n>>snowflakeBits > rewind.Milliseconds() {
		return strconv.FormatInt(n-rewind.Milliseconds()<<snowflakeBits, 10)
	}
	return id
}

// after is an id that is greater than id, where that can be told.
func after(id string) string {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil {
		return strconv.FormatInt(n+1, 10)
	}
	return id
}

var (
	idField     = []byte(`{"id":"`)
	updateEvent = []byte("event: update\ndata: ")
)

// eventID gives the id of the new status that an event of the stream tells; nil
// of other events.
func eventID(block []byte) []byte {
	status, isUpdate := bytes.CutPrefix(block, updateEvent)
	if !isUpdate {
		return nil
	}
	return statusID(status)
}

// statusID gives a status's id. Servers write it first.
func statusID(status []byte) []byte {
	if rest, first := bytes.CutPrefix(status, idField); first {
		if end := bytes.IndexByte(rest, '"'); end > 0 && isID(view(rest[:end])) {
			return rest[:end]
		}
		return nil
	}
	var id []byte
	s := jsonscan.New(status)
	for more := s.Peek() == '{' && s.Object(); more; more = s.NextField() {
		if string(s.Key()) == "id" {
			id = s.Raw()
		} else {
			s.Skip()
		}
	}
	if known, ok := identity(id); ok && !s.Bad() {
		return bytesOf(known)
	}
	return nil
}

// envelopeID is eventID for messages over WebSocket. The payload's escapes are
// undone in scratch, which is returned.
func envelopeID(envelope, scratch []byte) (id, _ []byte) {
	var name, payload jsonscan.String
	s := jsonscan.New(envelope)
	for more := s.Peek() == '{' && s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "event":
			name = s.Str()
		case "payload":
			payload = s.Str()
		default:
			s.Skip()
		}
	}
	if s.Bad() || s.Mismatch() || !name.Is("update") {
		return nil, scratch
	}
	scratch, _ = payload.AppendTo(scratch[:0])
	return statusID(scratch), scratch
}
