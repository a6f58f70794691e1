package event

import "encoding/hex"

// FrameID is the random identity of a frame; zero is "none", the predecessor of
// a source's first frame.
type FrameID [16]byte

func (id FrameID) String() string { return hex.EncodeToString(id[:]) }

// Frame is a batch of encoded events, one element of the buffer's list. Data
// carries all the other fields too (docs/wire.md).
type Frame struct {
	ID     FrameID
	Events int
	Oldest Time // ReceivedAt of its oldest event
	Data   []byte
}

// Entry is a frame with the source's cursor after it.
type Entry struct {
	Frame  Frame
	Cursor string
}

// Position is where a source's chain of frames stands: the newest frame, the
// source's cursor after it, and the ingest that pushed it.
type Position struct {
	Frame  FrameID
	Cursor string
	Writer string
}

// Push is what one step stores: the frame and the source's position, provided
// that Prev is still the newest frame.
type Push struct {
	Frame  Frame
	Prev   FrameID
	Cursor string
}

// Delivery is a frame that a filter has taken under a lease.
type Delivery struct {
	Source string
	ID     FrameID
	Data   []byte
	// Stamp orders the deliveries of one frame; each is greater than the last.
	Stamp int64
	// Count is how many times the frame was delivered, this one included; one
	// given back was not.
	Count int
}

// Depth says what waits in a buffer.
type Depth struct {
	Source   string
	Frames   int64
	Events   int64
	Bytes    int64
	InFlight int64 // frames that are taken and not acknowledged
	// Oldest is when the oldest event that waits or is in flight was received; 0: none.
	Oldest Time
	// OldestInFlight is the same of what is in flight alone.
	OldestInFlight Time
	// Position is where the source's chain stands, and Pushed when.
	Position Position
	Pushed   Time
	// Seen is when a writer of the source was last heard of; 0: never.
	Seen Time
}

// Message is one raw message of a source on its way to a decoder.
type Message struct {
	// Data is valid until the call that hands it over returns.
	Data []byte
	// Cursor is the source's position after this message; it has the same
	// lifetime as Data.
	Cursor []byte
	// Round is how many times a looping source has begun anew; keys of rounds
	// after the first are made distinct by it.
	Round int
	// Gap, where it is set, stands in place of a message: at this place of the
	// stream something could not be had. The other fields are then empty.
	Gap *Gap
}

// Gap is a stretch of a source that could not be had.
type Gap struct {
	// From and To bound it; 0: nobody knows.
	From, To Time
	// Why says so to a person, such as "connection was down, and Twitter repeats
	// nothing".
	Why string
}

// Decoder cuts the messages of one network down to events. It is used by one
// goroutine at a time.
type Decoder interface {
	// Decode shrinks msg into ev, which it resets first. Strings of ev may
	// point into memory of the decoder that the next call overwrites.
	// Errors: *InvalidError, *PassedOverError; ev is then undefined.
	Decode(ev *Event, msg []byte) error
}
