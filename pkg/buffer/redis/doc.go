// Package redis is the buffer between ingest and filter in Redis (7.0 or newer,
// or Valkey): a list of frames for each source, with what is in flight beside
// it.
//
// Every step is one Lua script on the keys of one source, which share a hash
// tag. The scripts stand in scripts/, the keys in keys.go; both are a contract
// (docs/wire.md), so that a stage can be written in another language.
package redis
