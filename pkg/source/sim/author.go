package sim

import (
	"strconv"

	"riffle/pkg/event"
)

const (
	// authors is how many there are; the first ones write most.
	authors     = 100_000
	authorsHead = 20
	// popular is the greatest number of followers.
	popular = 3_000_000
)

// Handles are made of these, so that they look like what people choose.
var (
	handleNames = [...]string{"emma", "jack", "lena", "mia", "tom", "yuki", "ana", "omar", "sofia", "leo", "zoe", "felix", "noor", "ida", "max", "ravi", "kim", "nina", "luca", "ada", "finn", "maya", "paul", "ines"}
	handleWords = [...]string{"bakes", "reads", "runs", "codes", "cats", "fm", "rides", "draws", "plays", "tea", "writes", "daily", "sings", "online", "garden", "films", "live", "cooks"}
	handleSigns = [...]string{"", "_", ".", "-"}
)

// writer is who wrote post m.
func (g *generator) writer(m int64) int {
	r := g.rng(m, forWriter)
	return r.rank(authors, authorsHead)
}

// author fills in what an author is like.
func (g *generator) author(a *event.Author, writer int) {
	r := g.rng(int64(writer), forAuthor)
	l := g.language(&r)
	start := len(g.b)
	g.b = append(g.b, l.names.draw(&r)...)
	if r.chance(30) {
		g.b = append(append(g.b, ' '), emoji[""][r.below(len(emoji[""]))]...)
	}
	a.Name = g.str(start)
	a.ID, a.Handle = g.authorID(writer), g.handle(writer)
	a.Followers = int64(min(r.rank(popular, 20), r.rank(popular, 20), r.rank(popular, 20))) + 1
	a.Verified = r.chance(3)
}

// language is that of an author, drawn first of all that is drawn for one.
func (g *generator) language(r *rng) *language {
	return &g.vocabulary.languages[g.vocabulary.pick.draw(r)]
}

func (g *generator) authorID(writer int) string {
	start := len(g.b)
	g.b = strconv.AppendInt(append(g.b, 'u'), int64(writer), 10)
	return g.str(start)
}

func (g *generator) handle(writer int) string {
	start := len(g.b)
	g.appendHandle(writer)
	return g.str(start)
}

func (g *generator) appendHandle(writer int) {
	r := newRNG(0, uint64(writer), forAuthor)
	g.b = append(g.b, handleNames[r.below(len(handleNames))]...)
	g.b = append(g.b, handleSigns[r.below(len(handleSigns))]...)
	g.b = append(g.b, handleWords[r.below(len(handleWords))]...)
	g.b = strconv.AppendInt(g.b, int64(writer), 10)
}
