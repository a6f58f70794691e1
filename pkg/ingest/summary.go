package ingest

import (
	"encoding/json"
	"sync"

	"riffle/pkg/event"
)

// maxKinds bounds how many kinds of passed-over messages are told apart; a
// decoder's list is far shorter.
const maxKinds = 64

// otherKind counts the kinds beyond that.
const otherKind = "other"

// Summary says what became of the messages read: Read is the sum of the others.
// A message counts once the buffer holds its frame, and again when it is read
// again.
type Summary struct {
	Read       int64            `json:"read"`
	Accepted   int64            `json:"accepted"`
	PassedOver map[string]int64 `json:"passed_over"` // known messages that are no posts, by kind
	Rejected   map[string]int64 `json:"rejected"`    // by reason
}

// String gives the summary as one line of JSON.
func (s Summary) String() string {
	line, err := json.Marshal(s)
	if err != nil {
		return err.Error() // unreachable: numbers and strings alone
	}
	return string(line)
}

// tally counts what became of one chunk's messages.
type tally struct {
	accepted   int64
	passedOver map[string]int64
	rejected   []int64 // by event.Reason
}

func newTally() tally {
	return tally{passedOver: make(map[string]int64), rejected: make([]int64, len(event.Reasons()))}
}

func (t *tally) reset() {
	t.accepted = 0
	clear(t.passedOver)
	clear(t.rejected)
}

func (t *tally) read() int64 {
	n := t.accepted
	for _, v := range t.passedOver {
		n += v
	}
	for _, v := range t.rejected {
		n += v
	}
	return n
}

// add merges from into t.
func (t *tally) add(from *tally) {
	t.accepted += from.accepted
	for kind, n := range from.passedOver {
		if _, known := t.passedOver[kind]; !known && len(t.passedOver) >= maxKinds {
			kind = otherKind
		}
		t.passedOver[kind] += n
	}
	for reason, n := range from.rejected {
		t.rejected[reason] += n
	}
}

// totals is the tally of the whole run.
type totals struct {
	mu  sync.Mutex
	sum tally
}

func newTotals() *totals { return &totals{sum: newTally()} }

func (t *totals) add(from *tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum.add(from)
}

func (t *totals) summary() Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Summary{
		Read: t.sum.read(), Accepted: t.sum.accepted,
		PassedOver: make(map[string]int64), Rejected: make(map[string]int64),
	}
	for kind, n := range t.sum.passedOver {
		s.PassedOver[kind] = n
	}
	for reason, n := range t.sum.rejected {
		if n > 0 {
			s.Rejected[event.Reason(reason).String()] = n
		}
	}
	return s
}
