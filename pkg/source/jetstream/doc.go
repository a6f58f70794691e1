// Package jetstream reads Bluesky's public stream from a Jetstream server: the
// connection (Source), and the decoder of its messages, which files of recorded
// streams need too.
package jetstream
