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
	rules *snapshot
	only  []int64 // ascending; nil is everyone
	keys  []eventKey
	// found are the keys but words that led to rules already: an event may have
	// them several times. reached are the rules with several ways.
	found, reached hashSet
}

// NewMatcher returns one that sees all changes of the index.
func (x *Index) NewMatcher() *Matcher { return &Matcher{index: x} }

// Match gives the keep rules that match, by ascending user, then rule. A user
// with a drop rule that matches has none. Of rules of other users than those in
// only, if that is not nil, none is given. A deletion matches nothing. The hits
// are valid until the next call.
func (m *Matcher) Match(ev *event.Event, only []int64) []Hit {
	m.hits = m.hits[:0]
	if ev.Deleted {
		return m.hits
	}
	m.begin(ev, only)
	for i := range m.post.words.keys {
		k := &m.post.words.keys[i]
		m.follow(m.rules.table.find(k.hash), k)
	}
	m.lookUpOthers()
	m.hits = settle(m.hits)
	return m.hits
}

func (m *Matcher) begin(ev *event.Event, only []int64) {
	m.rules = m.index.current.Load()
	m.post.read(ev)
	m.keys = m.keys[:0]
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
	if s := m.rules.table.find(k.hash); s != nil && m.found.add(k.hash) {
		m.follow(s, k)
	}
}

// follow follows what is filed at a slot, which may be nil.
func (m *Matcher) follow(s *slot, k *eventKey) {
	switch {
	case s == nil:
	case s.node != nil:
		m.visit(s.node, k)
	default:
		m.judge(s.rule)
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
	m.lookUpGrams(keyGram, gramSize, false)
	m.lookUpGrams(keyGramTwo, gramSizeTwo, false)
	m.lookUpGrams(keyGramOf, gramSize, true)
	m.lookUpGrams(keyGramOfTwo, gramSizeTwo, true)
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
		for j := 0; j+size <= len(text); j++ {
			m.lookUp(&eventKey{hash: gramHash(kind, text[j:j+size]), kind: kind})
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

// visit follows what is filed at a node.
func (m *Matcher) visit(n *treeNode, k *eventKey) {
	n.judged.each(m.only, m.judge)
	if !n.burst || !n.isFor(&m.post, k) {
		return
	}
	m.descend(n)
}

// descend follows what is filed below a node whose conditions all hold.
func (m *Matcher) descend(n *treeNode) {
	n.met.each(m.only, m.hit)
	for i := range n.tests {
		in, _ := n.tests[i].test.first()
		if m.post.holds(in) {
			kid := n.tests[i].node
			kid.judged.each(m.only, m.judge)
			m.descend(kid)
		}
	}
	if n.kids.count > 0 {
		m.visitKids(n)
	}
}

// visitKids follows the keys of the event that were not the first on the way
// here.
func (m *Matcher) visitKids(n *treeNode) {
	for i := range m.post.words.keys {
		k := &m.post.words.keys[i]
		m.follow(n.kids.find(k.hash), k)
	}
	if len(m.keys) == 0 {
		m.keys = m.post.appendNameKeys(m.keys)
	}
	for i := range m.keys {
		m.follow(n.kids.find(m.keys[i].hash), &m.keys[i])
	}
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

// hit takes a rule that matches.
func (m *Matcher) hit(f *Filed) {
	if f.several && m.again(f) {
		return
	}
	m.hits = append(m.hits, Hit{f.User, f})
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
