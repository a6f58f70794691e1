package api

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"riffle/pkg/auth"
	"riffle/pkg/event"
	"riffle/pkg/pause"
	"riffle/pkg/retry"
	"riffle/pkg/rule"
)

// testStore is what the suite needs of a store: the api's part, and the means to
// fill it.
type testStore interface {
	Store
	AddLogin(ctx context.Context, hash [32]byte, user int64, expires time.Time) error
	Write(ctx context.Context, batch *event.Batch) error
	LinkAccount(ctx context.Context, user int64, account string) error
}

// memory is a store without a server. Its answers follow the contract of
// event.Page; that the real ones do too is checked by running one suite on both.
type memory struct {
	numbers map[int64]rule.Numbers
	now     func() time.Time

	mu      sync.Mutex
	down    error // answered by every call while set
	number  int64
	floor   int64 // the newest change that is purged
	kept    int64 // what came before it may be
	ruled   int64 // number of the newest change of a rule
	users   []auth.User
	tokens  []auth.Token
	rules   []rule.Rule
	rotated map[int64]bool // tokens, by id
	logins  map[[32]byte]auth.Token
	changes map[int64][]event.Change
	events  []json.RawMessage
	revised int64       // number of the newest change of a token
	lookups int         // of tokens
	asked   event.Query // for matches, last
	pages   int         // of matches
	dead    []event.DeadLetter
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, number: now().UnixMicro(), logins: map[[32]byte]auth.Token{}, rotated: map[int64]bool{}, changes: map[int64][]event.Change{}}
}

var errAway = retry.Transient(errors.New("connection refused to 10.0.0.1:3306"))

// setDown makes every call fail; nil ends the outage.
func (m *memory) setDown(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

func (m *memory) next() int64 {
	m.number = max(m.number+1, m.now().UnixMicro())
	return m.number
}

func (m *memory) Ping(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.down
}

func (m *memory) CountDeadLetters(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return 3, m.down
}

func (m *memory) DeadLetters(_ context.Context, before int64, limit int) ([]event.DeadLetter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []event.DeadLetter
	for _, d := range slices.Backward(m.dead) {
		if (before == 0 || d.ID < before) && len(found) < limit {
			d.Data = nil
			found = append(found, d)
		}
	}
	return found, m.down
}

func (m *memory) DeadLetter(_ context.Context, id int64) (event.DeadLetter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.dead {
		if d.ID == id {
			return d, m.down
		}
	}
	return event.DeadLetter{}, cmp.Or(m.down, event.ErrNotFound)
}

func (m *memory) DropDeadLetter(_ context.Context, id int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.dead)
	m.dead = slices.DeleteFunc(m.dead, func(d event.DeadLetter) bool { return d.ID == id })
	if m.down != nil || len(m.dead) < before {
		return m.down
	}
	return event.ErrNotFound
}

func (m *memory) LastNumber(_ context.Context, user int64) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	changes := m.changes[user]
	if len(changes) == 0 {
		return 0, m.down
	}
	return changes[len(changes)-1].Number, m.down
}

func (m *memory) News(_ context.Context, after int64) (event.News, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	news := event.News{Changes: m.number, Tokens: m.revised, Rules: m.ruled, Kept: m.kept, Users: map[int64]int64{}, Whole: after > 0}
	for user, changes := range m.changes {
		if last := changes[len(changes)-1].Number; last > after {
			news.Users[user] = last
		}
	}
	return news, m.down
}

func (m *memory) Matches(_ context.Context, q event.Query) (event.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return event.Page{}, m.down
	}
	m.asked = q
	m.pages++
	if q.HasAfter && q.After < m.floor {
		return event.Page{}, event.ErrCursorExpired
	}
	var found []event.Change
	for _, c := range m.changes[q.User] {
		if wanted(&c, &q) {
			found = append(found, c)
		}
	}
	if !q.HasAfter {
		slices.Reverse(found)
	}
	page := event.Page{More: len(found) > q.Limit, Next: m.number}
	page.Changes = found[:min(len(found), q.Limit)]
	switch {
	case q.HasAfter && page.More:
		page.Next = page.Changes[q.Limit-1].Number
	case !q.HasAfter && len(page.Changes) > 0:
		page.Prev = page.Changes[len(page.Changes)-1].Number
	}
	return page, nil
}

