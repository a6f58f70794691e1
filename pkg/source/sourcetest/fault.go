package sourcetest

import (
	"math/rand/v2"
	"time"
)

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

// Moods are faults of all kinds that do not end for good.
func Moods(random *rand.Rand, n int) []Fault {
	faults := make([]Fault, n)
	for i := range faults {
		faults[i] = Fault{After: random.IntN(30), Misdeed: Misdeed(random.IntN(int(Duplicate) + 1))}
		if random.IntN(8) == 0 {
			faults[i] = Fault{Status: []int{500, 502, 503, 204}[random.IntN(4)]}
		}
	}
	return faults
}
