// Package shrink is what the decoders of the networks share: a Draft puts one
// event together within the limits of package event, in memory that the next
// event takes over, and functions read what several networks write alike
// (times, languages, revisions, cashtags, shortened links).
//
// The mapping of each network to an event is specified in docs/events.md.
package shrink