func wanted(c *event.Change, q *event.Query) bool {
	if q.HasAfter && c.Number <= q.After || q.Before > 0 && c.Number >= q.Before {
		return false
	}
	if len(q.IDs) > 0 && !slices.Contains(q.IDs, c.ID) {
		return false
	}
	if c.Kind == event.ChangeDelete {
		return q.HasAfter
	}
	var rules []event.RuleMatch
	_ = json.Unmarshal(c.Rules, &rules)
	tag := q.Tag == "" || slices.ContainsFunc(rules, func(r event.RuleMatch) bool { return r.Tag == q.Tag })
	return tag && (q.Rule == "" || slices.ContainsFunc(rules, func(r event.RuleMatch) bool { return r.ID == q.Rule }))
}

// Write applies the verdicts of a batch.
func (m *memory) Write(_ context.Context, batch *event.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range batch.Verdicts {
		if !v.Event.Deleted {
			m.events = append(m.events, v.JSON)
		}
		if v.Event.Deleted {
			for user := range m.changes {
				m.put(user, v, nil)
			}
		}
		for _, match := range v.Matches {
			m.put(match.User, v, match.Rules)
		}
	}
	return m.down
}

func (m *memory) put(user int64, v event.Verdict, rules []event.RuleMatch) {
	key := event.ID(v.Event.Key)
	raw := append(binary.AppendUvarint(nil, uint64(user)), key[:]...)
	change := event.Change{ID: base64.RawURLEncoding.EncodeToString(raw), MatchedAt: event.TimeOf(m.now())}
	at := slices.IndexFunc(m.changes[user], func(c event.Change) bool { return c.ID == change.ID })
	if at >= 0 {
		change.Kind = event.ChangeUpdate
		m.changes[user] = slices.Delete(m.changes[user], at, at+1)
	} else if v.Event.Deleted {
		return
	}
	change.Number = m.next()
	if v.Event.Deleted {
		change.Kind, change.MatchedAt = event.ChangeDelete, 0
	} else {
		change.Event = v.JSON
		change.Rules, _ = json.Marshal(rules)
	}
	m.changes[user] = append(m.changes[user], change)
}

func (m *memory) NewestEvents(_ context.Context, before int64, limit int) ([]event.Stored, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	to := len(m.events)
	if before != 0 {
		to = int(before)
	}
	from := max(0, to-limit)
	var page []event.Stored
	for _, body := range slices.Backward(m.events[from:to]) {
		page = append(page, event.Stored{Body: body, Sampled: true})
	}
	return page, int64(from), m.down
}

func (m *memory) LinkAccount(_ context.Context, user int64, account string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.users {
		if m.users[i].ID == user {
			m.users[i].Accounts = append(m.users[i].Accounts, account)
		}
	}
	return m.down
}

func (m *memory) Rules(_ context.Context, user int64) ([]rule.Rule, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []rule.Rule
	for _, r := range m.rules {
		if r.User == user {
			found = append(found, r)
		}
	}
	return found, m.down
}

func (m *memory) CountRules(ctx context.Context, user int64) (int, error) {
	rules, err := m.Rules(ctx, user)
	return len(rules), err
}

func (m *memory) Rule(_ context.Context, user, id int64) (rule.Rule, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.ruleAt(user, id)
	if err != nil {
		return rule.Rule{}, err
	}
	return m.rules[at], nil
}

func (m *memory) RuleLike(_ context.Context, user int64, canonical string) (rule.Rule, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rules {
		if r.User == user && r.Canonical == canonical {
			return r, m.down
		}
	}
	return rule.Rule{}, cmp.Or(m.down, event.ErrNotFound)
}

func (m *memory) ruleAt(user, id int64) (int, error) {
	at := slices.IndexFunc(m.rules, func(r rule.Rule) bool { return r.User == user && r.ID == id })
	if at < 0 {
		return at, cmp.Or(m.down, event.ErrNotFound)
	}
	return at, m.down
}

func (m *memory) taken(r rule.Rule) bool {
	return slices.ContainsFunc(m.rules, func(o rule.Rule) bool {
		return o.User == r.User && o.Canonical == r.Canonical && o.ID != r.ID
	})
}

func (m *memory) AddRule(_ context.Context, r rule.Rule) (rule.Rule, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.taken(r) {
		return rule.Rule{}, event.ErrExists
	}
	r.ID, r.CreatedAt, r.UpdatedAt, r.Number = m.next(), m.now(), m.now(), m.next()
	m.ruled = r.Number
	m.rules = append(m.rules, r)
	return r, m.down
}

