// Package e2e runs the real binaries as their users would: it migrates, makes
// users, tokens and rules, feeds files, kills processes, polls the API, and
// compares what comes out with an evaluation of its own that shares no code
// with the product.
//
// It has tests only. Those of three processes need Redis and MariaDB (see
// testenv); those over captured data need the folder that $SHARED_DATA names.
package e2e
