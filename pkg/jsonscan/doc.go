// Package jsonscan walks JSON text without building anything from it: the
// caller enters objects and arrays, takes the values that it wants and leaves
// the rest behind at the speed of a search for quotes and brackets.
//
// What is taken is checked as strictly as encoding/json does it. What is left
// behind is checked for balanced brackets and closed strings only, since a
// decoder that drops nine tenths of a message should not pay for proving them.
// Strings stay as they stand in the message until an Arena unescapes them.
//
// Faults are sticky, so that a decoder looks once, at the end: Bad reports text
// that is no JSON, Mismatch a value of another type than the one asked for.
// After the first fault of syntax every call returns at once with nothing.
package jsonscan
