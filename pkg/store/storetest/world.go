package storetest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"riffle/pkg/event"
	"riffle/pkg/store"
)

// shared is a store that several processes have open: they write in turn, so
// that what one of them remembers is not all there is to know.
type shared struct {
	*store.Store
	all  []*store.Store
	turn atomic.Int64
}

func share(all []*store.Store) *shared { return &shared{Store: all[0], all: all} }

// Write writes a batch through the next of the processes.
func (s *shared) Write(ctx context.Context, b *event.Batch) error {
	return s.all[int(s.turn.Add(1))%len(s.all)].Write(ctx, b)
}

// world is a test's part of a store that others use too: keys and users of its
// own.
type world struct {
	*shared
	prefix string
	base   int64 // the user before the world's first
}

// usersPerWorld keeps worlds apart.
const usersPerWorld = 1_000_000

var worlds atomic.Int64

func newWorld(s *shared) world {
	n := worlds.Add(1)
	return world{shared: s, prefix: fmt.Sprintf("test:%d.", n), base: n * usersPerWorld}
}

// verdict is a verdict as tests write it down; keys and users are those of its
// world.
type verdict struct {
	key     string
	version int64
	text    string // "": key and version
	author  string
	users   []int64 // who keep it
	judged  []int64 // nil: everyone
	tag     string
	deleted bool
	account bool // key is the author's
	revised bool
	stored  bool
}

func (w world) event(v verdict) *event.Event {
	ev := &event.Event{
		Key: w.prefix + v.key, Version: v.version, Deleted: v.deleted, Account: v.account, Revised: v.revised,
		Network: "test", Source: "suite", ReceivedAt: 1,
	}
	if v.account {
		ev.Key = w.author(v.key)
	}
	if v.deleted {
		return ev
	}
	ev.Text = v.text
	if ev.Text == "" {
		ev.Text = fmt.Sprint(v.key, " ", v.version)
	}
	if v.author != "" {
		ev.Author.ID = w.author(v.author)[len("test:"):]
	}
	ev.CreatedAt = 1
	return ev
}

func (w world) author(name string) string { return w.prefix + "author." + name }

// verdict gives it as a filter would.
func (w world) verdict(v verdict) event.Verdict {
	ev := w.event(v)
	out := event.Verdict{Event: ev, Stored: v.stored}
	if !v.deleted {
		out.JSON = ev.AppendJSON(nil)
	}
	if v.judged != nil {
		out.Judged = []int64{}
	}
	for _, user := range v.judged {
		out.Judged = append(out.Judged, w.base+user)
	}
	for _, user := range v.users {
		out.Matches = append(out.Matches, event.Match{User: w.base + user, Rules: rulesOf(user, v.tag)})
	}
	return out
}

func rulesOf(user int64, tag string) []event.RuleMatch {
	return []event.RuleMatch{{
		ID: strconv.FormatInt(user, 10), Tag: tag, Spans: []event.Span{{Field: "text", Start: 0, End: 3}},
	}}
}

// batch is verdicts as a batch of one frame of their own.
func (w world) batch(verdicts ...verdict) *event.Batch {
	b := &event.Batch{Deliveries: []event.Delivery{delivery()}}
	for _, v := range verdicts {
		b.Verdicts = append(b.Verdicts, w.verdict(v))
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

func (w world) write(t *testing.T, verdicts ...verdict) {
	t.Helper()
	if err := w.Write(t.Context(), w.batch(verdicts...)); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

// query reads matches of one of the world's users.
func (w world) query(t *testing.T, q event.Query) event.Page {
	t.Helper()
	q.User += w.base
	if q.Limit == 0 {
		q.Limit = 200
	}
	page, err := w.Matches(t.Context(), q)
	if err != nil {
		t.Fatalf("Matches: %v", err)
	}
	return page
}

// changes reads all changes after a number.
func (w world) changes(t *testing.T, user, after int64) (all []event.Change, next int64) {
	t.Helper()
	for {
		page := w.query(t, event.Query{User: user, HasAfter: true, After: after})
		all = append(all, page.Changes...)
		if after = page.Next; !page.More {
			return all, after
		}
	}
}

// describe writes each change as its kind and its text, if it has one.
func describe(t *testing.T, changes []event.Change) []string {
	t.Helper()
	var all []string
	for _, c := range changes {
		if c.Kind == event.ChangeDelete {
			all = append(all, "delete")
			continue
		}
		all = append(all, fmt.Sprintf("%s %s", c.Kind, textOf(t, c.Event)))
	}
	return all
}

func textOf(t *testing.T, body json.RawMessage) string {
	t.Helper()
	var ev struct{ Text string }
	if err := json.Unmarshal(body, &ev); err != nil {
		t.Fatalf("event %q: %v", body, err)
	}
	return ev.Text
}
