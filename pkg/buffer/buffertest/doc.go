// Package buffertest is the conformance suite of the buffer's twins, and a
// switch with which a stage's tests play outages on a real one.
package buffertest
