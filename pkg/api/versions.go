package api

import (
	"context"
	"sync"
	"time"

	"riffle/pkg/event"
)

const (
	// versionsFresh is how old what is known of the store may be for an answer.
	// All requests of that time share one question to it.
	versionsFresh = 10 * time.Millisecond
	// versionsMax bounds the users that are remembered; beyond it all are
	// forgotten, and cost one question each.
	versionsMax = 200_000
)

// NumberReader tells how far changes have come.
type NumberReader interface {
	// News tells how far all have come, and who has changes after a number.
	News(ctx context.Context, after int64) (event.News, error)
	// LastNumber gives the number of the user's newest change; 0: none.
	LastNumber(ctx context.Context, user int64) (int64, error)
}

// versions knows the number of each active user's newest change. A user is
// looked up once; from then on the number is kept by what filters announce in
// the transactions that make changes, read from the store for all users at once.
// Where an announcement is missing, all users are looked up again.
type versions struct {
	numbers NumberReader
	now     func() time.Time
	fresh   time.Duration

	mu      sync.Mutex
	at      event.News // without users; the newest that was read
	checked time.Time  // when the question that gave it was asked
	running *question
	users   map[int64]*version
	used    time.Time // when somebody asked last
	resting bool
	// changed are the numbers that were announced since changes was called;
	// where an announcement was missing, lost is set.
	changed map[int64]int64
	lost    bool

	roused chan struct{}    // holds one signal for who rests
	cold   chan event.Query // newest pages that changed, of users who polled of late
}

// version is what is known of one user.
type version struct {
	number int64
	// newest is the user's last query for the newest page, polled when it was
	// made.
	newest event.Query
	polled time.Time
	// asking is closed when the user has been looked up; nil once that is done.
	asking chan struct{}
	err    error
}

// question is one question to the store that several wait for.
type question struct {
	began time.Time
	done  chan struct{} // closed when err is set
	err   error
	next  *question // of those for whom this one began too early
}

func newVersions(numbers NumberReader, now func() time.Time) *versions {
	return &versions{
		numbers: numbers, now: now, fresh: versionsFresh, users: map[int64]*version{}, changed: map[int64]int64{},
		roused: make(chan struct{}, 1), cold: make(chan event.Query, warmQueue),
	}
}

