package write

import "riffle/pkg/event"

// Event is a row of the table events. Author is 0 where it is unknown.
type Event struct {
	Seq     int64
	ID      [16]byte
	Rev     int64
	Version int64
	State   State
	Author  int64
	Body    []byte
}

// State says what a row of events holds.
type State uint8

// The states of an event.
const (
	Text    State = iota // the newest version, with its text
	Bare                 // the number of the newest version alone
	Deleted              // the version of a deletion
)

// Match is a row of the table matches.
type Match struct {
	Event   int64 // the seq of its event
	User    int64
	Number  int64
	Born    int64
	Version int64
	Gone    bool
	Rules   []event.RuleMatch
	// Offset, of a row to be written, says which of the transaction's numbers
	// is the row's.
	Offset int
}

// Frame is a row of the table frames.
type Frame struct {
	ID    event.FrameID
	Stamp int64
	Done  bool
}

// The lanes of events: seq is the lane times LaneSize and the store's clock in
// microseconds, made unique. So rows that are purged after the same time lie
// together, in the order of their arrival, without an index for it.
const (
	LaneKept   int64 = iota // of events that have, or had, a match
	LaneSample              // stored for their own sake
	LaneBare                // versions and deletions of what nobody kept
	LaneSize   int64 = 1 << 60
)

// Lane gives the lane that seq lies in.
func Lane(seq int64) int64 { return seq / LaneSize }

// AuthorHash is the author column of the events of an account.
func AuthorHash(id [16]byte) int64 {
	var h int64
	for _, b := range id[:8] {
		h = h<<8 | int64(b)
	}
	return h
}
