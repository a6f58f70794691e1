package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
)

// model is a store in memory, in the plainest way: what each event's newest
// version is, and who has which text.
type model struct {
	events  map[string]*modelEvent
	authors map[string]int64
}

type modelEvent struct {
	version int64
	deleted bool
	author  string
	text    string
	judged  map[int64]int64 // live matches: user to the version that kept it
}

func newModel() *model {
	return &model{events: make(map[string]*modelEvent), authors: make(map[string]int64)}
}

func (m *model) write(v verdict) {
	if v.account {
		m.forget(v)
		return
	}
	e := m.events[v.key]
	gone, isGone := m.authors[v.author]
	if isGone && v.author != "" && !v.deleted && v.version <= gone {
		if e != nil && v.version >= 0 {
			m.remove(e, gone)
		}
		return
	}
	if e == nil {
		e = &modelEvent{version: -1, judged: make(map[int64]int64)}
		m.events[v.key] = e
	}
	if v.version < e.version || v.version == e.version && e.deleted {
		return
	}
	if v.deleted {
		m.remove(e, v.version)
		return
	}
	e.version, e.deleted, e.author = v.version, false, v.author
	e.text = fmt.Sprint(v.key, " ", v.version)
	for user, version := range e.judged {
		if version < v.version && !slices.Contains(v.users, user) && (v.judged == nil || slices.Contains(v.judged, user)) {
			delete(e.judged, user)
		}
	}
	for _, user := range v.users {
		e.judged[user] = v.version
	}
}

// forget deletes what an account wrote up to a version.
func (m *model) forget(v verdict) {
	m.authors[v.key] = max(v.version, m.authors[v.key])
	for _, e := range m.events {
		if e.author == v.key && e.version <= v.version && !e.deleted {
			m.remove(e, v.version)
		}
	}
}

func (m *model) remove(e *modelEvent, version int64) {
	if version < e.version || version == e.version && e.deleted {
		return
	}
	e.version, e.deleted = version, true
	clear(e.judged)
}

// matches gives the texts that a user sees.
func (m *model) matches(user int64) []string {
	var all []string
	for _, e := range m.events {
		if _, ok := e.judged[user]; ok {
			all = append(all, e.text)
		}
	}
	slices.Sort(all)
	return all
}

// anyVersion blots the version out of the texts of matches whose user was not
// asked about the newest version: its text is in the store, and who reads the
// match sees it, but nobody is told before the user's rules have judged it.
func (m *model) anyVersion(user int64, texts []string) []string {
	for i, text := range texts {
		key, _, _ := strings.Cut(text, " ")
		if e := m.events[key]; e != nil && e.judged[user] < e.version {
			texts[i] = key
		}
	}
	return texts
}

// follower keeps what a user sees by following changes alone.
type follower struct {
	user, at int64
	texts    map[string]string // by match id
}

func (f *follower) catchUp(t *testing.T, w world) []string {
	t.Helper()
	changes, next := w.changes(t, f.user, f.at)
	f.at = next
	for _, c := range changes {
		_, known := f.texts[c.ID]
		switch {
		case c.Kind == event.ChangeDelete:
			delete(f.texts, c.ID)
			continue
		case c.Kind == event.ChangeUpdate && !known:
			t.Errorf("user %d: update of a match that was never new: %s", f.user, textOf(t, c.Event))
		}
		f.texts[c.ID] = textOf(t, c.Event)
	}
	return slices.Sorted(maps.Values(f.texts))
}

const modelUsers = 4

// testModel: random verdicts, one batch after the other: after each, what is
// stored and what a follower knows is what the model says.
func testModel(sc scene) {
	t, s := sc.T, sc.store
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w, m, random := newWorld(s), newModel(), rand.New(rand.NewPCG(seed, 1))
			followers := make([]follower, modelUsers)
			for i := range followers {
				followers[i] = follower{user: int64(i) + 1, texts: make(map[string]string)}
			}
			for i := range 60 {
				verdicts := make([]verdict, 1+random.IntN(6))
				for i := range verdicts {
					verdicts[i] = randomVerdict(random)
				}
				w.write(t, verdicts...)
				writeModel(m, verdicts)
				for u := range followers {
					user := followers[u].user
					if diff := cmp.Diff(m.matches(user), stored(t, w, user)); diff != "" {
						t.Fatalf("batch %d %+v, user %d: what is stored differs (-want +got):\n%s", i, verdicts, user, diff)
					}
					followed := m.anyVersion(user, followers[u].catchUp(t, w))
					if diff := cmp.Diff(m.anyVersion(user, m.matches(user)), followed); diff != "" {
						t.Fatalf("batch %d %+v, user %d: what was followed differs (-want +got):\n%s", i, verdicts, user, diff)
					}
				}
			}
		})
	}
}

