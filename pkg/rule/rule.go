// Package rule is the rule language: parse, compile, match, explain. It is
// pure: no I/O, no clock. The language is specified in docs/rules.md.
package rule

import "time"

// Rule is a user's expression as it is stored.
type Rule struct {
	ID    int64
	User  int64
	Value string
	// Canonical is the value as it was understood; a user's rules with one
	// canonical form are duplicates.
	Canonical string
	Tag       string
	Action    Action
	Enabled   bool
	// FloodedAt is when the rule was switched off because it kept too much; zero
	// if it was not, or once its owner changed it.
	FloodedAt time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
	// Number orders all changes of rules, as the counter in docs/schema.md
	// gives it.
	Number int64
	// Gone marks a removed rule in a list of changes.
	Gone bool
}

// Action says what a matching rule does with an event.
type Action uint8

// The actions of a rule.
const (
	Keep Action = iota
	Drop
)

// String gives the name used in the API.
func (a Action) String() string {
	if a > Drop {
		return "unknown"
	}
	return [...]string{"keep", "drop"}[a]
}

// Count is how often a rule matched within one hour, as a filter adds it up for
// the store.
type Count struct {
	Rule    int64
	Hour    time.Time // its beginning, in UTC
	Matches int64
	Last    time.Time // of the matches
}

// Numbers tell how often a rule matched.
type Numbers struct {
	Hour, Day int64 // matches of the last hour, estimated, and the last day
	Last      time.Time
}

// Minute is how often a rule matched events that arrived within one minute.
type Minute struct {
	Rule    int64
	Minute  time.Time // its beginning, in UTC
	Matches int64
}
