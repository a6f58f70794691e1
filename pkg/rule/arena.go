package rule

import "riffle/pkg/rule/token"

// arena is the memory in which a rule is read. It is used again for the next
// rule: nothing in it may outlive reset.
type arena struct {
	parser    parser
	expr      Expr
	nodes     slab[node]
	nodeLists slab[*node]
	terms     slab[term]
	words     slab[word]
	branches  slab[branch]
	kids      slab[*branch]
	tokens    []token.Token
	program   []byte

	// Ways and their conditions live until the rule is filed.
	ways       slab[way]
	conditions slab[condition]

	// What of lists that are being made is known so far: an inner list lies
	// behind the outer ones.
	openNodes      []*node
	openKids       []*branch
	openConditions []condition
}

// reset takes back everything but the ways.
func (a *arena) reset() {
	a.nodes.reset()
	a.nodeLists.reset()
	a.terms.reset()
	a.words.reset()
	a.branches.reset()
	a.kids.reset()
}

// forget takes back the ways too.
func (a *arena) forget() {
	a.reset()
	a.ways.reset()
	a.conditions.reset()
}

// term gives a copy of t in the arena.
func (a *arena) term(t term) *term { return a.terms.one(t) }

// cut is token.Cut; the tokens are valid until the next call.
func (a *arena) cut(text string) []token.Token {
	a.tokens = token.Cut(a.tokens[:0], text)
	return a.tokens
}

// wordsOf makes words of tokens.
func (a *arena) wordsOf(tokens []token.Token) []word {
	words := a.words.take(len(tokens))
	for i, t := range tokens {
		words[i] = wordOf(t)
	}
	return words
}

// slab hands out values of one type from blocks of them.
type slab[T any] struct{ block []T } // its length is what was handed out

const minBlock = 4

// take gives n values, which are zero.
func (s *slab[T]) take(n int) []T {
	at := len(s.block)
	if cap(s.block)-at < n {
		s.block, at = make([]T, 0, max(n, 2*cap(s.block), minBlock)), 0
	}
	s.block = s.block[:at+n]
	return s.block[at : at+n : at+n]
}

func (s *slab[T]) one(v T) *T {
	got := s.take(1)
	got[0] = v
	return &got[0]
}

func (s *slab[T]) list(of []T) []T {
	list := s.take(len(of))
	copy(list, of)
	return list
}

func (s *slab[T]) reset() {
	clear(s.block)
	s.block = s.block[:0]
}