func (m *memory) UpdateRule(_ context.Context, r rule.Rule) (rule.Rule, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.ruleAt(r.User, r.ID)
	if err != nil {
		return rule.Rule{}, err
	}
	if m.taken(r) {
		return rule.Rule{}, event.ErrExists
	}
	r.CreatedAt, r.UpdatedAt, r.FloodedAt, r.Number = m.rules[at].CreatedAt, m.now(), time.Time{}, m.next()
	m.rules[at], m.ruled = r, r.Number
	return r, nil
}

func (m *memory) RemoveRule(_ context.Context, user, id int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.ruleAt(user, id)
	if err != nil {
		return err
	}
	m.rules, m.ruled = slices.Delete(m.rules, at, at+1), m.next()
	return nil
}

func (m *memory) RuleNumbers(context.Context, int64, time.Time) (map[int64]rule.Numbers, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.numbers, m.down
}

func (m *memory) FloodedRules(_ context.Context, user int64) (flooded []rule.Rule, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rules {
		if r.User == user && !r.FloodedAt.IsZero() {
			flooded = append(flooded, r)
		}
	}
	return flooded, m.down
}

// flood switches a rule off as a filter does.
func (m *memory) flood(id int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.rules {
		if r := &m.rules[i]; r.ID == id {
			r.Enabled, r.FloodedAt, r.Number = false, m.now(), m.next()
			m.ruled = r.Number
		}
	}
}

func (m *memory) RuleDays(context.Context, int64, time.Time, int) (map[int64][]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return map[int64][]int64{}, m.down
}

func (m *memory) TokenByHash(_ context.Context, hash [32]byte) (auth.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lookups++
	for _, t := range m.tokens {
		if t.Hash == hash {
			return t, m.down
		}
	}
	return auth.Token{}, cmp.Or(m.down, auth.ErrUnknownToken)
}

// setExpiry has a token end at a time.
func (m *memory) setExpiry(id int64, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.tokens {
		if m.tokens[i].ID == id {
			m.tokens[i].ExpiresAt, m.revised = at, m.next()
		}
	}
}

func (m *memory) TouchToken(_ context.Context, id int64, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.tokens {
		if m.tokens[i].ID == id {
			m.tokens[i].LastUsedAt = at
		}
	}
	return m.down
}

func (m *memory) Tokens(_ context.Context, user int64) ([]auth.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []auth.Token
	for _, t := range m.tokens {
		if t.User == user {
			found = append(found, t)
		}
	}
	return found, m.down
}

func (m *memory) AddToken(_ context.Context, t auth.Token) (auth.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t.ID, t.CreatedAt = m.next(), m.now()
	m.revised = t.ID
	m.tokens = append(m.tokens, t)
	return t, m.down
}

func (m *memory) RevokeToken(_ context.Context, user, id int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.tokens {
		if m.tokens[i].User == user && m.tokens[i].ID == id {
			m.tokens[i].RevokedAt, m.revised = m.now(), m.next()
			return m.down
		}
	}
	return cmp.Or(m.down, event.ErrNotFound)
}

func (m *memory) RotateToken(ctx context.Context, t auth.Token, old int64, overlap time.Duration) (auth.Token, error) {
	m.mu.Lock()
	before := m.rotated[old]
	m.rotated[old] = true
	m.mu.Unlock()
	if before {
		return auth.Token{}, event.ErrExists
	}
	if overlap == 0 {
		if err := m.RevokeToken(ctx, t.User, old); err != nil {
			return auth.Token{}, err
		}
		return m.AddToken(ctx, t)
	}
	m.mu.Lock()
	for i := range m.tokens {
		if o := &m.tokens[i]; o.ID == old && (o.ExpiresAt.IsZero() || o.ExpiresAt.After(m.now().Add(overlap))) {
			o.ExpiresAt = m.now().Add(overlap)
		}
	}
	m.mu.Unlock()
	return m.AddToken(ctx, t)
}

func (m *memory) Users(context.Context) ([]auth.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.users), m.down
}

func (m *memory) User(_ context.Context, id int64) (auth.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.users {
		if u.ID == id {
			return u, m.down
		}
	}
	return auth.User{}, cmp.Or(m.down, event.ErrNotFound)
}

