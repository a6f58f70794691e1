package filter

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/obs"
	"riffle/pkg/rule"
)

const (
	// tellFrom is how many matches of a minute are worth telling the store of:
	// most rules never have as many, and a row for each would be too many rows.
	tellFrom = 12
	// maxTold is how many flooded rules a status names, and the log at a time; and
	// how many that don't compile.
	maxTold = 20
)

// floodGuard counts what rules match of live sources in each minute, and has the
// store, which knows of all filters, switch off those that match too much. It
// counts by the arrival of events at ingest, so that draining what an outage
// left behind is no flood.
type floodGuard struct {
	writer    Writer
	log       *zap.Logger
	counters  *counters
	allowance int64

	mu     sync.Mutex
	newest int64 // minute since 1970
	counts map[minuteKey]minuteCount
}

type minuteKey struct{ rule, minute int64 }

// minuteCount is what was matched, and how much of it the store was told.
type minuteCount struct{ matches, told int64 }

func newFloodGuard(w Writer, log *zap.Logger, c *counters, allowance int64) *floodGuard {
	return &floodGuard{writer: w, log: log, counters: c, allowance: allowance, counts: make(map[minuteKey]minuteCount)}
}

// add counts the matches of committed verdicts.
func (g *floodGuard) add(verdicts []event.Verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range verdicts {
		v := &verdicts[i]
		if v.Event.Recorded || len(v.Matches) == 0 {
			continue
		}
		minute := v.Event.ReceivedAt.Std().Unix() / 60
		if minute < g.newest-1 {
			continue // that minute is over
		}
		g.newest = max(g.newest, minute)
		for _, m := range v.Matches {
			g.count(m.Rules, minute)
		}
	}
}

func (g *floodGuard) count(rules []event.RuleMatch, minute int64) {
	for i := range rules {
		if id, err := strconv.ParseInt(rules[i].ID, 10, 64); err == nil {
			key := minuteKey{id, minute}
			count := g.counts[key]
			count.matches++
			g.counts[key] = count
		}
	}
}

// watch tells the store now and then until ctx ends.
func (g *floodGuard) watch(ctx context.Context, interval time.Duration) {
	tellEvery(ctx, interval, g.tell, func(err error) {
		g.log.Warn("rules that flood wait for the store to be switched off", zap.Error(err))
	})
}

// tell gives the store what it was not told yet; what it does not take is told
// again.
func (g *floodGuard) tell(ctx context.Context) error {
	minutes := g.take()
	if len(minutes) == 0 {
		return nil
	}
	var off []rule.Rule
	err := call(ctx, callTimeout, func(ctx context.Context) (err error) {
		off, err = g.writer.AddRuleMinutes(ctx, minutes, g.allowance)
		return err
	})
	if err != nil {
		g.putBack(minutes)
		return err
	}
	g.counters.floodedRules(len(off))
	for i := range off[:min(maxTold, len(off))] {
		g.log.Warn("rule switched off: it kept more in a minute than it may",
			zap.Int64(obs.RuleID, off[i].ID), zap.Int64(obs.UserID, off[i].User), zap.Int64("allowance", g.allowance))
	}
	if len(off) > maxTold {
		g.log.Warn("more rules switched off", zap.Int("rules", len(off)-maxTold))
	}
	return nil
}

// take gives what the store was not told yet, as far as it is worth it, and
// forgets minutes that are over.
func (g *floodGuard) take() []rule.Minute {
	g.mu.Lock()
	defer g.mu.Unlock()
	var minutes []rule.Minute
	for key, count := range g.counts {
		if count.matches >= tellFrom && count.matches > count.told {
			minutes = append(minutes, rule.Minute{
				Rule: key.rule, Minute: time.Unix(key.minute*60, 0).UTC(), Matches: count.matches - count.told,
			})
			g.counts[key] = minuteCount{count.matches, count.matches}
		}
		if key.minute < g.newest-1 {
			delete(g.counts, key)
		}
	}
	// In one order, so that no two filters wait for each other's rows.
	slices.SortFunc(minutes, func(a, b rule.Minute) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), a.Minute.Compare(b.Minute))
	})
	return minutes
}

func (g *floodGuard) putBack(minutes []rule.Minute) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range minutes {
		key := minuteKey{m.Rule, m.Minute.Unix() / 60}
		count := g.counts[key]
		if count.matches == 0 { // it was forgotten
			count = minuteCount{m.Matches, m.Matches}
		}
		count.told -= m.Matches
		g.counts[key] = count
	}
}

// noteFloods follows which rules are off because they kept too much.
func (r *ruleset) noteFloods(rules []rule.Rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range rules {
		if x := &rules[i]; x.FloodedAt.IsZero() || x.Gone {
			delete(r.flooded, x.ID)
		} else {
			r.flooded[x.ID] = Flood{Rule: x.ID, User: x.User, Value: x.Value, At: x.FloodedAt}
		}
	}
}

func (r *ruleset) countFloods() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.flooded)
}

// floods gives the newest ones, the newest last.
func (r *ruleset) floods() []Flood {
	r.mu.Lock()
	var floods []Flood
	for _, f := range r.flooded {
		floods = append(floods, f)
	}
	r.mu.Unlock()
	slices.SortFunc(floods, func(a, b Flood) int { return a.At.Compare(b.At) })
	return floods[max(0, len(floods)-maxTold):]
}
