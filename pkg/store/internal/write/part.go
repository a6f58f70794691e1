package write

import (
	"bytes"
	"slices"
	"sort"

	"riffle/pkg/event"
)

// Part is a share of a batch that is written in one transaction.
type part struct {
	claims []event.Delivery
	finish bool
	dead   []event.DeadLetter // stored by who finishes
	pieces []piece
	// single marks a part of one piece whose event may have more matches than
	// can be read at once.
	single   bool
	subjects []subject
	authors  [][16]byte
}

// prepare forgets what an earlier try has read and lists what the part is
// about, by ascending id.
func (p *part) prepare() {
	order := make([]*piece, len(p.pieces))
	matches := 0
	for i := range p.pieces {
		order[i] = &p.pieces[i]
		matches += len(p.pieces[i].matches)
	}
	slices.SortFunc(order, func(a, b *piece) int { return compareIDs(a.id, b.id) })
	p.subjects = make([]subject, 0, len(order))
	room := make([]match, matches) // for what the pieces of each subject may add
	p.authors = p.authors[:0]
	for i, piece := range order {
		if i == 0 || piece.id != order[i-1].id {
			p.subjects = append(p.subjects, subject{row: Event{ID: piece.id}})
		}
		piece.subject, piece.forgotten = &p.subjects[len(p.subjects)-1], false
		if n := len(piece.matches); piece.subject.matches == nil && n > 0 {
			piece.subject.matches, room = room[:0:n], room[n:]
		}
		if piece.author != [16]byte{} && !piece.deleted {
			p.authors = append(p.authors, piece.author)
		}
	}
	slices.SortFunc(p.authors, compareIDs)
	p.authors = slices.Compact(p.authors)
}

func compareIDs(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }

// subject finds the subject with an id, which must be there.
func (p *part) subject(id [16]byte) *subject {
	i := sort.Search(len(p.subjects), func(i int) bool { return compareIDs(p.subjects[i].row.ID, id) >= 0 })
	return &p.subjects[i]
}

// question asks for all that is known about the part's events but their
// matches.
func (p *part) question() *Question {
	q := &Question{Authors: p.authors, IDs: make([][16]byte, len(p.subjects))}
	for i := range p.subjects {
		q.IDs[i] = p.subjects[i].row.ID
	}
	q.Frames = FrameIDs(p.claims)
	return q
}

// doubts asks only for events that were written lately or replace others by
// their nature, or whose verdict makes sense in no other way, and for deleted
// accounts if there are any.
func (p *part) doubts(accounts int64) *Question {
	q := &Question{}
	if accounts > 0 {
		q.Authors = p.authors
	}
	for i := range p.pieces {
		if p.pieces[i].doubtful() {
			q.IDs = append(q.IDs, p.pieces[i].id)
		}
	}
	return q
}

// doubtful reports whether a piece is about an event that may be known.
func (p *piece) doubtful() bool {
	return p.recent || p.deleted || p.revised || len(p.matches) == 0 && !p.stored
}

// crowd reports whether many events of a part whose events were all looked up
// are known, against what one expects of them.
func (p *part) crowd() bool {
	known := 0
	for i := range p.pieces {
		if p.pieces[i].subject.exists && !p.pieces[i].doubtful() {
			known++
		}
	}
	return known*16 > len(p.pieces)
}

// learn takes the answer in.
//
// Errors: event.ErrRefused.
func (p *part) learn(a *Answer) error {
	if Refused(p.claims, a.Frames) {
		return event.ErrRefused
	}
	for i := range a.Events {
		s := p.subject(a.Events[i].ID)
		s.row, s.exists = a.Events[i], true
	}
	if len(a.Authors) > 0 {
		p.forgetAuthors(a.Authors)
	}
	return nil
}

// FrameIDs lists the frames of deliveries.
func FrameIDs(claims []event.Delivery) []event.FrameID {
	ids := make([]event.FrameID, len(claims))
	for i := range claims {
		ids[i] = claims[i].ID
	}
	return ids
}

// Refused reports whether one of the frames is finished or was claimed by a
// later delivery.
func Refused(claims []event.Delivery, frames []Frame) bool {
	return slices.ContainsFunc(frames, func(f Frame) bool {
		return slices.ContainsFunc(claims, func(d event.Delivery) bool {
			return d.ID == f.ID && (f.Done || f.Stamp > d.Stamp)
		})
	})
}

// forgetAuthors marks what deleted accounts wrote.
func (p *part) forgetAuthors(gone map[[16]byte]int64) {
	for i := range p.pieces {
		piece := &p.pieces[i]
		version, ok := gone[piece.author]
		if ok && !piece.deleted && piece.version <= version {
			piece.forgotten, piece.goneAt = true, version
		}
	}
}

// wants lists the events whose matches must be read: those that have or had
// some, unless all that the part says about them is outdated.
func (p *part) wants() []int64 {
	var seqs []int64
	for i := range p.pieces {
		piece := &p.pieces[i]
		s := piece.subject
		if s.exists && Lane(s.row.Seq) == LaneKept && (piece.forgotten || !piece.outdated(&s.row)) {
			seqs = append(seqs, s.row.Seq)
		}
	}
	slices.Sort(seqs)
	return slices.Compact(seqs)
}

// takeMatches takes in match rows, which come by ascending event and user.
func (p *part) takeMatches(rows []Match) {
	if len(rows) == 0 {
		return
	}
	bySeq := make(map[int64]*subject)
	for i := range p.subjects {
		if p.subjects[i].exists {
			bySeq[p.subjects[i].row.Seq] = &p.subjects[i]
		}
	}
	for i := range rows {
		s := bySeq[rows[i].Event]
		s.matches = append(s.matches, match{Match: rows[i], exists: true})
	}
}

// decide applies the pieces and tells what is to be written.
func (p *part) decide() *Plan {
	for i := range p.pieces {
		p.pieces[i].apply()
	}
	plan := &Plan{Claims: p.claims, Authors: len(p.authors) > 0}
	for i := range p.pieces { // numbers follow the order of the batch
		plan.number(p.pieces[i].subject)
	}
	plan.grow(p.subjects)
	for i := range p.subjects {
		if p.subjects[i].changed {
			plan.add(&p.subjects[i])
		}
	}
	return plan
}
