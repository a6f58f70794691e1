package storetest

import (
	"encoding/binary"
	"sync/atomic"
	"testing"

	"riffle/pkg/event"
	"riffle/pkg/store"
)

// verdict is a verdict as tests write it down.
type verdict struct {
	key     string
	version int64
	text    string // "": key and version
	author  string
	users   []int64 // who keep it
	judged  []int64 // nil: everyone
	tag     string
	deleted bool
	account bool
	revised bool
	stored  bool
}

func (v verdict) event() *event.Event {
	ev := &event.Event{
		Key: v.key, Version: v.version, Deleted: v.deleted, Account: v.account, Revised: v.revised,
		Network: "test", Source: "suite", ReceivedAt: 1,
	}
	if v.deleted {
		return ev
	}
	ev.Text = v.text
	if ev.Text == "" {
		ev.Text = v.key + " version " + string(rune('0'+v.version%10))
	}
	ev.Author.ID = v.author
	ev.CreatedAt = 1
	return ev
}

// verdict gives it as a filter would.
func (v verdict) verdict() event.Verdict {
	ev := v.event()
	out := event.Verdict{Event: ev, Stored: v.stored, Judged: v.judged}
	if !v.deleted {
		out.JSON = ev.AppendJSON(nil)
	}
	for _, user := range v.users {
		out.Matches = append(out.Matches, event.Match{User: user, Rules: rulesOf(user, v.tag)})
	}
	return out
}

func rulesOf(user int64, tag string) []event.RuleMatch {
	return []event.RuleMatch{{
		ID: string(rune('0' + user%10)), Tag: tag, Spans: []event.Span{{Field: "text", Start: 0, End: 3}},
	}}
}

// batch is verdicts as a batch of one frame of their own.
func batch(verdicts ...verdict) *event.Batch {
	b := &event.Batch{Deliveries: []event.Delivery{delivery()}}
	for _, v := range verdicts {
		b.Verdicts = append(b.Verdicts, v.verdict())
	}
	return b
}

// delivery is the first one of a new frame.
func delivery() event.Delivery {
	d := event.Delivery{Source: "suite", Stamp: 1, Count: 1}
	binary.BigEndian.PutUint64(d.ID[:], frames.Add(1))
	return d
}

// frames numbers the frames of all tests.
var frames atomic.Uint64

func write(t *testing.T, s *store.Store, verdicts ...verdict) {
	t.Helper()
	if err := s.Write(t.Context(), batch(verdicts...)); err != nil {
		t.Fatalf("Write: %v", err)
	}
}
