// Package shrinktest compares a decoder with its twin: a second, plain reading
// of the same messages through encoding/json, written for being obviously right
// rather than fast.
package shrinktest
