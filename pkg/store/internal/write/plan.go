package write

import (
	"slices"

	"riffle/pkg/event"
)

// Question asks what the store knows. IDs are of events, Authors of accounts.
type Question struct {
	IDs     [][16]byte
	Authors [][16]byte
	Frames  []event.FrameID
}

func (q *Question) empty() bool { return len(q.IDs)+len(q.Authors)+len(q.Frames) == 0 }

// Answer is what the store knows of what was asked.
type Answer struct {
	Events []Event
	// Authors gives the version of those accounts that are deleted.
	Authors map[[16]byte]int64
	// Accounts is the number of account deletions, read before Authors.
	Accounts int64
	Frames   []Frame
}

// Range asks for the rows of matches of some events, by ascending event and
// user.
type Range struct {
	Events []int64
	Limit  int
	// Users, where not nil, asks for these users' rows alone.
	Users []int64
	// Older, where not 0, asks for live rows of versions below it alone.
	Older int64
}

// Plan is what a transaction writes. All of it is void unless the store is
// still as it was when it was read:
//
//   - every frame of Claims may be claimed, or none is written;
//   - every row of Updated has the Rev before its own;
//   - every row of Removed is there;
//   - no row of Inserted is there, under another Seq;
//   - if Authors, as many accounts were deleted as Accounts says, counted after
//     the rows above were written: so a deletion either is seen here, or finds
//     those rows when it looks for the account's events.
//
// The rows of Marked and Made take the next Numbers numbers of changes: the
// transaction gets these last, so that numbers become visible in order.
type Plan struct {
	Claims   []event.Delivery
	Finish   bool
	Authors  bool
	Accounts int64

	Updated  []Event // by ascending seq
	Removed  []int64
	Inserted []Event // by ascending id; Seq is a lane, the place in it comes from the store

	Made    []Match // new rows
	Marked  []Match // rows that are there
	Numbers int

	Dead []event.DeadLetter // what could not be processed

	// fresh holds, for each row of Made, the index in Inserted of its event, or
	// -1 where the event is there already.
	fresh []int
}

// number gives a subject the next number, if one of its matches changed.
func (p *Plan) number(s *subject) {
	if s.numbered || !slices.ContainsFunc(s.matches, func(m match) bool { return m.written() }) {
		return
	}
	s.offset, s.numbered = p.Numbers, true
	p.Numbers++
}

// grow makes room for the subjects that changed, as if all of them were new.
func (p *Plan) grow(subjects []subject) {
	events, matches := 0, 0
	for i := range subjects {
		if subjects[i].changed {
			events++
			matches += len(subjects[i].matches)
		}
	}
	p.Inserted = make([]Event, 0, events)
	p.Made, p.fresh = make([]Match, 0, matches), make([]int, 0, matches)
}

// add adds a subject that changed.
func (p *Plan) add(s *subject) {
	inserted := p.addRow(s)
	for i := range s.matches {
		m := &s.matches[i]
		if !m.written() {
			continue
		}
		m.Event, m.Offset = s.row.Seq, s.offset
		if m.exists {
			p.Marked = append(p.Marked, m.Match)
			continue
		}
		p.Made = append(p.Made, m.Match)
		p.fresh = append(p.fresh, inserted)
	}
}

// addRow adds the row of an event. One with matches stays where it is; another
// is written anew, in the lane that it now belongs to, so that the time of its
// removal counts from now. It gives the index in Inserted, or -1.
func (p *Plan) addRow(s *subject) int {
	if s.exists && Lane(s.row.Seq) == LaneKept {
		s.row.Rev++
		p.Updated = append(p.Updated, s.row)
		return -1
	}
	if s.exists {
		p.Removed = append(p.Removed, s.row.Seq)
	}
	row := s.row
	row.Rev = 0
	row.Seq = s.lane() * LaneSize
	p.Inserted = append(p.Inserted, row)
	return len(p.Inserted) - 1
}

// lane says where an event belongs that had no match so far.
func (s *subject) lane() int64 {
	for i := range s.matches {
		if !s.matches[i].Gone {
			return LaneKept
		}
	}
	if s.row.State == Text {
		return LaneSample
	}
	return LaneBare
}

// Place gives the inserted events their places, from first on, and the new
// matches theirs.
func (p *Plan) Place(first int64) {
	for i := range p.Inserted {
		p.Inserted[i].Seq += first + int64(i)
	}
	for i, at := range p.fresh {
		if at >= 0 {
			p.Made[i].Event = p.Inserted[at].Seq
		}
	}
}

// empty reports whether the plan changes no event.
func (p *Plan) empty() bool { return len(p.Updated)+len(p.Inserted) == 0 }
