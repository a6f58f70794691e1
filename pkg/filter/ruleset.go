package filter

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/auth"
	"riffle/pkg/obs"
	"riffle/pkg/retry"
	"riffle/pkg/rule"
)

const (
	// refreshEvery leaves a change of a rule three chances to be live within
	// the 2 s that are promised.
	refreshEvery = 500 * time.Millisecond
	// rulePage is how many rules or changes one query asks for.
	rulePage = 20_000
)

// ruleset follows the rules and links in the store. Only one goroutine at a
// time may call load or follow; the index and links are safe to read meanwhile.
type ruleset struct {
	source   Rules
	log      *zap.Logger
	counters *counters
	status   *status
	index    *rule.Index
	links    *links

	rulesAt, linksAt int64 // the greatest numbers seen
	loadedTo         int64 // the greatest id that load saw
	loaded           bool  // it saw all
	failing          bool

	// mu guards what the status asks for.
	mu      sync.Mutex
	broken  map[int64]Broken // rules that did not compile and were told of
	flooded map[int64]Flood
}

func newRuleset(source Rules, log *zap.Logger, c *counters, s *status) *ruleset {
	return &ruleset{
		source: source, log: log, counters: c, status: s,
		index: rule.NewIndex(), links: newLinks(), broken: make(map[int64]Broken), flooded: make(map[int64]Flood),
	}
}

// load reads all rules and links, for as long as it takes the store to answer:
// an event judged without them would be lost to its users.
func (r *ruleset) load(ctx context.Context) error {
	start := time.Now()
	err := retry.Do(ctx, func(ctx context.Context) error {
		if err := r.loadAll(ctx); err != nil {
			return err
		}
		return r.refresh(ctx)
	}, func(err error, _ time.Duration) { r.failed(err) })
	if err != nil {
		return err
	}
	r.succeeded()
	r.log.Info("rules loaded", zap.Int("rules", r.index.Len()), zap.Int64(obs.ElapsedMS, time.Since(start).Milliseconds()))
	return nil
}

