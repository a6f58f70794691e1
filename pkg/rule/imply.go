package rule

import (
	"slices"
	"strings"

	"riffle/pkg/rule/token"
)

// abreast is how many terms after it a term is compared with, so that a rule of
// very many terms is read quickly too.
const abreast = 16

// contradictions warns of parts that say nothing new or can't both hold. It
// compares terms side by side, not over levels of parentheses; those far apart
// only with their like.
func contradictions(b *branch) []Problem {
	var problems []Problem
	reported := make(map[*term]bool)
	report := func(t *term, problem func(*term) Problem) {
		if !reported[t] {
			reported[t] = true
			problems = append(problems, problem(t))
		}
	}
	b.walkPairs(func(kind nodeKind, x, y *branch) {
		switch {
		case kind == nodeAnd && contradict(x, y):
			report(later(x, y).term, alwaysFalseProblem)
		case redundant(kind, x, y) && redundant(kind, y, x):
			report(later(x, y).term, redundantProblem)
		case redundant(kind, x, y):
			report(x.term, redundantProblem)
		case redundant(kind, y, x):
			report(y.term, redundantProblem)
		}
	})
	return problems
}

// walkPairs visits the pairs of terms that stand side by side.
func (b *branch) walkPairs(visit func(kind nodeKind, x, y *branch)) {
	for i, x := range b.kids {
		x.walkPairs(visit)
		if x.term == nil {
			continue
		}
		for _, y := range b.kids[i+1 : min(len(b.kids), i+1+abreast)] {
			if y.term != nil {
				visit(b.kind, x, y)
			}
		}
	}
	if len(b.kids) > abreast+1 {
		b.walkTwins(visit)
	}
}

// walkTwins visits the pairs of like terms that stand too far apart for
// walkPairs.
func (b *branch) walkTwins(visit func(kind nodeKind, x, y *branch)) {
	var a arena
	last := make(map[program]int)
	for i, y := range b.kids {
		if y.term == nil {
			continue
		}
		like, _ := a.compile(&branch{term: y.term})
		if at, found := last[like]; found && i-at > abreast {
			visit(b.kind, b.kids[at], y)
		}
		last[like] = i
	}
}

func later(x, y *branch) *branch {
	if x.term.start > y.term.start {
		return x
	}
	return y
}

// contradict reports whether x and y, side by side, never hold both.
func contradict(x, y *branch) bool {
	switch {
	case x.negated && y.negated:
		return false
	case x.negated:
		return implies(y.term, x.term)
	case y.negated:
		return implies(x.term, y.term)
	}
	return exclude(x.term, y.term)
}

// redundant reports whether x can be left out beside y.
func redundant(kind nodeKind, x, y *branch) bool {
	if x.negated != y.negated {
		return false
	}
	if x.negated == (kind == nodeAnd) {
		return implies(x.term, y.term) // -y says -x; of an OR, x says y
	}
	return implies(y.term, x.term)
}

// implies reports whether every event that satisfies x surely satisfies y.
func implies(x, y *term) bool {
	if x.isText() && y.isText() {
		return impliesText(x, y)
	}
	if x.op != y.op {
		return false
	}
	switch x.op {
	case opFollowers:
		return x.low >= y.low && x.high <= y.high
	case opSample:
		return x.low <= y.low
	case opLang:
		return x.value == y.value || strings.HasPrefix(x.value, y.value+"-")
	case opIs, opHas:
		return x.what == y.what || y.what == factMedia && (x.what == factImages || x.what == factVideo)
	case opURL:
		return slices.Equal(x.words, y.words)
	}
	return x.value == y.value
}

func (t *term) isText() bool { return t.op == opText || t.op == opNear }

func impliesText(x, y *term) bool {
	switch {
	case y.op == opText && len(y.words) == 1:
		return slices.ContainsFunc(x.words, func(w word) bool { return w.implies(y.words[0]) })
	case x.op == opText && y.op == opText:
		for i := 0; i+len(y.words) <= len(x.words); i++ {
			if slices.Equal(x.words[i:i+len(y.words)], y.words) {
				return true
			}
		}
		return false
	}
	return x.op == y.op && x.within <= y.within && slices.Equal(x.words, y.words)
}

// implies reports whether what satisfies w satisfies v.
func (w word) implies(v word) bool {
	form := w.form
	if w.marked && !v.marked {
		form, _ = token.Fold(form)
	} else if w.marked != v.marked {
		return false
	}
	switch {
	case w.run || v.run:
		return w.run && v.run && strings.Contains(form, v.form)
	case v.prefix:
		return strings.HasPrefix(form, v.form)
	}
	return !w.prefix && form == v.form
}

// exclude reports whether no event satisfies both x and y.
func exclude(x, y *term) bool {
	if x.op != y.op {
		return false
	}
	switch x.op {
	case opNetwork, opSource:
		return x.value != y.value
	case opFollowers:
		return x.high < y.low || y.high < x.low
	case opIs:
		return x.what != y.what && x.what != factVerified && y.what != factVerified &&
			!(x.what == factReply && y.what == factQuote) && !(x.what == factQuote && y.what == factReply)
	}
	return false
}
