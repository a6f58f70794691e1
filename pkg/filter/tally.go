package filter

import (
	"context"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/rule"
)

// flushEvery is how old the counts of rules in the store may be.
const flushEvery = 5 * time.Second

// tally gathers what rules matched, by the hour, and adds it to the store now
// and then. Counts are for people: they survive an outage of the store, but not
// the end of the process during one.
type tally struct {
	writer Writer
	log    *zap.Logger
	mu     sync.Mutex
	counts map[tallyKey]tallied
}

type tallied struct {
	matches int64
	last    int64 // seconds since 1970
}

// and joins two.
func (t tallied) and(other tallied) tallied {
	return tallied{t.matches + other.matches, max(t.last, other.last)}
}

type tallyKey struct {
	rule int64
	hour int64 // since 1970
}

func newTally(w Writer, log *zap.Logger) *tally {
	return &tally{writer: w, log: log, counts: make(map[tallyKey]tallied)}
}

// add counts the matches of committed verdicts.
func (t *tally) add(verdicts []event.Verdict, now time.Time) {
	one := tallied{1, now.Unix()}
	hour := one.last / 3600
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range verdicts {
		for _, m := range verdicts[i].Matches {
			for k := range m.Rules {
				if id, err := strconv.ParseInt(m.Rules[k].ID, 10, 64); err == nil {
					key := tallyKey{id, hour}
					t.counts[key] = t.counts[key].and(one)
				}
			}
		}
	}
}

// flushEvery flushes until ctx ends.
func (t *tally) flushEvery(ctx context.Context, interval time.Duration) {
	tellEvery(ctx, interval, t.flush, func(err error) {
		t.log.Warn("counts of rules wait for the store", zap.Error(err))
	})
}

// tellEvery calls tell at each interval until ctx ends; failed hears of the
// first failure of a row.
func tellEvery(ctx context.Context, interval time.Duration, tell func(context.Context) error, failed func(error)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := tell(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			failed(err)
		}
		failing = err != nil
	}
}

// last flushes once more when the filter stops.
func (t *tally) last(ctx context.Context) {
	if err := t.flush(context.WithoutCancel(ctx)); err != nil {
		t.log.Warn("counts of rules are lost", zap.Error(err))
	}
}

// flush adds the counts to the store; those it does not take are kept.
func (t *tally) flush(ctx context.Context) error {
	t.mu.Lock()
	taken := t.counts
	t.counts = make(map[tallyKey]tallied, len(taken))
	t.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	counts := make([]rule.Count, 0, len(taken))
	for k, n := range taken {
		counts = append(counts, rule.Count{
			Rule: k.rule, Hour: time.Unix(k.hour*3600, 0).UTC(), Matches: n.matches, Last: time.Unix(n.last, 0).UTC(),
		})
	}
	err := call(ctx, callTimeout, func(ctx context.Context) error { return t.writer.AddRuleCounts(ctx, counts) })
	if err != nil {
		t.putBack(taken)
	}
	return err
}

func (t *tally) putBack(counts map[tallyKey]tallied) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, n := range counts {
		t.counts[k] = t.counts[k].and(n)
	}
}
