// Package control is what stages tell of themselves and are told: so far their
// signs of life, in the server that holds the buffer.
//
// None of its entries expires by itself: a Redis that is full must be able to
// keep and change them, and none of riffle's keys has a time to live. Who
// writes removes what is old.
package control
