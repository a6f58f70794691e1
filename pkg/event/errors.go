package event

import (
	"errors"
	"fmt"
)

// Sentinels that cross from an adapter to a stage.
var (
	// ErrFull: the buffer holds as much as it may; nothing was pushed.
	ErrFull = errors.New("buffer is full")
	// ErrFenced: another writer holds this source's name.
	ErrFenced = errors.New("another ingest writes this source")
	// ErrDenied: a source's server refuses us for a reason that time does not
	// mend: a key, a permission or an option must change.
	ErrDenied = errors.New("the source's server lets us not in")
	// ErrRefused: a later delivery has claimed one of the batch's frames, or
	// one is finished; nothing was written.
	ErrRefused = errors.New("frame was claimed by a later delivery or is finished")
	// ErrNotFound: there is nothing under this id for the asker.
	ErrNotFound = errors.New("not found")
	// ErrCursorExpired: a reader's cursor is older than what is kept.
	ErrCursorExpired = errors.New("cursor is older than what is kept")
	// ErrRow: the store refuses a row of the batch for what is in it; trying
	// again does not help, leaving the row out does.
	ErrRow = errors.New("the store refuses a row")
	// ErrExists: the name or value is taken.
	ErrExists = errors.New("already exists")
)

// BehindError answers a push whose predecessor is not the newest frame of the
// source: At is where the buffer stands.
type BehindError struct{ At Position }

func (e *BehindError) Error() string {
	return fmt.Sprintf("buffer stands at frame %s, not at the one before", e.At.Frame)
}

// Reason says why a message could not become an event. The list is closed, so
// that counters exist from zero.
type Reason uint8

// The reasons for a rejection.
const (
	ReasonSyntax   Reason = iota // not valid JSON, or not an object
	ReasonUnknown                // a message of a shape this network does not document
	ReasonNoID                   // no usable identity
	ReasonNoAuthor               // no author id
	ReasonBadTime                // no usable creation time
	ReasonBadField               // a field has the wrong type or an impossible value
	ReasonEmpty                  // neither text nor media nor a reference
	ReasonOversize               // the message is longer than MaxMessage
	reasonCount
)

var reasonNames = [reasonCount]string{"syntax", "unknown", "no_id", "no_author", "bad_time", "bad_field", "empty", "oversize"}

// String gives the name used in counters and in ingest's last line.
func (r Reason) String() string { return reasonNames[r] }

// Reasons lists all of them, for counters that exist from zero.
func Reasons() []Reason {
	all := make([]Reason, reasonCount)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

// InvalidError rejects one message. Decoders return pre-made values, so that
// hostile input allocates nothing.
type InvalidError struct{ Reason Reason }

func (e *InvalidError) Error() string { return "event: rejected: " + e.Reason.String() }

// PassedOverError marks a known message that is no post, by its kind, such as
// "limit", "like" or "blank" (a keep-alive line).
type PassedOverError struct{ Kind string }

func (e *PassedOverError) Error() string { return "event: passed over: " + e.Kind }
