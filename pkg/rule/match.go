package rule

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"riffle/pkg/event"
	"riffle/pkg/rule/token"
)

// Hit is a rule of a user that matches.
type Hit struct {
	User int64
	Rule *Filed
}

// Matcher finds the rules that match an event. Each goroutine has its own.
type Matcher struct {
	index *Index
	post  post
	hits  []Hit

	// Of the match that is going on:
	rules  *snapshot
	only   []int64 // ascending; nil is everyone
	leads  []lead
	peeked uint64 // keeps what was peeked at from being optimized away
	// suspects are rules that may match and are to be judged, met those that do.
	suspects, met []*Filed
	gathered      int // how many were put there
	// inner are the keys of the event under which something may be filed below
	// another key, if hasInner.
	inner    []eventKey
	hasInner bool
	path     []step // to the node that is visited
	// found are the keys but words that led to rules already: an event may have
	// them several times. reached are the rules with several ways.
	found, reached hashSet

	heat heat // since it was told to the index
}

// NewMatcher returns one that sees all changes of the index.
func (x *Index) NewMatcher() *Matcher { return &Matcher{index: x} }

// Match gives the keep rules that match, by ascending user, then rule. A user
// with a drop rule that matches has none. Of rules of other users than those in
// only, if that is not nil, none is given. A deletion matches nothing. The hits
// are valid until the next call.
func (m *Matcher) Match(ev *event.Event, only []int64) []Hit {
	m.hits = m.hits[:0]
	if ev.Deleted || only != nil && len(only) == 0 {
		return m.hits
	}
	m.begin(ev, only)
	m.lookUpWords()
	m.lookUpOthers()
	m.judgeSuspects()
	m.addMet()
	m.hits = settle(m.hits)
	if m.heat.events++; m.heat.events >= tellEvery {
		m.index.lessons.tell(&m.heat)
	}
	return m.hits
}

func (m *Matcher) begin(ev *event.Event, only []int64) {
	m.rules = m.index.current.Load()
	m.post.read(ev)
	m.hasInner = false
	m.found.clear()
	m.reached.clear()
	m.only = m.only[:0]
	if only == nil {
		m.only = nil
		return
	}
	m.only = append(m.only, only...)
	slices.Sort(m.only)
	m.only = slices.Compact(m.only)
}

// lookUp follows what is filed under a key of the event that is no word.
func (m *Matcher) lookUp(k *eventKey) {
	if !m.rules.filter.has(slotHash(k.hash)) {
		return
	}
	s := m.rules.table.find(k.hash)
	switch {
	case s == nil || !m.found.add(k.hash):
	case s.node == nil:
		m.single(s)
	default:
		m.follow(s, k)
	}
}

// follow visits what an event's key leads to first, and notes keys that lead to
// many rules.
func (m *Matcher) follow(s *slot, k *eventKey) {
	before := m.gathered
	m.goTo(s.node, k)
	if m.gathered-before >= manyGathered {
		m.heat.note(s.hash)
	}
}

// lookUpWords follows the words of the event: first it notes those that may
// lead somewhere, then it goes there.
func (m *Matcher) lookUpWords() {
	m.leads, m.peeked = m.leads[:0], 0
	filter, words := m.rules.filter, m.post.words.keys
	for i := range words {
		if hash := words[i].hash; filter.has(slotHash(hash)) {
			leaf := m.rules.table.leafOf(hash)
			m.leads = append(m.leads, lead{leaf, &words[i]})
			m.peeked ^= leaf.peek(hash)
		}
	}
	for _, l := range m.leads {
		switch s := l.leaf.find(l.key.hash); {
		case s == nil:
		case s.node == nil:
			m.single(s)
		default:
			m.follow(s, l.key)
		}
	}
}

// lead is a word that may lead to rules.
type lead struct {
	leaf *cell
	key  *eventKey
}

// single takes a rule that is alone under its key.
func (m *Matcher) single(s *slot) {
	if s.second == 0 || m.post.words.find(s.second) > 0 {
		m.suspects = append(m.suspects, s.rule)
	}
}

// lookUpOthers follows the keys that are no words, as far as there are rules
// under their kinds.
func (m *Matcher) lookUpOthers() {
	for kind := firstName; kind < firstName+keyKind(nameKinds); kind++ {
		if m.rules.kinds[kind] > 0 {
			m.lookUpNames(kind)
		}
	}
	m.lookUpText()
	m.lookUpLinks()
}

