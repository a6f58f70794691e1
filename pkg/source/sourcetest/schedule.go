package sourcetest

import (
	"slices"
	"time"
)

// Schedules are what package reconnect says, for sources without a contract of
// their own.
func Schedules() map[string]Schedule {
	refuse := func(status int, after string) Fault { return Fault{Status: status, RetryAfter: after} }
	drop := func(after int) Fault { return Fault{After: after, Misdeed: Drop} }
	seconds := func(least, most float64) Span {
		return Span{Least: time.Duration(least * 1e9), Most: time.Duration(most * 1e9)}
	}
	broken := []Span{
		seconds(0.1, 0.25), seconds(0.3, 0.5), seconds(0.7, 1), seconds(1.5, 2), seconds(3, 4), seconds(6, 8), seconds(12, 16),
		seconds(22.5, 30), seconds(22.5, 30),
	}
	wait := func(faults []Fault, waits ...Span) Schedule { return Schedule{Faults: faults, Waits: waits} }
	return map[string]Schedule{
		"unavailable": wait(slices.Repeat([]Fault{refuse(503, "")}, 8), seconds(5, 7), seconds(10, 13),
			seconds(20, 25), seconds(40, 50), seconds(80, 100), seconds(160, 200), seconds(300, 375), seconds(300, 375)),
		"as the server asks": wait(
			[]Fault{refuse(429, "90"), refuse(503, "1"), refuse(429, "100000"), refuse(500, "soon")},
			seconds(90, 113), seconds(10, 13), seconds(3600, 4500), seconds(40, 50)),
		"not what it should be":       wait([]Fault{{Status: 200, Body: "welcome"}}, seconds(5, 7)),
		"drops before anything comes": wait(slices.Repeat([]Fault{drop(0)}, 9), broken...),
		// What a rewound connection brings at once does not make it good.
		"drops after some messages": wait(slices.Repeat([]Fault{drop(3)}, 9), broken...),
		"a good connection is made again at once": wait([]Fault{drop(0), drop(0), drop(30), drop(0)},
			seconds(0.1, 0.25), seconds(0.3, 0.5), seconds(0, 0), seconds(0.1, 0.25)),
	}
}
