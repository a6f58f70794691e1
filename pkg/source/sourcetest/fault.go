package sourcetest

import "time"

// Fault is how one connection to a network's server misbehaves.
type Fault struct {
	// Status refuses the connection with this answer, RetryAfter as header and
	// Body, where it is set, as text.
	Status     int
	RetryAfter string
	Body       string
	// After is how many messages come before Misdeed.
	After   int
	Misdeed Misdeed
}

// Misdeed is what a server does in place of its next message. After those
// before Junk the connection is of no more use; after the others the stream goes
// on.
type Misdeed int

// The misdeeds.
const (
	None      Misdeed = iota
	Mute              // never answer the request; After does not matter
	Drop              // cut the connection
	Leave             // close it in due form
	Half              // cut it in the middle of a message
	Stall             // say nothing any more, not even a heartbeat
	Junk              // send what is no message, in some pieces
	Oversize          // send a message of 3 MiB
	Duplicate         // send the message before once more
)

// misdeeds are those that every network's server knows.
var misdeeds = map[string]Misdeed{
	"drop": Drop, "leave": Leave, "half": Half, "stall": Stall, "junk": Junk, "oversize": Oversize, "duplicate": Duplicate,
}

// Span bounds a time to wait.
type Span struct{ Least, Most time.Duration }

// Schedule is what a source must wait after each of a server's faults, one
// connection after the other.
type Schedule struct {
	Faults []Fault
	Waits  []Span
}