// last gives the number of the user's newest change, as the store had it at most
// v.fresh before the call; 0: none.
func (v *versions) last(ctx context.Context, user int64) (int64, error) {
	if err := v.renew(ctx); err != nil {
		return 0, err
	}
	v.mu.Lock()
	v.use()
	known, ok := v.users[user]
	if ok && known.asking == nil {
		number := known.number
		v.mu.Unlock()
		return number, nil
	}
	if !ok {
		known = v.begin(user)
		v.mu.Unlock()
		return v.lookUp(ctx, user, known)
	}
	asking := known.asking
	v.mu.Unlock()
	select {
	case <-asking: // the entry stood when v.renew returned: what it holds now is new enough
		v.mu.Lock()
		defer v.mu.Unlock()
		return known.number, known.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// begin notes that a user is being looked up. What is announced meanwhile goes
// into the entry, so that an answer from before it does no harm.
func (v *versions) begin(user int64) *version {
	if len(v.users) >= versionsMax {
		clear(v.users)
	}
	known := &version{asking: make(chan struct{})}
	v.users[user] = known
	return known
}

func (v *versions) lookUp(ctx context.Context, user int64, known *version) (int64, error) {
	// Others wait for this answer: the first asker's leaving must not spoil it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	number, err := v.numbers.LastNumber(ctx, user)
	v.mu.Lock()
	defer v.mu.Unlock()
	known.number, known.err = max(known.number, number), err
	close(known.asking)
	known.asking = nil
	if err != nil && v.users[user] == known {
		delete(v.users, user)
	}
	return known.number, err
}

// renew makes sure that what is known is as new as it must be.
func (v *versions) renew(ctx context.Context) error {
	v.mu.Lock()
	oldest := v.now().Add(-v.fresh)
	if v.fresh > 0 && v.checked.After(oldest) {
		v.mu.Unlock()
		return nil
	}
	mine, before, first := v.join(oldest)
	v.mu.Unlock()
	if first {
		if before != nil {
			<-before.done // a question has its own deadline
		}
		v.read(ctx, mine)
	}
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join gives the question whose answer will do, the one to be waited for, and
// whether the caller is the first of its own, who asks for all.
func (v *versions) join(oldest time.Time) (mine, before *question, first bool) {
	before = v.running
	switch {
	case before == nil:
		v.running = &question{done: make(chan struct{})}
		return v.running, nil, true
	case v.fresh > 0 && before.began.After(oldest):
		return before, nil, false
	case before.next == nil:
		before.next = &question{done: make(chan struct{})}
		return before.next, before, true
	}
	return before.next, nil, false
}

func (v *versions) read(ctx context.Context, mine *question) {
	// The others wait too: the first one's leaving must not spoil it for them.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	v.mu.Lock()
	mine.began = v.now()
	after := v.at.Changes
	v.mu.Unlock()
	news, err := v.numbers.News(ctx, after)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		v.take(&news, mine.began)
	}
	mine.err = err
	v.running = mine.next
	close(mine.done)
}

// take keeps what was read.
func (v *versions) take(news *event.News, began time.Time) {
	if !news.Whole {
		clear(v.users)
	}
	v.note(news)
	for user, number := range news.Users {
		if known, ok := v.users[user]; ok {
			known.number = max(known.number, number)
			v.chill(known, began)
		}
	}
	v.at = event.News{Changes: news.Changes, Tokens: news.Tokens, Rules: news.Rules, Kept: news.Kept}
	v.checked = began
}

// note keeps who changed for the one who tells them.
func (v *versions) note(news *event.News) {
	if !news.Whole || len(v.changed) > versionsMax {
		v.lost = true
		clear(v.changed)
	}
	for user, number := range news.Users {
		v.changed[user] = max(v.changed[user], number)
	}
}

// changes gives the numbers of the users that changed since the last call; whole
// says that there are no others.
func (v *versions) changes() (changed map[int64]int64, whole bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	changed, whole = v.changed, !v.lost
	v.changed, v.lost = map[int64]int64{}, false
	return changed, whole
}

// chill has the newest page of a user who polled of late read again.
func (v *versions) chill(known *version, now time.Time) {
	if known.polled.IsZero() || now.Sub(known.polled) > warmFor {
		return
	}
	select {
	case v.cold <- known.newest:
	default:
	}
}

// polls notes which page of the newest matches a user asks for.
func (v *versions) polls(q *event.Query) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if known, ok := v.users[q.User]; ok {
		known.newest, known.polled = *q, v.checked
	}
}

// of gives the numbers of those users that are known, and the others.
func (v *versions) of(users []int64) (numbers map[int64]int64, unknown []int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	numbers = make(map[int64]int64, len(users))
	for _, user := range users {
		if known, ok := v.users[user]; ok && known.asking == nil {
			numbers[user] = known.number
		} else {
			unknown = append(unknown, user)
		}
	}
	return numbers, unknown
}

// wake ends a rest.
func (v *versions) wake() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.use()
}

func (v *versions) use() {
	v.used = v.checked
	if v.resting {
		v.resting = false
		v.roused <- struct{}{}
	}
}

// rest returns at once while users are active, else when one is again; false
// says that ctx ended first.
func (v *versions) rest(ctx context.Context) bool {
	v.mu.Lock()
	v.resting = v.checked.Sub(v.used) > warmFor || v.checked.IsZero()
	resting := v.resting
	v.mu.Unlock()
	if !resting {
		return ctx.Err() == nil
	}
	select {
	case <-v.roused:
		return true
	case <-ctx.Done():
		return false
	}
}

// kept gives the number below which changes may have been purged, and that of the
// newest change of all.
func (v *versions) kept() (from, newest int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at.Kept, v.at.Changes
}

// rules gives the number of the newest change of a rule.
func (v *versions) rules() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at.Rules
}

// tokens gives the number of the newest change of a token, and when that was
// asked.
func (v *versions) tokens() (number int64, asked time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at.Tokens, v.checked
}
