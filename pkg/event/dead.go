package event

import (
	"encoding/binary"
	"encoding/json"
	"strings"
)

// DeadReason says why something could not be processed. The list is closed, so
// that counters exist from zero.
type DeadReason string

// The reasons of dead letters.
const (
	DeadRow        DeadReason = "row_refused" // the store refuses the event's row for what is in it
	DeadPanic      DeadReason = "panic"       // judging the event panicked, twice
	DeadUnreadable DeadReason = "unreadable"  // the frame is damaged, or of an unknown version
	DeadDeliveries DeadReason = "deliveries"  // the frame was delivered too often and never finished
)

// DeadReasons lists all of them.
func DeadReasons() []DeadReason {
	return []DeadReason{DeadRow, DeadPanic, DeadUnreadable, DeadDeliveries}
}

// DeadLetter is an event, or a whole frame, that could not be processed, kept
// with its reason.
type DeadLetter struct {
	// ID and At, when it came to be in microseconds since 1970 by the store's
	// clock, are the store's to give.
	ID, At int64
	Source string
	Frame  FrameID // in which it came
	Key    string  // of the event; empty for a frame
	Reason DeadReason
	Error  string
	// Deliveries is how many times the frame had been delivered, Events how many
	// events are in Data.
	Deliveries, Events int
	// Data is a frame: the event's own, or the one that came. Size is its length,
	// told where Data is left out.
	Data []byte
	Size int
}

// Alone makes a frame of one event.
func Alone(ev *Event) (Frame, error) {
	e := NewEncoder()
	e.Append(ev)
	return e.Frame()
}

// WithID copies a frame under another id, under which it was never finished.
//
// Errors: ErrFrameVersion, ErrFrameDamaged: a checksum that does not fit must
// not be made to.
func WithID(data []byte, id FrameID) (Frame, error) {
	h, err := NewReader().Open(data)
	if err != nil {
		return Frame{}, err
	}
	data = append([]byte(nil), data...)
	copy(data[offID:], id[:])
	binary.LittleEndian.PutUint32(data[offChecksum:], checksum(data))
	return Frame{ID: id, Events: h.Events, Oldest: h.Oldest, Data: data}, nil
}

// Content gives the events of a frame in JSON, for a person who looks at it.
//
// Errors: ErrFrameVersion, ErrFrameDamaged, beside the events before the place.
func Content(data []byte) (content []json.RawMessage, err error) {
	r := NewReader()
	if _, err := r.Open(data); err != nil {
		return nil, err
	}
	for {
		var ev Event
		more, err := r.Next(&ev)
		if err != nil || !more {
			return content, err
		}
		text, err := json.Marshal(json.RawMessage(strings.ToValidUTF8(string(ev.AppendJSON(nil)), "\uFFFD")))
		if err != nil {
			return content, err
		}
		content = append(content, text)
	}
}
