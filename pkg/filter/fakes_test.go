package filter_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"riffle/pkg/auth"
	"riffle/pkg/event"
	"riffle/pkg/retry"
	"riffle/pkg/rule"
)

// The fakes below keep the contracts of buffer and store in memory: leases,
// stamps and counts on one side, claims and versions on the other. The real ones
// have conformance suites for the same; here they let a test stop time.

const lease = 15 * time.Second

var errDown = errors.New("server is down")

// buffer is an in-memory Taker.
type buffer struct {
	mu      sync.Mutex
	waiting []event.Delivery
	flight  map[event.FrameID]*flying
	arrived chan struct{}
	stamp   int64
	down    error         // what every call answers while set
	stuck   bool          // leases are not prolonged
	before  int           // how often frames were delivered before they are pushed
	stay    time.Duration // of acknowledged frames

	takes, deliveries, renewals, most int
	acked                             []event.FrameID
	lately                            []event.Delivery // acknowledged, and not put back
}

type flying struct {
	delivery event.Delivery
	ends     time.Time
}

func newBuffer() *buffer {
	return &buffer{flight: make(map[event.FrameID]*flying), arrived: make(chan struct{}, 1), stay: time.Minute}
}

func (b *buffer) push(frames ...event.Frame) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range frames {
		b.waiting = append(b.waiting, event.Delivery{Source: "test", ID: f.ID, Data: f.Data, Count: b.before})
	}
	b.signal()
}

func (b *buffer) signal() {
	select {
	case b.arrived <- struct{}{}:
	default:
	}
}

func (b *buffer) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = err
}

func (b *buffer) Take(ctx context.Context, limit int) ([]event.Delivery, error) {
	frames, err := b.take(limit)
	if len(frames) > 0 || err != nil {
		return frames, err
	}
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
	case <-b.arrived:
	}
	return b.take(limit)
}

func (b *buffer) take(limit int) ([]event.Delivery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.takes++
	if b.down != nil {
		return nil, b.down
	}
	b.expire()
	n := min(limit, len(b.waiting))
	frames := slices.Clone(b.waiting[:n])
	b.waiting = slices.Clone(b.waiting[n:])
	for i := range frames {
		b.stamp++
		frames[i].Stamp = b.stamp
		frames[i].Count++
		b.deliveries++
		b.flight[frames[i].ID] = &flying{frames[i], time.Now().Add(lease)}
	}
	b.most = max(b.most, len(b.flight))
	return frames, nil
}

func (b *buffer) expire() {
	for id, f := range b.flight {
		if time.Now().After(f.ends) {
			delete(b.flight, id)
			b.waiting = append(b.waiting, f.delivery)
		}
	}
}

// each calls f for the frames whose latest delivery is among frames.
func (b *buffer) each(frames []event.Delivery, f func(*flying)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down != nil {
		return b.down
	}
	for _, d := range frames {
		if at := b.flight[d.ID]; at != nil && at.delivery.Stamp == d.Stamp {
			f(at)
		}
	}
	return nil
}

func (b *buffer) Ack(_ context.Context, frames []event.Delivery) error {
	return b.each(frames, func(f *flying) {
		b.acked = append(b.acked, f.delivery.ID)
		b.lately = append(b.lately, f.delivery)
		delete(b.flight, f.delivery.ID)
	})
}

func (b *buffer) Acknowledged(context.Context) ([]event.Delivery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lately), b.down
}

func (b *buffer) Stay(context.Context) (time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stay, b.down
}

func (b *buffer) Restore(_ context.Context, frames []event.Delivery) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range frames {
		b.lately = slices.DeleteFunc(b.lately, func(x event.Delivery) bool { return x.ID == d.ID })
		d.Count = 0
		b.waiting = append(b.waiting, d)
	}
	b.signal()
	return b.down
}

func (b *buffer) GiveBack(_ context.Context, frames []event.Delivery) error {
	return b.each(frames, func(f *flying) {
		delete(b.flight, f.delivery.ID)
		f.delivery.Count--
		b.waiting = append([]event.Delivery{f.delivery}, b.waiting...)
		b.signal()
	})
}

func (b *buffer) Renew(_ context.Context, frames []event.Delivery) error {
	return b.each(frames, func(f *flying) {
		b.renewals++
		if !b.stuck {
			f.ends = time.Now().Add(lease)
		}
	})
}

