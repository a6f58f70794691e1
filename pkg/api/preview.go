package api

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"riffle/pkg/auth"
	"riffle/pkg/event"
	"riffle/pkg/rule"
)

// How much a preview looks at. It says how much that was.
const (
	previewEvents = 10_000
	previewPage   = 500
	previewTime   = time.Second
	// previewSpan is how far back it looks, from the newest event on: of older
	// ones the store has those alone that somebody keeps.
	previewSpan = time.Hour
	// previewSamples is how many of the events found are shown.
	previewSamples = 10
	// previews is how many run at once, of as many users: they take a whole core
	// each.
	previews = 2
	// previewWait is how long one waits for its turn: longer than one takes.
	previewWait = 2 * time.Second
)

// EventReader reads what is stored, whoever keeps it.
type EventReader interface {
	// NewestEvents gives up to limit events, the newest first, of all audiences. before is 0, or the next of the call before; next is 0 where
	// there are no more.
	NewestEvents(ctx context.Context, before int64, limit int) (events []event.Stored, next int64, err error)
}

// previewForm says what a draft would have kept.
type previewForm struct {
	LookedAt  int          `json:"looked_at"`
	From      stamp        `json:"from"`
	To        stamp        `json:"to"`
	Count     int          `json:"count"`
	Share     float64      `json:"share"`
	PerDay    float64      `json:"per_day"`
	Canonical string       `json:"canonical"`
	Warnings  []mistake    `json:"warnings"`
	Samples   []sampleForm `json:"samples"`
}

// sampleForm is an event that the draft matches, and why.
type sampleForm struct {
	Event json.RawMessage `json:"event"`
	Spans []event.Span    `json:"spans"`
}

// previewRule serves POST /v1/rules/preview: a draft over what is stored, with
// the matcher of the filter.
func (a *API) previewRule(w http.ResponseWriter, r *http.Request, who *identity) error {
	draft, err := readRule(w, r)
	if err != nil {
		return err
	}
	done, err := a.previews.take(r.Context(), who.user())
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	user, err := a.store.User(ctx, who.user())
	if err != nil {
		return err
	}
	look, err := newPreview(&user, draft.Value)
	if err != nil {
		return err
	}
	if err := look.run(ctx, a.store); err != nil {
		return err
	}
	form := look.form()
	form.Canonical, form.Warnings = draft.Canonical, append(warningsOf(draft.Value), broad(draft.Value, look.estimate.share(), look.looked)...)
	return writeData(w, http.StatusOK, none{}, form)
}

// turns lets each user run one preview at a time, and all together a few: who
// asks for many waits behind themselves, and nobody else does.
type turns struct {
	all chan struct{} // holds one for each that runs

	mu    sync.Mutex
	users map[int64]*turn
}

// turn is that of one user, while somebody runs or waits.
type turn struct {
	taken  chan struct{} // holds one while one has it
	askers int
}

func newTurns() *turns { return &turns{all: make(chan struct{}, previews), users: map[int64]*turn{}} }

// take waits for the user's turn, until the function that it gives is called.
//
// Errors: *requestError of kind rateLimited where it does not come; that of ctx.
func (t *turns) take(ctx context.Context, user int64) (done func(), err error) {
	mine := t.join(user)
	late := time.NewTimer(previewWait)
	defer late.Stop()
	if err := await(ctx, mine.taken, late, "Another of your previews is running. Let it end, or give it up."); err != nil {
		t.leave(user, mine)
		return nil, err
	}
	if err := await(ctx, t.all, late, "As many previews are running as the server can bear. Try again in a moment."); err != nil {
		<-mine.taken
		t.leave(user, mine)
		return nil, err
	}
	return func() {
		<-t.all
		<-mine.taken
		t.leave(user, mine)
	}, nil
}

// await takes a place in a channel, before it is late.
func await(ctx context.Context, places chan struct{}, late *time.Timer, why string) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-late.C:
		return rateLimited.because("%s", why).telling("Retry-After", "1")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) join(user int64) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine, ok := t.users[user]
	if !ok {
		mine = &turn{taken: make(chan struct{}, 1)}
		t.users[user] = mine
	}
	mine.askers++
	return mine
}

