// Package token folds text and cuts it into tokens, so that what a rule says
// and what a post says can be compared byte by byte. It is specified in
// docs/rules.md, "Folding and tokens".
//
// A token has two forms: Marked is folded and keeps combining marks, Plain has
// them stripped from Latin, Greek and Cyrillic letters. A rule that is written
// without marks is compared with Plain, one with marks with Marked.
package token
