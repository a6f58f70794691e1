// Package spool is ingest's disk queue in front of a buffer that is away or
// full, for sources that can't be read again.
//
// It is a folder of append-only files (docs/wire.md, "Spool"). An entry counts
// once its file is synced. Each has a checksum of its own: what a crash tore off
// or a disk has spoilt is found at the start, cut out and reported, frame by
// frame, and all other entries stay. Why it is no SQLite file: docs/adr/0004.
package spool