func (m *Matcher) lookUpNames(kind keyKind) {
	for _, name := range m.post.namesOf(kind.name()) {
		m.lookUp(&eventKey{hash: kind.hash(token.Hash(name)), kind: kind, name: name})
	}
}

func (m *Matcher) lookUpText() {
	kinds := &m.rules.kinds
	if kinds[keyEvery] > 0 {
		m.lookUp(&eventKey{hash: keyEvery.hash(0), kind: keyEvery})
	}
	if kinds[keyPair] > 0 {
		m.lookUpPairs()
	}
	if kinds[keyRow] > 0 {
		m.lookUpRows()
	}
	if kinds[keyShort] > 0 {
		m.lookUpPrefixes(keyShort, shortPrefix)
	}
	if kinds[keyLong] > 0 {
		m.lookUpPrefixes(keyLong, longPrefix)
	}
	for i, size := range gramSizes {
		m.lookUpGrams(firstGram+keyKind(i), size, false)
		m.lookUpGrams(firstGram+grams+keyKind(i), size, true)
	}
}

func (m *Matcher) lookUpPairs() {
	text := &m.post.text
	for i := 1; i < len(text.Units); i++ {
		a, b := &text.Units[i-1], &text.Units[i]
		if b.Joined && b.RunEnd > 0 {
			hash := pairHash(firstRune(text.Plain(a)), firstRune(text.Plain(b)))
			m.lookUp(&eventKey{hash: hash, kind: keyPair})
		}
	}
}

func firstRune(b []byte) rune {
	r, _ := utf8.DecodeRune(b)
	return r
}

func (m *Matcher) lookUpRows() {
	for f := range m.post.fields {
		units := m.post.text.Units[m.post.fields[f].first:m.post.fields[f].end]
		for i := 1; i < len(units); i++ {
			a, b := &units[i-1], &units[i]
			if isCommonHash(a.Hash) && isCommonHash(b.Hash) {
				m.lookUp(&eventKey{hash: rowHash(a.Hash, b.Hash), kind: keyRow})
			}
		}
	}
}

func (m *Matcher) lookUpPrefixes(kind keyKind, letters int) {
	text := &m.post.text
	for i := range m.post.words.keys {
		k := &m.post.words.keys[i]
		if k.kind != keyWord {
			continue
		}
		if beginning, ok := firstLetters(text.Plain(&text.Units[k.unit]), letters); ok {
			m.lookUp(&eventKey{hash: kind.hash(token.Hash(beginning)), kind: kind})
		}
	}
}

func (m *Matcher) lookUpGrams(kind keyKind, size int, marked bool) {
	if m.rules.kinds[kind] == 0 {
		return
	}
	for i := range m.post.fields {
		text := m.post.fields[i].foldedText(marked)
		var gram uint64
		for j := range len(text) {
			gram = gram<<8 | uint64(text[j])
			if j+1 < size {
				continue
			}
			if hash := kind.hash(gram & (1<<(8*size) - 1)); m.rules.grams.has(hash) {
				m.lookUp(&eventKey{hash: hash, kind: kind})
			}
		}
	}
}

func (m *Matcher) lookUpLinks() {
	kinds := &m.rules.kinds
	if kinds[keyLink]+kinds[keyLinkOf]+kinds[keyLinkRun] == 0 {
		return
	}
	text := m.post.linkUnits()
	for i := range text.Units {
		u := &text.Units[i]
		if u.RunEnd > 0 {
			m.lookUp(&eventKey{hash: keyLinkRun.hash(u.Hash), kind: keyLinkRun})
			continue
		}
		m.lookUp(&eventKey{hash: keyLink.hash(u.Hash), kind: keyLink})
		if u.Marked != u.Form {
			m.lookUp(&eventKey{hash: keyLinkOf.hash(u.MarkedHash), kind: keyLinkOf})
		}
	}
}

// step is a node on the way and the event's key that led there.
type step struct {
	node *treeNode
	key  eventKey
}

// goTo visits the node that is filed under a key of the event, or under another
// one that has the same hash.
func (m *Matcher) goTo(n *treeNode, k *eventKey) {
	m.path = append(m.path, step{n, *k})
	m.visit(n)
	m.path = m.path[:len(m.path)-1]
}