// loadAll files the rules that are in force; what changed meanwhile is left to
// refresh. After a failure it goes on where it was.
func (r *ruleset) loadAll(ctx context.Context) error {
	if r.loaded {
		return nil
	}
	if r.loadedTo == 0 {
		err := call(ctx, callTimeout, func(ctx context.Context) (err error) {
			r.rulesAt, err = r.source.RuleNumber(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var err error
	for _, e := range r.index.LoadAll(r.pages(ctx, &err)) {
		r.tell(e.Rule, e.Err)
	}
	return errors.Join(err, ctx.Err())
}

// pages gives those rules that are switched on, page by page, and then what
// stopped it.
func (r *ruleset) pages(ctx context.Context, err *error) iter.Seq[[]rule.Rule] {
	return func(yield func([]rule.Rule) bool) {
		for p := range r.readAhead(ctx, r.loadedTo) {
			if *err = p.err; p.err != nil {
				return
			}
			if n := len(p.rules); n > 0 {
				r.loadedTo = p.rules[n-1].ID
			}
			r.loaded = len(p.rules) < rulePage
			r.noteFloods(p.rules)
			if !yield(slices.DeleteFunc(p.rules, func(x rule.Rule) bool { return !x.Enabled })) {
				return
			}
		}
	}
}

type readPage struct {
	rules []rule.Rule
	err   error
}

// readAhead reads pages of rules by id until the last one, an error or the end of
// ctx. While one is filed the next is read.
func (r *ruleset) readAhead(ctx context.Context, after int64) <-chan readPage {
	pages := make(chan readPage)
	go func() {
		defer close(pages)
		for {
			rules, err := page(ctx, r.source.RulesInForce, after)
			select {
			case pages <- readPage{rules, err}:
			case <-ctx.Done():
				return
			}
			if err != nil || len(rules) < rulePage {
				return
			}
			after = rules[len(rules)-1].ID
		}
	}()
	return pages
}

// follow keeps rules and links up to date until ctx ends. While the store can't
// be read, the filter goes on with what it has.
func (r *ruleset) follow(ctx context.Context) {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := r.refresh(ctx); err == nil {
			r.succeeded()
		} else if ctx.Err() == nil {
			r.failed(err)
		}
		r.index.Upkeep()
	}
}

// refresh reads all changes since the last time.
func (r *ruleset) refresh(ctx context.Context) error {
	for {
		rules, err := page(ctx, r.source.RulesSince, r.rulesAt)
		if err != nil {
			return err
		}
		r.applyRules(rules)
		r.noteFloods(rules)
		if len(rules) > 0 {
			r.rulesAt = rules[len(rules)-1].Number
		}
		if len(rules) < rulePage {
			break
		}
	}
	for {
		links, err := page(ctx, r.source.LinksSince, r.linksAt)
		if err != nil {
			return err
		}
		r.links.apply(links)
		if len(links) > 0 {
			r.linksAt = links[len(links)-1].Number
		}
		if len(links) < rulePage {
			return nil
		}
	}
}

// page asks for what follows a number or id within a deadline.
func page[T any](ctx context.Context, after func(context.Context, int64, int) ([]T, error), last int64) (rows []T, err error) {
	err = call(ctx, callTimeout, func(ctx context.Context) error {
		rows, err = after(ctx, last, rulePage)
		return err
	})
	return rows, err
}

// applyRules files changes one by one, while matching goes on.
func (r *ruleset) applyRules(rules []rule.Rule) {
	for _, x := range rules {
		if !x.Enabled || x.Gone {
			r.index.Remove(x.ID)
			r.mended(x.ID)
			continue
		}
		if err := r.index.Put(x); err != nil {
			r.tell(x.ID, err)
			continue
		}
		r.mended(x.ID)
	}
}

// tell reports a rule that does not compile, once. What it was before stays in
// force.
func (r *ruleset) tell(id int64, err error) {
	r.counters.brokenRule()
	r.mu.Lock()
	_, known := r.broken[id]
	if !known {
		r.broken[id] = Broken{Rule: id, Reason: err.Error(), At: time.Now()}
	}
	r.mu.Unlock()
	if known {
		return
	}
	r.log.Error("rule does not compile; its former version, if any, stays in force", zap.Int64(obs.RuleID, id), zap.Error(err))
}

func (r *ruleset) mended(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.broken, id)
}

// brokenRules gives those that did not compile, the newest last.
func (r *ruleset) brokenRules() []Broken {
	r.mu.Lock()
	broken := slices.Collect(maps.Values(r.broken))
	r.mu.Unlock()
	slices.SortFunc(broken, func(a, b Broken) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Rule, b.Rule)) })
	return broken[max(0, len(broken)-maxTold):]
}

func (r *ruleset) failed(err error) {
	r.counters.refreshFailed()
	r.status.failed(err)
	if !r.failing {
		r.log.Warn("rules can't be refreshed, going on with what there is", zap.Error(err))
	}
	r.failing = true
}

func (r *ruleset) succeeded() {
	if r.failing {
		r.log.Info("rules are refreshed again")
	}
	r.failing = false
	now := time.Now()
	r.status.refreshed(now)
	r.counters.refreshed(now, r.index.Len(), r.countFloods())
}

// links tells whose rules judge what an account saw.
type links struct {
	users atomic.Pointer[map[string][]int64]
	mu    sync.Mutex // held by writers
}

func newLinks() *links {
	l := new(links)
	l.users.Store(new(map[string][]int64))
	return l
}

// appendUsers appends the users linked to accounts; one may come twice.
func (l *links) appendUsers(users []int64, accounts []string) []int64 {
	linked := *l.users.Load()
	for _, account := range accounts {
		users = append(users, linked[account]...)
	}
	return users
}

// apply publishes changes; readers see all of them or none.
func (l *links) apply(changes []auth.Link) {
	if len(changes) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	next := make(map[string][]int64, len(*l.users.Load())+len(changes))
	for account, users := range *l.users.Load() {
		next[account] = users
	}
	for _, c := range changes {
		next[c.Account] = relink(next[c.Account], c)
		if len(next[c.Account]) == 0 {
			delete(next, c.Account)
		}
	}
	l.users.Store(&next)
}

// relink copies users with one change: readers hold the old slice.
func relink(users []int64, c auth.Link) []int64 {
	next := make([]int64, 0, len(users)+1)
	for _, u := range users {
		if u != c.User {
			next = append(next, u)
		}
	}
	if !c.Gone {
		next = append(next, c.User)
	}
	return next
}
