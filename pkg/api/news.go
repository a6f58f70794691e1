package api

import (
	"context"
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

// wait returns true once the user has a change with a number above seen, false
// when ctx ends.
func (n *news) wait(ctx context.Context, user, seen int64) bool {
	w := n.join(user)
	defer n.leave(user, w)
	for {
		last, changed := n.state(w)
		if last > seen {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (n *news) join(user int64) *watch {
	n.versions.wake()
	n.mu.Lock()
	defer n.mu.Unlock()
	w, ok := n.watched[user]
	if !ok {
		w = &watch{changed: make(chan struct{})}
		n.watched[user] = w
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
		users := n.users()
		if len(users) == 0 && !n.versions.rest(ctx) {
			return
		}
		pause := newsEvery
		if err := n.ask(ctx, users); err != nil {
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

func (n *news) users() []int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	users := make([]int64, 0, len(n.watched))
	for user := range n.watched {
		users = append(users, user)
	}
	return users
}

func (n *news) ask(ctx context.Context, users []int64) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := n.versions.renew(ctx); err != nil {
		return err
	}
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
