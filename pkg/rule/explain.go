package rule

import "riffle/pkg/event"

// Missing is a term that keeps a rule from matching.
type Missing struct {
	// Offset and Length are bytes of the rule, without the term's minus.
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	Term   string `json:"term"` // as written
	// Excluded says that the event has what a minus forbids; otherwise it lacks
	// what is asked for.
	Excluded bool `json:"excluded,omitempty"`
}

// Explain reports whether the rule matches ev, and where it is satisfied, as
// Matcher.Spans does. A deletion matches nothing.
func (e *Expr) Explain(ev *event.Event) (spans []event.Span, matches bool) {
	if ev.Deleted {
		return nil, false
	}
	compiled, expressions := new(arena).compile(e.normal)
	var p post
	p.read(ev)
	if !p.judge(compiled, expressions) {
		return nil, false
	}
	return p.spans(compiled, expressions), true
}

// WhyNot names terms whose matching would have been enough for the rule to
// match ev: all that failed of an AND, and of an OR the branch with the fewest.
// It gives none if the rule matches, or for a deletion.
func (e *Expr) WhyNot(ev *event.Event) []Missing {
	if ev.Deleted {
		return nil
	}
	var p post
	p.read(ev)
	return e.missing(&p, e.normal)
}

func (e *Expr) missing(p *post, b *branch) []Missing {
	var all []Missing
	switch b.kind {
	case nodeTerm:
		if p.judge(new(arena).compile(b)) {
			return nil
		}
		return []Missing{{b.term.start, b.term.end - b.term.start, e.value[b.term.start:b.term.end], b.negated}}
	case nodeAnd:
		for _, kid := range b.kids {
			all = append(all, e.missing(p, kid)...)
		}
		return all
	}
	for i, kid := range b.kids {
		of := e.missing(p, kid)
		if len(of) == 0 {
			return nil
		}
		if i == 0 || len(of) < len(all) {
			all = of
		}
	}
	return all
}