func (b *buffer) depth() (waiting, inFlight int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting), len(b.flight)
}

func (b *buffer) tally() (takes, deliveries int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.takes, b.deliveries
}

// matchKey names a match; it exists once.
type matchKey struct {
	User int64
	Key  string
}

// store is an in-memory Writer and Rules.
type store struct {
	mu       sync.Mutex
	claims   map[event.FrameID]int64
	finished map[event.FrameID]bool
	versions map[string]int64
	stored   map[string]string // JSON by key
	matches  map[matchKey][]event.RuleMatch
	writes   map[matchKey]int // how often a match was inserted
	counts   map[int64]int64
	verdicts []event.Verdict // without what a filter may use again

	rules  []rule.Rule
	links  []auth.Link
	number int64

	// guarded: rules that match too much in a minute are switched off.
	guarded bool
	minutes map[[2]int64]int64 // matches by rule and minute

	writeErr, readErr, countErr error
	// refuse, when set, judges a batch before it is written.
	refuse  func(*event.Batch) error
	batches []int // frames in each
	dead    []event.DeadLetter
	// enter, when set, is called before a write holds the store.
	enter func(context.Context) error
}

func newStore() *store {
	return &store{
		claims: make(map[event.FrameID]int64), finished: make(map[event.FrameID]bool),
		versions: make(map[string]int64), stored: make(map[string]string),
		matches: make(map[matchKey][]event.RuleMatch), writes: make(map[matchKey]int), counts: make(map[int64]int64),
	}
}

func (s *store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writeErr = err
}

func (s *store) Unknown(_ context.Context, ids []event.FrameID) (unknown []event.FrameID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if !s.finished[id] {
			unknown = append(unknown, id)
		}
	}
	return unknown, s.writeErr
}

func (s *store) Ping(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeErr
}

