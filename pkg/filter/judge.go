package filter

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/obs"
	"riffle/pkg/pulse"
	"riffle/pkg/rule"
)

// maxJobMemory is how much memory a job keeps for the next frame.
const maxJobMemory = 4 << 20

// maxPanics is at how many events of a frame judging may panic before it is not
// held to be their fault.
const maxPanics = 8

// errPanics leaves a frame to another filter, or to this one later.
var errPanics = errors.New("filter: judging panics at one event after the other")

// judge decides about events; one goroutine uses it at a time.
type judge struct {
	matcher *rule.Matcher
	// fresh makes a matcher in place of one that panicked.
	fresh    func() *rule.Matcher
	log      *zap.Logger
	panics   *obs.Sampler // of lines; all judges share it
	counters *counters
	links    *links
	sample   *sampler
	storeAll bool
	pulse    *pulse.Loop
}

// job is one frame being judged and what was decided. It owns all memory that
// its verdicts point to, so that nothing of an event is copied.
type job struct {
	delivery event.Delivery
	header   event.Header
	verdicts []event.Verdict
	bytes    int // of JSON
	// dead is what of the frame could not be processed.
	dead []event.DeadLetter
	// What the counters want to know.
	events, deletions, sampled, matches int

	reader *event.Reader
	// kept are the events of verdicts, then those whose memory is free.
	kept  []*event.Event
	refs  []event.Ref
	json  []byte
	match []event.Match
	rules []event.RuleMatch
	spans []event.Span
	users []int64
}

func newJob() *job { return &job{reader: event.NewReader()} }

// reset forgets the frame; false when the job has grown too large to be kept.
func (j *job) reset() bool {
	clear(j.rules)
	clear(j.spans)
	clear(j.refs)
	clear(j.verdicts)
	clear(j.match)
	*j = job{
		reader: j.reader, kept: j.kept, verdicts: j.verdicts[:0], refs: j.refs[:0], json: j.json[:0],
		match: j.match[:0], rules: j.rules[:0], spans: j.spans[:0], users: j.users[:0],
	}
	return cap(j.json) <= maxJobMemory && len(j.kept) <= maxBatchVerdicts
}

// judge fills j with the verdicts on a frame.
//
// Errors: those of open and next.
func (j *job) judge(d event.Delivery, g *judge) error {
	g.pulse.Within(judgeTime)
	defer g.pulse.Rest()
	err := j.open(d, g)
	for more := true; more && err == nil; {
		if more, err = j.next(g); j.events%judgeEvents == 0 {
			g.pulse.Within(judgeTime)
		}
	}
	return err
}

// open begins with a frame.
//
// Errors: event.ErrFrameVersion, event.ErrFrameDamaged.
func (j *job) open(d event.Delivery, g *judge) (err error) {
	j.delivery = d
	if j.header, err = j.reader.Open(d.Data); err != nil {
		return fmt.Errorf("filter: open frame: %w", err)
	}
	g.sample.turn()
	return nil
}

// next judges the next event of the frame; more is false after the last.
//
// Errors: event.ErrFrameDamaged; errPanics.
func (j *job) next(g *judge) (more bool, err error) {
	if j.delivery.Count >= singlyFrom { // the caller writes between events
		g.pulse.Within(judgeTime)
		defer g.pulse.Rest()
	}
	ev := j.spare()
	more, err = j.reader.Next(ev)
	if err != nil {
		return false, fmt.Errorf("filter: read frame: %w", err)
	}
	if !more {
		j.bytes = len(j.json)
		return false, nil
	}
	j.events++
	return true, j.endure(ev, g)
}

// endure decides about ev. An event at which that panics, twice, becomes a dead
// letter: a bug, but one that must not let a single event stop all others.
func (j *job) endure(ev *event.Event, g *judge) error {
	for try := 1; ; try++ {
		cause := j.try(ev, g)
		if cause == nil {
			return nil
		}
		g.matcher = g.fresh()
		if try == 1 {
			continue
		}
		if len(j.dead) >= maxPanics {
			return errPanics
		}
		return j.bury(ev, event.DeadPanic, cause)
	}
}

// try decides about ev and makes an error of a panic.
func (j *job) try(ev *event.Event, g *judge) (cause error) {
	defer func() {
		if p := recover(); p != nil {
			cause = fmt.Errorf("filter: judging panicked: %v", p)
			g.counters.panicked()
			g.panics.Error(g.log, "judging an event panicked; please report it", zap.Stringer(obs.FrameID, j.delivery.ID),
				zap.String(obs.EventKey, ev.Key), zap.String(obs.Error, fmt.Sprint(p)), zap.Stack("stack"))
		}
	}()
	j.decide(ev, g)
	return nil
}

