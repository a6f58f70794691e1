// Package event holds the words that all stages share: the shrunk event, the
// frame that carries a batch of events through the buffer, what a filter
// decided about them, and the errors that cross from an adapter to a stage.
//
// It does no I/O. The formats are specified in docs/events.md (JSON) and
// docs/wire.md (frames).
package event