func (s *store) Write(ctx context.Context, b *event.Batch) error {
	if s.enter != nil {
		if err := s.enter(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writeErr != nil {
		return s.writeErr
	}
	if s.refuse != nil {
		if err := s.refuse(b); err != nil {
			return err
		}
	}
	for _, d := range b.Deliveries {
		if s.finished[d.ID] || s.claims[d.ID] > d.Stamp {
			return event.ErrRefused
		}
	}
	for _, d := range b.Deliveries {
		s.claims[d.ID] = d.Stamp
		s.finished[d.ID] = !b.Unfinished
	}
	for _, d := range b.Dead {
		d.Data = slices.Clone(d.Data)
		s.dead = append(s.dead, d)
	}
	for i := range b.Verdicts {
		s.apply(&b.Verdicts[i])
	}
	s.batches = append(s.batches, len(b.Deliveries))
	return nil
}

// claim claims a frame as a later delivery would.
func (s *store) claim(id event.FrameID, stamp int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims[id] = stamp
}

func (s *store) apply(v *event.Verdict) {
	s.verdicts = append(s.verdicts, event.Verdict{
		Event: v.Event.Clone(), JSON: slices.Clone(v.JSON), Stored: v.Stored, Judged: slices.Clone(v.Judged), Matches: cloneMatches(v.Matches),
	})
	key := strings.Clone(v.Event.Key)
	if v.Event.Version < s.versions[key] {
		return
	}
	s.versions[key] = v.Event.Version
	for k := range s.matches {
		if k.Key == key && (v.Judged == nil || slices.Contains(v.Judged, k.User)) {
			delete(s.matches, k)
		}
	}
	delete(s.stored, key)
	if v.Event.Deleted {
		return
	}
	if v.Stored || len(v.Matches) > 0 {
		s.stored[key] = string(v.JSON)
	}
	for _, m := range cloneMatches(v.Matches) {
		s.matches[matchKey{m.User, key}] = m.Rules
		s.writes[matchKey{m.User, key}]++
	}
}

// cloneMatches copies matches, as a store does by writing them: the filter uses
// their memory again.
func cloneMatches(matches []event.Match) []event.Match {
	if matches == nil {
		return nil
	}
	data, err := json.Marshal(matches)
	if err != nil {
		panic(err)
	}
	var clone []event.Match
	if err := json.Unmarshal(data, &clone); err != nil {
		panic(err)
	}
	return clone
}

func (s *store) AddRuleCounts(_ context.Context, counts []rule.Count) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(s.countErr, s.writeErr); err != nil {
		return err
	}
	for _, c := range counts {
		s.counts[c.Rule] += c.Matches
	}
	return nil
}

func (s *store) AddRuleMinutes(_ context.Context, minutes []rule.Minute, most int64) (off []rule.Rule, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(s.countErr, s.writeErr); err != nil || !s.guarded {
		return nil, err
	}
	if s.minutes == nil {
		s.minutes = make(map[[2]int64]int64)
	}
	for _, m := range minutes {
		key := [2]int64{m.Rule, m.Minute.Unix() / 60}
		s.minutes[key] += m.Matches
		i := slices.IndexFunc(s.rules, func(r rule.Rule) bool { return r.ID == m.Rule })
		if r := &s.rules[i]; s.minutes[key] > most && r.Enabled {
			s.number++
			r.Enabled, r.FloodedAt, r.Number = false, time.Now(), s.number
			off = append(off, *r)
		}
	}
	slices.SortFunc(s.rules, func(a, b rule.Rule) int { return cmp.Compare(a.Number, b.Number) })
	return off, nil
}

func (s *store) RulesSince(_ context.Context, number int64, limit int) ([]rule.Rule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return since(s.rules, number, limit, func(r rule.Rule) int64 { return r.Number }), s.readErr
}

func (s *store) RuleNumber(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.number, s.readErr
}

func (s *store) RulesInForce(_ context.Context, after int64, limit int) ([]rule.Rule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := slices.DeleteFunc(slices.Clone(s.rules), func(r rule.Rule) bool { return r.Gone || !r.Enabled && r.FloodedAt.IsZero() })
	slices.SortFunc(live, func(a, b rule.Rule) int { return cmp.Compare(a.ID, b.ID) })
	return since(live, after, limit, func(r rule.Rule) int64 { return r.ID }), s.readErr
}

func (s *store) LinksSince(_ context.Context, number int64, limit int) ([]auth.Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return since(s.links, number, limit, func(l auth.Link) int64 { return l.Number }), s.readErr
}

func since[T any](all []T, number int64, limit int, of func(T) int64) []T {
	var out []T
	for _, x := range all {
		if of(x) > number && len(out) < limit {
			out = append(out, x)
		}
	}
	return out
}

// put commits a change of a rule.
func (s *store) put(r rule.Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	r.Number = s.number
	s.rules = append(slices.DeleteFunc(s.rules, func(x rule.Rule) bool { return x.ID == r.ID }), r)
}

// link commits a change of a link.
func (s *store) link(l auth.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	l.Number = s.number
	s.links = append(slices.DeleteFunc(s.links, func(x auth.Link) bool { return x.User == l.User && x.Account == l.Account }), l)
}

// kept lists all matches, once each.
func (s *store) kept() []matchKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.matches), func(a, b matchKey) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Key, b.Key))
	})
}

// doubled lists matches that were inserted more than once.
func (s *store) doubled() (keys []matchKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, n := range s.writes {
		if n > 1 {
			keys = append(keys, k)
		}
	}
	return keys
}

func (s *store) decided() []event.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.verdicts)
}

func (s *store) countOf(id int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[id]
}

// post is a public post.
func post(key, text string) *event.Event {
	return &event.Event{
		Key: "test:" + key, Version: event.VersionOnly, Network: "test", Source: "test",
		Author: event.Author{ID: "a1", Handle: "ann"}, Text: text, ReceivedAt: 1_700_000_000_000,
	}
}

// frame packs events.
func frame(tb testing.TB, events ...*event.Event) event.Frame {
	tb.Helper()
	return pack(tb, event.NewEncoder(), events)
}

// pack is frame for many of them.
func pack(tb testing.TB, enc *event.Encoder, events []*event.Event) event.Frame {
	tb.Helper()
	for _, ev := range events {
		enc.Append(ev)
	}
	f, err := enc.Frame()
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func keep(id, user int64, value string) rule.Rule {
	return rule.Rule{ID: id, User: user, Value: value, Tag: "t", Enabled: true}
}

// transient is a failure as an adapter marks it.
func transient() error { return retry.Transient(errDown) }

// letters are the dead letters so far.
func (s *store) letters() []event.DeadLetter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.dead)
}