// writeModel writes a batch: accounts first, since a post of the same batch must
// not escape.
func writeModel(m *model, verdicts []verdict) {
	for _, accounts := range []bool{true, false} {
		for _, v := range verdicts {
			if v.account == accounts {
				m.write(v)
			}
		}
	}
}

func stored(t *testing.T, w world, user int64) []string {
	t.Helper()
	var all []string
	for _, c := range w.query(t, event.Query{User: user}).Changes {
		all = append(all, textOf(t, c.Event))
	}
	slices.Sort(all)
	return all
}

// randomVerdict draws from few keys, versions, users and authors.
func randomVerdict(random *rand.Rand) verdict {
	key := random.IntN(8)
	v := verdict{
		key: fmt.Sprint("k", key), version: int64(random.IntN(12)), revised: true,
		stored: random.IntN(5) == 0,
	}
	if key < 3 {
		v.author = fmt.Sprint("a", key)
	}
	switch random.IntN(10) {
	case 0, 1:
		return verdict{key: v.key, version: v.version, deleted: true}
	case 2:
		return verdict{key: fmt.Sprint("a", random.IntN(3)), version: int64(random.IntN(4)), deleted: true, account: true}
	}
	asked := []int64{1, 2, 3, 4}
	if random.IntN(2) == 0 {
		asked = asked[random.IntN(2) : 2+random.IntN(2)]
		v.judged = asked
	}
	// Whether a user keeps a version is always the same, as with fixed rules.
	for _, user := range asked {
		if (user*7+v.version*5+int64(key))%3 != 0 {
			v.users = append(v.users, user)
		}
	}
	return v
}

// testModelAtOnce: four filters write all versions of some events, each several
// times, in random order and at once. What comes out is what the newest version
// says.
func testModelAtOnce(sc scene) {
	t, s := sc.T, sc.store
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w, random := newWorld(s), rand.New(rand.NewPCG(seed, 2))
			all := everyVersion(random)
			m := newModel()
			for _, v := range slices.SortedFunc(slices.Values(all), func(a, b verdict) int { return int(a.version - b.version) }) {
				m.write(v)
			}
			var verdicts []verdict
			for range 3 {
				verdicts = append(verdicts, all...)
			}
			random.Shuffle(len(verdicts), func(i, j int) { verdicts[i], verdicts[j] = verdicts[j], verdicts[i] })
			writeAtOnce(t, w, verdicts)
			for user := int64(1); user <= modelUsers; user++ {
				if diff := cmp.Diff(m.matches(user), stored(t, w, user)); diff != "" {
					t.Errorf("user %d: what is stored differs (-want +got):\n%s", user, diff)
				}
				f := follower{user: user, texts: make(map[string]string)}
				if diff := cmp.Diff(m.matches(user), f.catchUp(t, w)); diff != "" {
					t.Errorf("user %d: changes from the start differ (-want +got):\n%s", user, diff)
				}
			}
		})
	}
}

// everyVersion gives all versions of 12 events; half of these end deleted.
func everyVersion(random *rand.Rand) []verdict {
	var all []verdict
	for key := range 12 {
		for version := range int64(5) {
			v := verdict{key: fmt.Sprint("k", key), version: version, revised: true}
			for user := int64(1); user <= modelUsers; user++ {
				if random.IntN(3) != 0 {
					v.users = append(v.users, user)
				}
			}
			all = append(all, v)
		}
		if key%2 == 0 {
			all = append(all, verdict{key: fmt.Sprint("k", key), version: 5, deleted: true})
		}
	}
	return all
}

// writeAtOnce lets four filters write verdicts in small batches.
func writeAtOnce(t *testing.T, w world, verdicts []verdict) {
	t.Helper()
	var filters sync.WaitGroup
	for f := range 4 {
		filters.Go(func() {
			for at := f * 5; at < len(verdicts); at += 20 {
				if err := w.Write(t.Context(), w.batch(verdicts[at:min(at+5, len(verdicts))]...)); err != nil {
					t.Errorf("Write: %v", err)
				}
			}
		})
	}
	filters.Wait()
}