// isSure reports whether the event has the keys on the path, not only their
// hashes. What is judged anyway need not be sure, so the texts of most keys are
// never looked at.
func (m *Matcher) isSure() bool {
	for _, s := range m.path {
		if !s.node.isAt(&m.post, &s.key) {
			return false
		}
	}
	return true
}

// visit follows what is filed at a node whose conditions all hold, as far as
// their hashes tell.
func (m *Matcher) visit(n *treeNode) {
	if n.met.count > 0 && m.isSure() {
		m.met = n.met.appendOf(m.only, m.met)
	}
	if n.judged.count > 0 {
		before := len(m.suspects)
		m.suspects = n.judged.appendOf(m.only, m.suspects)
		m.gathered += len(m.suspects) - before
	}
	if len(m.suspects) >= manySuspects {
		m.judgeSuspects()
	}
	if n.tests != nil {
		for _, t := range *n.tests {
			if in, _ := t.test.first(); m.post.holds(in) {
				m.visit(t.node)
			}
		}
	}
	if n.kids != nil {
		m.visitKids(n.kids)
	}
}

// fewKids is how many kids are compared with the keys one by one.
const fewKids = 8

// visitKids follows the keys of the event that are not the first on the way
// here. It goes through the keys or through the kids, if these are few.
func (m *Matcher) visitKids(kids *table) {
	m.findInner()
	if kids.count <= min(fewKids, len(m.inner)) {
		kids.each(m.visitKid)
		return
	}
	for i := range m.inner {
		m.visitAs(kids.find(m.inner[i].hash), &m.inner[i])
	}
}

// visitKid follows a kid if the event has its key.
func (m *Matcher) visitKid(s *slot) bool {
	for i := range m.inner {
		if k := &m.inner[i]; slotHash(k.hash) == s.hash {
			m.visitAs(s, k)
		}
	}
	return true
}

// visitAs follows what is filed at the slot of a key below another one; it may
// be nil.
func (m *Matcher) visitAs(s *slot, k *eventKey) {
	switch {
	case s == nil:
	case s.node == nil:
		m.single(s)
	default:
		m.goTo(s.node, k)
	}
}

// findInner works out inner, once for an event.
func (m *Matcher) findInner() {
	if m.hasInner {
		return
	}
	m.hasInner = true
	m.inner = m.post.appendNameKeys(append(m.inner[:0], m.post.words.keys...))
	m.inner = slices.DeleteFunc(m.inner, func(k eventKey) bool { return !m.index.inner.has(k.hash) })
}

const (
	// manySuspects bounds how many are gathered before they are judged.
	manySuspects = 1024
	// together is how many are judged at a time.
	together = 32
)

// judgeSuspects judges the rules gathered so far. Before it judges any of a
// group, it asks for something of each, so that the processor fetches what it
// has not in its caches at the same time, not one after the other.
func (m *Matcher) judgeSuspects() {
	var programs [together]program
	for rest := m.suspects; len(rest) > 0; {
		group := rest[:min(together, len(rest))]
		rest = rest[len(group):]
		for i, f := range group {
			programs[i] = f.program
		}
		for i := range group {
			m.peeked ^= uint64(programs[i][0])
		}
		for _, f := range group {
			m.judge(f)
		}
	}
	m.suspects = m.suspects[:0]
}

// judge takes a rule that may match.
func (m *Matcher) judge(f *Filed) {
	if !isAmong(f.User, m.only) || f.several && m.again(f) {
		return
	}
	if m.post.judge(f.program, f.regexps) {
		m.hits = append(m.hits, Hit{f.User, f})
	}
}

// addMet takes the rules that match.
func (m *Matcher) addMet() {
	for _, f := range m.met {
		if !f.several || !m.again(f) {
			m.hits = append(m.hits, Hit{f.User, f})
		}
	}
	m.met = m.met[:0]
}

// again reports whether a rule was reached before.
func (m *Matcher) again(f *Filed) bool {
	return !m.reached.add(token.Combine(uint64(f.ID), uint64(f.User)))
}

// settle sorts the hits and takes out drop rules with all that they drop.
func settle(hits []Hit) []Hit {
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Rule.ID, b.Rule.ID))
	})
	kept := hits[:0]
	for start := 0; start < len(hits); {
		end, dropped := start, false
		for ; end < len(hits) && hits[end].User == hits[start].User; end++ {
			dropped = dropped || hits[end].Rule.Action == Drop
		}
		if !dropped {
			kept = append(kept, hits[start:end]...)
		}
		start = end
	}
	return kept
}
