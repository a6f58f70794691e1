package write

import (
	"slices"

	"riffle/pkg/event"
)

// subject is an event that a part is about: its row and the rows of its
// matches, first as read, then as the verdicts leave them.
type subject struct {
	row     Event
	exists  bool // in the store
	changed bool // row differs from what was read, or a match does
	written bool // row has been given a version
	matches []match
	// offset says which of the transaction's numbers the changes of its matches
	// take; numbered, that it has been said.
	offset   int
	numbered bool
	// partial says that more matches may exist than were read.
	partial bool
}

// match is a row of matches while verdicts are applied.
type match struct {
	Match
	exists  bool
	changed bool
}

// piece is a verdict, or a share of its matches.
type piece struct {
	subject *subject
	id      [16]byte
	author  [16]byte // zero: unknown
	version int64
	deleted bool
	stored  bool
	revised bool
	body    []byte
	judged  []int64 // nil: everyone
	matches []event.Match
	recent  bool // written lately by this process
	// forgotten says that the author's account is deleted, at the version
	// goneAt.
	forgotten bool
	goneAt    int64
}

// outdated reports whether the piece says nothing new about an event that
// stands like this: a newer version is there, or a deletion, which wins over a
// version of the same number.
func (p *piece) outdated(e *Event) bool {
	return p.version < e.Version || p.version == e.Version && e.State == Deleted && !p.deleted
}

// apply carries the piece out on its subject.
func (p *piece) apply() {
	s := p.subject
	if p.forgotten {
		p.forget()
		return
	}
	if s.known() && p.outdated(&s.row) {
		return
	}
	newer := !s.known() || p.version > s.row.Version
	if p.deleted {
		p.remove(newer)
		return
	}
	p.keep()
	p.drop()
	p.setRow(newer)
}

// forget removes what a deleted account wrote. A post that the store does not
// know is passed over: the account's own row keeps it out.
func (p *piece) forget() {
	if !p.subject.known() {
		return
	}
	deletion := piece{subject: p.subject, id: p.id, version: p.goneAt, deleted: true}
	deletion.apply()
}

// known reports whether there is a version of the event, in the store or earlier
// in the part.
func (s *subject) known() bool { return s.exists || s.written }

// remove makes the event a deletion and its matches gone.
func (p *piece) remove(newer bool) {
	s := p.subject
	for i := range s.matches {
		s.matches[i].lose(p.version)
		s.changed = s.changed || s.matches[i].changed
	}
	if !newer && s.row.State == Deleted {
		return
	}
	s.row.Version, s.row.State, s.row.Body = p.version, Deleted, nil
	s.changed, s.written = true, true
}

// keep writes the piece's matches: new ones, ones that come back, and ones that
// a newer version keeps. A live match of this version stays as it is.
func (p *piece) keep() {
	s := p.subject
	for i := range p.matches {
		at, found := slices.BinarySearchFunc(s.matches, p.matches[i].User, byUser)
		if !found {
			s.matches = slices.Insert(s.matches, at, match{Match: Match{User: p.matches[i].User, Gone: true}})
		}
		m := &s.matches[at]
		switch {
		case m.Gone:
			m.Gone, m.Born = false, 0
		case m.Version == p.version:
			continue
		case m.exists && !m.changed && m.Born == 0:
			m.Born = m.Number
		}
		m.Version, m.Rules, m.changed = p.version, p.matches[i].Rules, true
		s.changed = true
	}
}

// written reports whether the match's row is to be written. What was made and
// lost in one part was never there.
func (m *match) written() bool { return m.changed && (m.exists || !m.Gone) }

func byUser(m match, user int64) int {
	switch {
	case m.User < user:
		return -1
	case m.User > user:
		return 1
	}
	return 0
}

// drop takes the match of an older version from users who were asked and did
// not keep this one; what keep wrote has this version.
func (p *piece) drop() {
	s := p.subject
	for i := range s.matches {
		m := &s.matches[i]
		if m.Version < p.version && p.judgedBy(m.User) {
			m.lose(p.version)
			s.changed = s.changed || m.changed
		}
	}
}

func (p *piece) judgedBy(user int64) bool {
	return p.judged == nil || slices.Contains(p.judged, user)
}

// lose makes a live match gone.
func (m *match) lose(version int64) {
	if m.Gone {
		return
	}
	if m.exists && !m.changed && m.Born == 0 {
		m.Born = m.Number
	}
	m.Gone, m.Version, m.changed = true, version, true
}

// setRow gives the event's row the version, and its text where somebody keeps
// it.
func (p *piece) setRow(newer bool) {
	s := p.subject
	wanted := p.stored || s.partial || slices.ContainsFunc(s.matches, func(m match) bool { return !m.Gone })
	if !newer && !s.changed && (s.row.State == Text || !wanted) {
		return
	}
	if !wanted && !s.known() && !p.revised {
		return // it replaces nothing, so nobody needs its version
	}
	s.row.Version, s.row.State, s.row.Body = p.version, Bare, nil
	if wanted {
		s.row.State, s.row.Body = Text, p.body
	}
	s.row.Author = AuthorHash(p.author)
	s.changed, s.written = true, true
}
