package write

import (
	"cmp"
	"math"
	"slices"

	"riffle/pkg/event"
)

// split makes of a batch the parts that are written one after the other, at
// least one. Verdicts stay in order, since a later one may be about the same
// event.
func split(b *event.Batch, bytes int) (parts []part, accounts []Account) {
	s := splitter{claims: latest(b.Deliveries), maxBytes: bytes}
	for i := range b.Verdicts {
		v := &b.Verdicts[i]
		if v.Event.Account {
			accounts = append(accounts, Account{v.Event.Key, event.ID(v.Event.Key), v.Event.Version})
			continue
		}
		s.add(v)
	}
	s.close()
	return s.parts, accounts
}

// matchBytes guesses the size of a match, whose rules are not yet JSON.
const matchBytes = 256

// latest gives each frame's latest delivery.
func latest(deliveries []event.Delivery) []event.Delivery {
	claims := slices.SortedFunc(slices.Values(deliveries), func(a, b event.Delivery) int {
		return cmp.Or(compareIDs(a.ID, b.ID), cmp.Compare(b.Stamp, a.Stamp))
	})
	return slices.CompactFunc(claims, func(a, b event.Delivery) bool { return a.ID == b.ID })
}

type splitter struct {
	claims      []event.Delivery
	parts       []part
	pieces      []piece
	full        int // pieces of the part before
	rows, bytes int
	maxBytes    int
}

// add adds a verdict. One with very many matches becomes several parts: all but
// the last only keep, for users who are not asked whether they lose a match.
func (s *splitter) add(v *event.Verdict) {
	p := pieceOf(v)
	for len(p.matches) > maxRows {
		share := p
		share.matches, share.judged = p.matches[:maxRows], []int64{}
		p.matches = p.matches[maxRows:]
		s.flush()
		s.parts = append(s.parts, part{claims: s.claims, pieces: []piece{share}, single: true})
	}
	rows, bytes := 1+len(p.matches), len(p.body)+matchBytes*len(p.matches)
	if len(s.pieces) > 0 && (s.rows+rows > maxRows || s.bytes+bytes > s.maxBytes) {
		s.flush()
	}
	if s.pieces == nil {
		s.pieces = make([]piece, 0, s.full)
	}
	s.pieces = append(s.pieces, p)
	s.rows, s.bytes = s.rows+rows, s.bytes+bytes
}

func (s *splitter) flush() {
	if len(s.pieces) > 0 {
		s.parts = append(s.parts, part{claims: s.claims, pieces: s.pieces})
		s.full = len(s.pieces)
	}
	s.pieces, s.rows, s.bytes = nil, 0, 0
}

// close ends the last part, which is there even for an empty batch: its frames
// must be finished.
func (s *splitter) close() {
	s.flush()
	if len(s.parts) == 0 {
		s.parts = []part{{claims: s.claims}}
	}
}

func pieceOf(v *event.Verdict) piece {
	ev := v.Event
	p := piece{
		id: event.ID(ev.Key), version: ev.Version, deleted: ev.Deleted, stored: v.Stored, revised: ev.Revised,
		body: v.JSON, judged: v.Judged, matches: v.Matches,
	}
	if author := ev.AuthorKey(); author != "" && !ev.Deleted {
		p.author = event.ID(author)
	}
	return p
}

// losers asks for live matches that are lost to the piece, or to the deletion
// that it became.
func (p *piece) losers(seqs []int64) *Range {
	if p.deleted || p.forgotten {
		return &Range{Events: seqs, Limit: maxRows, Older: math.MaxInt64}
	}
	return &Range{Events: seqs, Limit: maxRows, Older: p.version, Users: p.judged}
}

func (p *piece) users() []int64 {
	users := make([]int64, len(p.matches))
	for i := range p.matches {
		users[i] = p.matches[i].User
	}
	return users
}

// union merges rows of one event, which come by ascending user.
func union(a, b []Match) []Match {
	all := append(slices.Clone(a), b...)
	slices.SortFunc(all, func(x, y Match) int { return int(min(1, max(-1, x.User-y.User))) })
	return slices.CompactFunc(all, func(x, y Match) bool { return x.User == y.User })
}
