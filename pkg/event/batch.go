package event

import "encoding/json"

// Batch is what a filter writes in one transaction: the deliveries that it
// finishes and what it decided about their events.
type Batch struct {
	Deliveries []Delivery
	Verdicts   []Verdict
	// Dead is what of these frames could not be processed; it is stored in the
	// step that finishes them.
	Dead []DeadLetter
	// Unfinished claims the frames without finishing them: more of them is to
	// come.
	Unfinished bool
}

// Verdict is what a filter decided about one event. An event that nobody keeps,
// that replaces nothing and that is not stored for its own sake has none.
type Verdict struct {
	Event *Event
	// JSON is the event as delivered; empty for a deletion.
	JSON []byte
	// Stored asks to keep the event even if Matches is empty (a sample for
	// preview, or --store-all).
	Stored bool
	// Judged lists the users whose rules judged the event; nil means everyone.
	// Of those, who is not in Matches loses the match of an older version.
	Judged []int64
	// Matches has one entry per user that keeps the event, by ascending user.
	Matches []Match
}

// Match says that the rules of one user keep an event.
type Match struct {
	User  int64
	Rules []RuleMatch
}

// RuleMatch is one rule of a match with the spans that satisfied it.
type RuleMatch struct {
	ID    string `json:"id"`
	Tag   string `json:"tag,omitempty"`
	Spans []Span `json:"spans"`
}

// Span is a stretch of a field that satisfied a term: bytes Start to End of the
// field as delivered.
type Span struct {
	Field string `json:"field"` // such as text, media[0].alt, hashtags[1], author.handle
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// Change is a match as a reader sees it.
type Change struct {
	ID     string
	Number int64
	Kind   ChangeKind
	// Event is the event's JSON, Rules that of []RuleMatch; both nil for a
	// deletion.
	Event     json.RawMessage
	Rules     json.RawMessage
	MatchedAt Time
}

// ChangeKind says what happened to a match since it was last seen.
type ChangeKind uint8

// The kinds of change.
const (
	ChangeNew ChangeKind = iota
	ChangeUpdate
	ChangeDelete
)

// String gives the name used in the API.
func (k ChangeKind) String() string { return [...]string{"new", "update", "delete"}[k] }
