package api

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/obs"
	"riffle/pkg/rule"
)

// A rule is broad when it matches more than 1 % of all events. Of fewer than
// broadEvents that cannot be told.
const (
	broadShare  = 0.01
	broadEvents = 1000
	// broadLook is how many events a rule is tried on when it is written, and
	// broadAge how old these may be.
	broadLook = 2000
	broadAge  = 30 * time.Second
	// broadTime is what reading them may add to the answer.
	broadTime = 500 * time.Millisecond
)

// recent keeps the newest public events, so that every rule that somebody writes
// can be tried on them.
type recent struct {
	reader EventReader
	now    func() time.Time

	mu     sync.Mutex
	read   time.Time
	events []recentEvent
}

type recentEvent struct {
	*event.Event
	sampled bool
}

// list gives the events, read anew when they are old. On an error it gives those
// from before.
func (r *recent) list(ctx context.Context) ([]recentEvent, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.read.IsZero() && r.now().Sub(r.read) < broadAge {
		return r.events, nil
	}
	ctx, cancel := context.WithTimeout(ctx, broadTime)
	defer cancel()
	stored, _, err := r.reader.NewestEvents(ctx, 0, broadLook)
	if err != nil {
		return r.events, err
	}
	events := make([]recentEvent, 0, len(stored))
	for _, e := range stored {
		if ev, err := event.ParseJSON(e.Body); err == nil && isVisible(ev, nil) {
			events = append(events, recentEvent{ev, e.Sampled})
		}
	}
	r.events, r.read = events, r.now()
	return r.events, nil
}

// warnIfBroad tries a rule on the newest events. Where they cannot be read there
// is no warning: the rule is good all the same.
func (a *API) warnIfBroad(ctx context.Context, value string) []mistake {
	events, err := a.recent.list(ctx)
	if err != nil {
		a.log.Debug("newest events not read", zap.NamedError(obs.Error, err))
	}
	index := rule.NewIndex()
	if err := index.Put(rule.Rule{ID: 1, User: 1, Value: value, Enabled: true}); err != nil {
		return nil // its errors were told
	}
	matcher, all := index.NewMatcher(), estimate{}
	for _, ev := range events {
		all.add(ev.Key, ev.sampled, len(matcher.Match(ev.Event, nil)) > 0)
	}
	return broad(value, all.share(), len(events))
}

// broad warns of a rule that matches too large a share of all events, by those
// that it was tried on.
func broad(value string, share float64, looked int) []mistake {
	if looked < broadEvents || share <= broadShare {
		return nil
	}
	start, length := 0, len(value)
	return []mistake{{
		Code: rule.CodeBroad, Offset: &start, Length: &length,
		Message: fmt.Sprintf("This matches %.1f %% of all posts.", 100*share),
		Hint:    "add a word that says what you look for",
	}}
}
