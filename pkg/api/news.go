package api

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/obs"
	"riffle/pkg/retry"
)

const (
	// newsEvery is how often the store is asked for news while somebody waits or
	// has polled of late. It bounds what waiting adds to a match's delay.
	newsEvery = 20 * time.Millisecond
	// newsPause is how long asking rests after a failure.
	newsPause = time.Second
)

// news wakes the readers that wait for a change of a user's matches. However
// many wait, a round costs one question, and none when nobody is there.
type news struct {
	versions *versions
	log      *zap.Logger

	mu      sync.Mutex
	watched map[int64]*watch
	joined  []int64 // users of whom no number was told since somebody watches them
}

// watch is a user that somebody waits for.
type watch struct {
	readers int
	last    int64
	changed chan struct{} // closed when last grows
}

func newNews(versions *versions, log *zap.Logger) *news {
	return &news{versions: versions, log: log, watched: map[int64]*watch{}}
}

// wait returns true once the watched user has a change with a number above seen,
// false when ctx ends or look fires.
func (n *news) wait(ctx context.Context, w *watch, seen int64, look <-chan time.Time) bool {
	for {
		last, changed := n.state(w)
		if last > seen {
			return true
		}
		select {
		case <-changed:
		case <-look:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// join watches a user, until leave.
func (n *news) join(user int64) *watch {
	n.versions.wake()
	n.mu.Lock()
	defer n.mu.Unlock()
	w, ok := n.watched[user]
	if !ok {
		w = &watch{changed: make(chan struct{})}
		n.watched[user] = w
		n.joined = append(n.joined, user)
	}
	w.readers++
	return w
}

func (n *news) leave(user int64, w *watch) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if w.readers--; w.readers == 0 {
		delete(n.watched, user)
	}
}

func (n *news) state(w *watch) (last int64, changed <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return w.last, w.changed
}

// run asks until ctx ends.
func (n *news) run(ctx context.Context) {
	for {
		if n.idle() && !n.versions.rest(ctx) {
			return
		}
		pause := newsEvery
		if err := n.ask(ctx); err != nil {
			pause = newsPause
			if ctx.Err() == nil && !retry.IsTransient(err) {
				n.log.Warn("news not read", zap.NamedError(obs.Error, err))
			}
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

func (n *news) idle() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.watched) == 0
}

// ask tells the watched users' numbers: of those that changed, of those that are
// watched anew, and of all where it is not known who changed.
func (n *news) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	users := n.unknown() // before the question: what changes after it is told with the next
	err := n.versions.renew(ctx)
	changed, whole := n.versions.changes()
	n.tell(changed)
	if !whole {
		users = n.users()
	}
	if err == nil {
		err = n.lookUp(ctx, users)
	}
	if err != nil {
		n.mu.Lock()
		n.joined = append(n.joined, users...)
		n.mu.Unlock()
	}
	return err
}

func (n *news) lookUp(ctx context.Context, users []int64) error {
	known, unknown := n.versions.of(users)
	for _, user := range unknown {
		last, err := n.versions.last(ctx, user)
		if err != nil {
			return err
		}
		known[user] = last
	}
	n.tell(known)
	return nil
}

func (n *news) unknown() []int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	users := n.joined
	n.joined = nil
	return users
}

func (n *news) users() []int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(n.watched))
}

func (n *news) tell(known map[int64]int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for user, last := range known {
		w, ok := n.watched[user]
		if !ok || last <= w.last {
			continue
		}
		w.last = last
		close(w.changed)
		w.changed = make(chan struct{})
	}
}

// sleep waits for d; false says that ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
