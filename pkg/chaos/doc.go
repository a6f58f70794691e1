// Package chaos maltreats the real binaries, a real Redis and a real MariaDB by
// a schedule that a seed makes, and then counts: every event that was read must
// be in exactly one of matched, judged without a match, deleted and
// dead-lettered, and readers that followed all along must have seen every change
// once and in order.
//
// It has tests only; docs/chaos.md tells what they do, how to run them for long,
// and which deliberate faults they catch.
package chaos
