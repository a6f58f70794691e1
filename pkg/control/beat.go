package control

import "time"

// Beat is a sign of life of one running stage. A new one replaces the last of
// its instance.
type Beat struct {
	// Instance names one run of one stage; no two runs share it.
	Instance string    `json:"instance"`
	Stage    string    `json:"stage"`          // ingest, filter or api
	Name     string    `json:"name,omitempty"` // of an ingest, its source
	Host     string    `json:"host,omitempty"`
	PID      int       `json:"pid,omitempty"`
	Version  string    `json:"version,omitempty"`
	State    string    `json:"state,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	// Rates are by the second, Totals since the start, both by what is counted.
	Rates       map[string]float64 `json:"rates,omitempty"`
	Totals      map[string]int64   `json:"totals,omitempty"`
	LastError   string             `json:"last_error,omitempty"`
	LastErrorAt time.Time          `json:"last_error_at,omitzero"`
	// Notices are what an operator should know of, the newest last.
	Notices []Notice `json:"notices,omitempty"`
	// NoReplay: the source of an ingest cannot be read again.
	NoReplay bool `json:"no_replay,omitempty"`
	// TimedCursor: the cursors of an ingest's source are times in µs since 1970.
	TimedCursor bool `json:"timed_cursor,omitempty"`
	// SpoolOldest is when the oldest event that waits in the spool of an ingest was
	// received.
	SpoolOldest time.Time `json:"spool_oldest,omitzero"`
	// Debug is the address of its debug listener; empty when it has none.
	Debug string `json:"debug,omitempty"`

	// Seen is when the beat was written and Age how long ago, both by the clock
	// of the server that keeps it. They are set on reading.
	Seen time.Time     `json:"-"`
	Age  time.Duration `json:"-"`
}

// Notice is something that an operator should know of.
type Notice struct {
	Kind string `json:"kind"` // such as gap or quiet
	Text string `json:"text"`
	// From and To bound it; without To it lasts, without From nobody knows since
	// when.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// Bounds of what is kept of stages that are gone: long enough to see that one
// died, and not so many that one that keeps dying fills the list.
const (
	keep = time.Hour
	most = 200
)
