// Bench measures riffle against the numbers of its design and prints a table:
// what was aimed at, what was reached, and what a baseline did in the same run.
//
//	go run . [-row NAME,…] [-time 60s] [-short] [-list] [-profile DIR]
//
// Baselines are what the work could not do without: a JSON parser on the same
// bytes, Redis with bare pushes, MariaDB with bare rows, net/http with the same
// answer. Baseline and product are measured in turn, and medians of the pairs
// are printed, so that a busy machine slows both.
//
// It is a module of its own: what it compares with stays out of the product.
package main
