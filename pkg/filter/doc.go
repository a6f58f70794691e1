// Package filter is the stage between buffer and store: it takes frames, lets
// the rules of those who saw an event judge it, and writes what is kept.
//
//	Taker.Take ──> taken ──> judges (one per core) ──> judged ──> three writers ──> Writer.Write ──> Taker.Ack
//	   │                     unpack, match, JSON                    several frames,
//	   └─ hand: every frame under lease, renewed,                   one transaction
//	      given back when it can't be finished
//
// The pipeline runs in shifts. A shift takes frames until the filter is asked
// to stop or the store fails; then it takes no more, finishes what is in hand
// within a deadline, and gives back the rest. After a failure the next shift
// begins when the store answers, with a single frame until a write succeeds.
//
// Frames may finish in any order: an event's version decides, not its place. A
// frame is acknowledged after the commit, so each is delivered at least once;
// the store's claim makes that exactly once.
package filter
