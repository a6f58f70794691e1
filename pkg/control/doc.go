// Package control is what stages tell of themselves and are told: their signs
// of life and the operator's switches, in the server that holds the buffer, and
// what each stage remembers of them on its own disk.
//
// None of its entries expires by itself: a Redis that is full must be able to
// keep and change them, and none of riffle's keys has a time to live. Who
// writes removes what is old.
package control
