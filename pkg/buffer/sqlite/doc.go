// Package sqlite is the embedded twin of the buffer between ingest and filter:
// one file, no server. It keeps the same promises as the one in Redis, for
// stages on one host, in one process or in several.
//
// What it guarantees when the power fails: a frame whose push was answered is
// on the disk, since pushes are synced one by one. Takes and acknowledgements
// are not; a lost one means that a frame is delivered again, which a filter's
// claim makes harmless. A killed process loses nothing of either.
//
// The tables stand in schema.sql; they are a contract (docs/wire.md).
package sqlite