// bury makes a dead letter of one event of the frame.
func (j *job) bury(ev *event.Event, reason event.DeadReason, cause error) error {
	alone, err := event.Alone(ev)
	if err != nil {
		return fmt.Errorf("filter: keep dead letter: %w", err)
	}
	letter := j.letter(reason, cause)
	letter.Key, letter.Events, letter.Data = strings.Clone(ev.Key), 1, alone.Data
	j.dead = append(j.dead, letter)
	return nil
}

// deliveries is what a batch of this frame alone claims.
func (j *job) deliveries() []event.Delivery { return []event.Delivery{j.delivery} }

// letter is what all dead letters of the frame have in common.
func (j *job) letter(reason event.DeadReason, cause error) event.DeadLetter {
	d := &j.delivery
	return event.DeadLetter{Source: d.Source, Frame: d.ID, Reason: reason, Error: cause.Error(), Deliveries: d.Count}
}

// spare is memory for the next event, which is used again unless a verdict
// keeps it.
func (j *job) spare() *event.Event {
	if len(j.verdicts) == len(j.kept) {
		j.kept = append(j.kept, new(event.Event))
	}
	return j.kept[len(j.verdicts)]
}

// decide adds a verdict on ev, if it needs one.
func (j *job) decide(ev *event.Event, g *judge) {
	if ev.Deleted {
		j.deletions++
		j.verdicts = append(j.verdicts, event.Verdict{Event: ev})
		return
	}
	v := event.Verdict{Event: ev, Judged: j.judgedBy(ev, g.links)}
	v.Matches = j.matchesOf(g.matcher, g.matcher.Match(ev, v.Judged))
	v.Stored = g.storeAll
	if len(v.Matches) == 0 && len(ev.Audience) == 0 && !v.Stored {
		v.Stored = g.sample.take(ev.Key)
	}
	if len(v.Matches) == 0 && !v.Stored && !ev.Revised {
		return
	}
	if v.Stored && len(v.Matches) == 0 {
		j.sampled++
	}
	start := len(j.json)
	j.json = ev.AppendJSON(j.json)
	v.JSON = j.json[start:len(j.json):len(j.json)]
	j.keepRefs(ev)
	j.verdicts = append(j.verdicts, v)
}

// judgedBy lists the users whose rules judge ev: those linked to an account
// that saw it; nil, everyone, when it is public.
func (j *job) judgedBy(ev *event.Event, l *links) []int64 {
	if len(ev.Audience) == 0 {
		return nil
	}
	start := len(j.users)
	j.users = l.appendUsers(j.users, ev.Audience)
	users := j.users[start:]
	slices.Sort(users)
	users = slices.Compact(users)
	j.users = j.users[:start+len(users)]
	if len(users) == 0 {
		return []int64{} // nobody; nil would be everyone
	}
	return users[:len(users):len(users)]
}

// matchesOf turns hits, which come by ascending user and rule, into matches.
func (j *job) matchesOf(m *rule.Matcher, hits []rule.Hit) []event.Match {
	first := len(j.match)
	for i := 0; i < len(hits); {
		user, firstRule := hits[i].User, len(j.rules)
		for ; i < len(hits) && hits[i].User == user; i++ {
			j.rules = append(j.rules, j.ruleMatch(m, hits[i]))
		}
		j.match = append(j.match, event.Match{User: user, Rules: j.rules[firstRule:len(j.rules):len(j.rules)]})
	}
	j.matches += len(j.match) - first
	return j.match[first:len(j.match):len(j.match)]
}

func (j *job) ruleMatch(m *rule.Matcher, h rule.Hit) event.RuleMatch {
	first := len(j.spans)
	j.spans = append(j.spans, m.Spans(h)...)
	return event.RuleMatch{
		ID:    strconv.FormatInt(h.Rule.ID, 10),
		Tag:   h.Rule.Tag,
		Spans: j.spans[first:len(j.spans):len(j.spans)],
	}
}

// keepRefs gives ev references of its own: the reader's are overwritten by the
// next event.
func (j *job) keepRefs(ev *event.Event) {
	for _, ref := range []**event.Ref{&ev.ReplyTo, &ev.RepostOf, &ev.QuoteOf} {
		if *ref != nil {
			j.refs = append(j.refs, **ref)
			*ref = &j.refs[len(j.refs)-1]
		}
	}
}
