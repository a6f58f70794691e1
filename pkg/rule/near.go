package rule

import (
	"cmp"
	"slices"

	"riffle/pkg/rule/token"
)

// nearBudget bounds how many placements of words are tried in one text. Only
// words that may stand in each other's place need more than one try each, and
// those are few in any rule that someone means.
const nearBudget = 20_000

// nearSearch looks for words in a window of a text. It is used again.
type nearSearch struct {
	units  []token.Unit
	within int
	words  []nearWord // distinct
	weight []int      // tokens in units[:i]
	own    int        // tokens that all the words take
	tries  int
	chosen []place
}

// nearWord is a word, how often it must be found, and where it stands.
type nearWord struct {
	packedWord
	times  int
	places []place // ascending
	seen   int     // in the window that slides
}

// place is a stretch of units.
type place struct{ first, end int }

// hasNear reports whether words stand near each other in one of the searched
// texts.
func (p *post) hasNear(body program) bool {
	for i := range p.fields {
		if p.findNear(&p.fields[i], body) {
			return true
		}
	}
	return false
}

// findNear looks for the words in f and leaves their places in p.near.chosen.
func (p *post) findNear(f *field, body program) bool {
	s := &p.near
	s.units, s.within = p.text.Units[f.first:f.end], int(body[0])
	s.unpack(body[1:])
	for i := range s.words {
		if !p.locate(&s.words[i], f) {
			return false
		}
	}
	s.weigh()
	if s.simple() {
		return s.slide()
	}
	// The word with the fewest places goes first.
	slices.SortStableFunc(s.words, func(a, b nearWord) int { return cmp.Compare(len(a.places), len(b.places)) })
	s.tries, s.chosen = 0, s.chosen[:0]
	return s.place(0, 0, place{})
}

func (s *nearSearch) unpack(words program) {
	s.words = s.words[:0]
	for len(words) > 0 {
		var w packedWord
		w, words = words.word()
		i := slices.IndexFunc(s.words, func(x nearWord) bool { return x.packedWord == w })
		if i >= 0 {
			s.words[i].times++
			continue
		}
		s.words = append(s.words, nearWord{packedWord: w, times: 1})
	}
}

// locate finds all places of w in f; too few are the end of the search.
func (p *post) locate(w *nearWord, f *field) bool {
	add := func(unit int) bool {
		if n := w.length(&p.text, p.text.Units[unit:f.end]); n > 0 && unit >= f.first {
			w.places = append(w.places, place{unit - f.first, unit - f.first + n})
		}
		return true
	}
	if w.is(flagPrefix) {
		for unit := f.first; unit < f.end; unit++ {
			add(unit)
		}
	} else {
		p.eachPlace(w.packedWord, func(unit int) bool { return unit >= f.end || add(unit) })
		slices.Reverse(w.places)
	}
	return len(w.places) >= w.times
}

// weigh counts the tokens before each unit. A mark in a run is none.
func (s *nearSearch) weigh() {
	s.weight = append(s.weight[:0], 0)
	for i := range s.units {
		n := s.weight[i]
		if !s.units[i].Mark {
			n++
		}
		s.weight = append(s.weight, n)
	}
	s.own = 0
	for _, w := range s.words {
		s.own += w.times * s.tokens(w.places[0])
	}
}

func (s *nearSearch) tokens(p place) int { return s.weight[p.end] - s.weight[p.first] }

// fits reports whether a window holds few enough other tokens, if it holds all
// the words.
func (s *nearSearch) fits(window place) bool { return s.tokens(window)-s.own <= s.within }

// simple reports whether no two words can stand in one place.
func (s *nearSearch) simple() bool {
	for _, w := range s.words {
		if w.flags != s.words[0].flags || w.is(flagRun|flagPrefix) {
			return false
		}
	}
	return true
}

// slide moves a window over the places of words that can't stand in each
// other's: it is enough to count them.
func (s *nearSearch) slide() bool {
	type stand struct {
		place
		word int
	}
	var stands []stand
	for i, w := range s.words {
		for _, p := range w.places {
			stands = append(stands, stand{p, i})
		}
	}
	slices.SortFunc(stands, func(a, b stand) int { return cmp.Compare(a.first, b.first) })
	missing, left := len(s.words), 0
	for right, x := range stands {
		if w := &s.words[x.word]; w.seen+1 == w.times {
			missing--
		}
		s.words[x.word].seen++
		for ; !s.fits(place{stands[left].first, x.end}); left++ {
			w := &s.words[stands[left].word]
			if w.seen == w.times {
				missing++
			}
			w.seen--
		}
		if missing > 0 {
			continue
		}
		s.chosen = s.chosen[:0]
		for _, y := range stands[left : right+1] {
			if w := &s.words[y.word]; w.times > 0 {
				w.times--
				s.chosen = append(s.chosen, y.place)
			}
		}
		return true
	}
	return false
}

// place finds a place for the words from the i-th on, of which times are
// placed, given the window of what is.
func (s *nearSearch) place(i, times int, window place) bool {
	if i == len(s.words) {
		return true
	}
	w := &s.words[i]
	if times == w.times {
		return s.place(i+1, 0, window)
	}
	for _, p := range s.inReach(i, times, window) {
		if s.tries++; s.tries > nearBudget {
			return false
		}
		wider := p
		if len(s.chosen) > 0 {
			wider = place{min(window.first, p.first), max(window.end, p.end)}
		}
		if !s.fits(wider) || s.taken(p) {
			continue
		}
		s.chosen = append(s.chosen, p)
		if s.place(i, times+1, wider) {
			return true
		}
		s.chosen = s.chosen[:len(s.chosen)-1]
	}
	return false
}

// inReach gives those places of a word that may lie in one window with what is
// placed. Where it is wanted several times, the later one stands later.
func (s *nearSearch) inReach(i, times int, window place) []place {
	places := s.words[i].places
	if len(s.chosen) == 0 {
		return places
	}
	low := s.weight[window.end] - s.own - s.within
	high := s.weight[window.first] + s.own + s.within
	from := 0
	if times > 0 {
		from = s.chosen[len(s.chosen)-1].end
	}
	start := firstPlace(places, func(p place) bool { return p.first >= from && s.weight[p.first] >= low })
	end := firstPlace(places, func(p place) bool { return s.weight[p.end] > high })
	return places[start:max(start, end)]
}

// firstPlace is the index of the first place for which holds is true; it is
// false before that and true after.
func firstPlace(places []place, holds func(place) bool) int {
	i, _ := slices.BinarySearchFunc(places, true, func(p place, _ bool) int {
		if holds(p) {
			return 1
		}
		return -1
	})
	return i
}

// taken reports whether a word stands where p is.
func (s *nearSearch) taken(p place) bool {
	for _, c := range s.chosen {
		if p.first < c.end && c.first < p.end {
			return true
		}
	}
	return false
}