func (m *memory) AddUser(_ context.Context, name string) (auth.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.users {
		if u.Name == name {
			return auth.User{}, event.ErrExists
		}
	}
	u := auth.User{ID: m.next(), Name: name, CreatedAt: m.now()}
	m.users = append(m.users, u)
	return u, m.down
}

func (m *memory) RemoveUser(_ context.Context, id int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := slices.IndexFunc(m.users, func(u auth.User) bool { return u.ID == id })
	if at < 0 {
		return cmp.Or(m.down, event.ErrNotFound)
	}
	m.users, m.revised = slices.Delete(m.users, at, at+1), m.next()
	m.tokens = slices.DeleteFunc(m.tokens, func(t auth.Token) bool { return t.User == id })
	return m.down
}

func (m *memory) AddLogin(_ context.Context, hash [32]byte, user int64, expires time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logins[hash] = auth.Token{User: user, ExpiresAt: expires}
	return m.down
}

func (m *memory) TakeLogin(ctx context.Context, hash [32]byte, session auth.Token) (auth.Token, error) {
	user, err := m.takeLogin(hash)
	if err != nil {
		return auth.Token{}, err
	}
	session.User = user
	return m.AddToken(ctx, session)
}

func (m *memory) takeLogin(hash [32]byte) (user int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return 0, m.down
	}
	login, ok := m.logins[hash]
	delete(m.logins, hash)
	if !ok || !login.ExpiresAt.After(m.now()) {
		return 0, auth.ErrUnknownLogin
	}
	return login.User, nil
}

// neighbours fakes the buffer and the stages' signs of life.
type neighbours struct {
	mu       sync.Mutex // for what changes while the background parts run
	retried  []int64
	err      error
	depths   []event.Depth
	stages   []Stage
	switches []pause.Switch
}

func (n *neighbours) Retry(_ context.Context, d *event.DeadLetter) error {
	if _, err := event.WithID(d.Data, event.FrameID{1}); err != nil {
		return err
	}
	if n.err == nil {
		n.retried = append(n.retried, d.ID)
	}
	return n.err
}

// change has the neighbours be otherwise from now on.
func (n *neighbours) change(to func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	to()
}

func (n *neighbours) Depths(context.Context) ([]event.Depth, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.depths, n.err
}

func (n *neighbours) Stages(context.Context) ([]Stage, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.stages), n.err
}

func (n *neighbours) Switches(context.Context) ([]pause.Switch, time.Time, error) {
	return n.switches, time.Now(), n.err
}

func (n *neighbours) Flip(_ context.Context, wish *pause.Wish) (pause.Switch, error) {
	if n.err != nil {
		return pause.Switch{}, n.err
	}
	s := wish.After(&pause.Switch{}, time.Now())
	n.switches = append(n.switches, s)
	return s, nil
}

// keep writes a match of one rule for a user, as a filter would.
func keep(tb testing.TB, s testStore, user int64, key, text, tag string, version int64) {
	tb.Helper()
	ev := event.Event{Key: key, Version: version, Revised: version > 1, Network: "test", Source: "test", Text: text,
		Author: event.Author{ID: "1", Handle: "ann"}, CreatedAt: 1_700_000_000_000, ReceivedAt: event.TimeOf(time.Now())}
	write(tb, s, event.Verdict{Event: &ev, JSON: ev.AppendJSON(nil), Matches: []event.Match{{User: user, Rules: []event.RuleMatch{
		{ID: "7", Tag: tag, Spans: []event.Span{{Field: "text", Start: 0, End: min(3, len(text))}}},
	}}}})
}

// forget writes the deletion of an event.
func forget(tb testing.TB, s testStore, key string) {
	tb.Helper()
	write(tb, s, event.Verdict{Event: &event.Event{Key: key, Version: event.VersionFinal, Deleted: true, Network: "test", Source: "test"}})
}

func write(tb testing.TB, s testStore, v event.Verdict) {
	tb.Helper()
	random := auth.NewToken().Hash()
	delivery := event.Delivery{Source: "test", ID: event.FrameID(random[:16]), Stamp: 1, Count: 1}
	if err := s.Write(tb.Context(), &event.Batch{Deliveries: []event.Delivery{delivery}, Verdicts: []event.Verdict{v}}); err != nil {
		tb.Fatalf("write: %v", err)
	}
}

func keys(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = "test:" + strconv.Itoa(i)
	}
	return all
}
