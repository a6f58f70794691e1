// Package write decides what a batch does to the rows of a store. It is the
// same for every dialect: the rows that the batch is about are read, the
// verdicts applied to them in memory in the order of the batch, and the rows
// that came out different are written in one transaction which fails as a whole
// when one of them is no longer as it was read. Then all is done again.
//
// The rules that rows follow are told in docs/schema.md.
package write
