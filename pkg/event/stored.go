package event

import (
	"encoding/json"

	"github.com/cespare/xxhash/v2"
)

// Stored is an event that the store has.
type Stored struct {
	Body json.RawMessage
	// Sampled says that nobody keeps it: it is one of a share of such events.
	Sampled bool
}

// SamplePlace is where an event falls, over the whole range: of the events that
// nobody keeps, those up to the share of that time are stored. All versions of
// an event fare alike.
func SamplePlace(key string) uint64 { return xxhash.Sum64String(key) }