func (t *turns) leave(user int64, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.askers--; mine.askers == 0 {
		delete(t.users, user)
	}
}

// preview runs one rule over stored events.
type preview struct {
	accounts []string
	matcher  *rule.Matcher

	looked  int
	count   int
	samples []sampleForm
	// estimate is of what is stored; much else may have come.
	estimate estimate
	written  []event.Time // when the events that were looked at were written
	oldest   event.Time   // and when they arrived
	newest   event.Time
}

func newPreview(user *auth.User, value string) (*preview, error) {
	index := rule.NewIndex()
	// As a rule that keeps, whatever the draft does: what a drop rule matches is
	// what the asker wants to see.
	if err := index.Put(rule.Rule{ID: 1, User: user.ID, Value: value, Action: rule.Keep, Enabled: true}); err != nil {
		return nil, err
	}
	return &preview{accounts: user.Accounts, matcher: index.NewMatcher(), samples: []sampleForm{}}, nil
}

// run looks at events until there are no more, or it has looked at enough.
func (p *preview) run(ctx context.Context, events EventReader) error {
	began, before := time.Now(), int64(0)
	for p.looked < previewEvents {
		page, next, err := events.NewestEvents(ctx, before, previewPage)
		if err != nil {
			return err
		}
		for _, stored := range page {
			// Some expressions take milliseconds an event, so that a page of
			// events is far more than the time.
			if !p.look(stored) || time.Since(began) >= previewTime {
				return nil
			}
		}
		if next == 0 {
			return nil
		}
		before = next
	}
	return nil
}

// look judges one event; false says that it is too old to go on.
func (p *preview) look(stored event.Stored) bool {
	ev, err := event.ParseJSON(stored.Body)
	if err != nil || !isVisible(ev, p.accounts) {
		return true // what an older version stored is no reason to show nothing
	}
	if p.newest-ev.ReceivedAt > event.Time(previewSpan.Milliseconds()) {
		return false
	}
	if p.looked == 0 {
		p.newest = ev.ReceivedAt
	}
	p.looked++
	p.oldest = ev.ReceivedAt
	p.written = append(p.written, cmp.Or(ev.CreatedAt, ev.ReceivedAt))
	hits := p.matcher.Match(ev, nil)
	p.estimate.add(ev.Key, stored.Sampled, len(hits) > 0)
	if len(hits) == 0 {
		return true
	}
	p.count++
	if len(p.samples) < previewSamples {
		p.samples = append(p.samples, sampleForm{Event: stored.Body, Spans: p.matcher.Spans(hits[0])})
	}
	return true
}

// isVisible reports whether somebody with these accounts may see the event.
func isVisible(ev *event.Event, accounts []string) bool {
	return len(ev.Audience) == 0 ||
		slices.ContainsFunc(ev.Audience, func(a string) bool { return slices.Contains(accounts, a) })
}

// form sums up.
func (p *preview) form() previewForm {
	form := previewForm{
		LookedAt: p.looked, Count: p.count, Samples: p.samples, Share: p.estimate.share(),
		From: stamp(p.oldest.Std()), To: stamp(p.newest.Std()),
	}
	_, form.PerDay = p.estimate.totals()
	if days := p.days(); days > 0 {
		form.PerDay /= days
	}
	form.PerDay = math.Round(10*form.PerDay) / 10
	return form
}

// days is the time over which the events were written, in days. It goes by their
// middle nine tenths: a file that is read at full speed arrives within a second,
// and now and then somebody reposts what is years old.
func (p *preview) days() float64 {
	if p.looked == 0 {
		return 0
	}
	slices.Sort(p.written)
	low, high := p.written[p.looked/20], p.written[p.looked-1-p.looked/20]
	return float64(high-low) / 0.9 / float64((24 * time.Hour).Milliseconds())
}
