package rule

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"riffle/pkg/event"
	"riffle/pkg/rule/token"
)

// maxSpans bounds what is told of one rule and one event.
const maxSpans = 200

// Spans says where in the event of the last Match the rule of h was satisfied:
// of an OR by each branch that holds. They are ordered by field, texts first,
// then by place. Of what is no text, such as a number, start and end are 0.
func (m *Matcher) Spans(h Hit) []event.Span {
	return m.post.spans(h.Rule.program, h.Rule.regexps)
}

// spans gives the places that satisfy a rule which matches.
func (p *post) spans(rule program, regexps *regexps) []event.Span {
	p.regexps = regexps
	in, _ := rule.first()
	w := spanWriter{post: p}
	w.collect(in)
	slices.SortFunc(w.spans, func(a, b event.Span) int {
		return cmp.Or(cmp.Compare(fieldRank(a.Field), fieldRank(b.Field)), cmp.Compare(len(a.Field), len(b.Field)),
			cmp.Compare(a.Field, b.Field), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	w.spans = slices.Compact(w.spans)
	return w.spans[:min(len(w.spans), maxSpans)]
}

// fieldRank puts texts before all other fields.
func fieldRank(field string) int {
	switch {
	case field == "text", field == "repost_of.text":
		return 0
	case strings.HasSuffix(field, "].alt"):
		return 1
	case field == "quote_of.text":
		return 2
	}
	return 3
}

type spanWriter struct {
	post  *post
	spans []event.Span
}

// full bounds what is collected before it is sorted.
func (w *spanWriter) full() bool { return len(w.spans) >= 10*maxSpans }

func (w *spanWriter) add(field string, start, end int) {
	w.spans = append(w.spans, event.Span{Field: field, Start: start, End: end})
}

// whole adds a field as a whole.
func (w *spanWriter) whole(field, value string) { w.add(field, 0, len(value)) }

// collect adds the places of a node that holds.
func (w *spanWriter) collect(in instruction) {
	switch {
	case w.full() || in.negated:
	case in.code == codeAnd || in.code == codeOr:
		for rest := in.body; len(rest) > 0; {
			var kid instruction
			kid, rest = rest.first()
			if in.code == codeAnd || w.post.holds(kid) {
				w.collect(kid)
			}
		}
	default:
		w.term(in)
	}
}

func (w *spanWriter) term(in instruction) {
	switch in.code {
	case codeWord:
		w.word(in.body.single())
	case codePhrase:
		w.phrase(in.body)
	case codeNear:
		w.near(in.body)
	case codeURL:
		w.link(in.body)
	case codeContains:
		w.substring(in.body.single())
	case codeRegexp:
		w.regexp(in.body)
	case codeFact:
		w.fact(fact(in.body[0]))
	case codeFollowers:
		w.add("author.followers", 0, 0)
	case codeSample:
		w.whole("key", w.post.event.Key)
	default:
		w.names(in)
	}
}

// units adds a stretch of units of the searched texts.
func (w *spanWriter) units(first, end int) {
	units := w.post.text.Units
	w.add(w.post.fieldOf(first).name(), int(units[first].Start), int(units[end-1].End))
}

func (f *field) name() string {
	switch f.kind {
	case fieldRepost:
		return "repost_of.text"
	case fieldAlt:
		return indexed("media", f.index, ".alt")
	case fieldQuote:
		return "quote_of.text"
	}
	return "text"
}

func indexed(list string, i int, member string) string {
	return list + "[" + strconv.Itoa(i) + "]" + member
}

func (w *spanWriter) word(word packedWord) {
	p := w.post
	visit := func(unit int) bool {
		if n := word.length(&p.text, p.text.Units[unit:]); n > 0 {
			w.units(unit, unit+n)
		}
		return !w.full()
	}
	if !word.is(flagPrefix) {
		p.eachPlace(word, visit)
		return
	}
	for unit := range p.text.Units {
		visit(unit)
	}
}

func (w *spanWriter) phrase(words program) {
	p := w.post
	first, rest := words.word()
	p.eachPlace(first, func(unit int) bool {
		units := p.text.Units[unit:p.fieldOf(unit).end]
		n := first.length(&p.text, units)
		if more, ok := follow(&p.text, units[n:], rest); ok {
			w.units(unit, unit+n+more)
		}
		return !w.full()
	})
}

func (w *spanWriter) near(body program) {
	p := w.post
	for i := range p.fields {
		f := &p.fields[i]
		if p.findNear(f, body) {
			for _, place := range p.near.chosen {
				w.units(f.first+place.first, f.first+place.end)
			}
		}
	}
}

// link adds the place in a link, or all of the link if it is written otherwise
// than it is read.
func (w *spanWriter) link(words program) {
	text, first := w.post.linkUnits(), 0
	for i, end := range w.post.linkEnds {
		link := w.post.event.Links[i]
		for ; first < end; first++ {
			n, ok := follow(text, text.Units[first:end], words)
			if !ok {
				continue
			}
			if offset := strings.Index(link, linkText(link)); offset >= 0 {
				w.add(indexed("links", i, ""), offset+int(text.Units[first].Start), offset+int(text.Units[first+n-1].End))
			} else {
				w.whole(indexed("links", i, ""), link)
			}
		}
	}
}

func (w *spanWriter) substring(word packedWord) {
	marked := word.is(flagMarked)
	for i := range w.post.fields {
		f := &w.post.fields[i]
		if !strings.Contains(f.foldedText(marked), word.form) {
			continue
		}
		m := token.FoldMap(f.text)
		for at := 0; !w.full(); at += len(word.form) {
			next := strings.Index(f.foldedText(marked)[at:], word.form)
			if next < 0 {
				break
			}
			at += next
			w.mapped(f, m, at, at+len(word.form), marked)
		}
	}
}

func (w *spanWriter) regexp(body program) {
	marked, ordinal, pattern := body.pattern()
	expression := w.post.regexps.get(ordinal, pattern)
	for i := range w.post.fields {
		f := &w.post.fields[i]
		found := expression.FindAllStringIndex(f.foldedText(marked), maxSpans)
		if len(found) == 0 {
			continue
		}
		m := token.FoldMap(f.text)
		for _, at := range found {
			w.mapped(f, m, at[0], at[1], marked)
		}
	}
}

func (w *spanWriter) mapped(f *field, m *token.Map, start, end int, marked bool) {
	start, end = m.Span(start, end, marked)
	w.add(f.name(), start, end)
}

// fact adds what a fact was seen by.
func (w *spanWriter) fact(f fact) {
	ev := w.post.event
	switch f {
	case factVerified:
		w.add("author.verified", 0, 0)
	case factLinks:
		w.whole("links[0]", ev.Links[0])
	case factHashtags:
		w.whole("hashtags[0]", ev.Hashtags[0])
	case factCashtags:
		w.whole("cashtags[0]", ev.Cashtags[0])
	case factMentions:
		w.whole("mentions[0]", ev.Mentions[0])
	case factMedia, factImages, factVideo, factAlt:
		w.media(f)
	default:
		w.whole("kind", ev.Kind.String())
	}
}

func (w *spanWriter) media(f fact) {
	for i, m := range w.post.event.Media {
		switch {
		case f == factAlt && !token.IsBlank(m.Alt):
			w.whole(indexed("media", i, ".alt"), m.Alt)
		case f == factMedia, f == factImages && m.Type == event.MediaImage, f == factVideo && m.Type == event.MediaVideo:
			w.whole(indexed("media", i, ".url"), m.URL)
		}
	}
}

// names adds the names that equal the value of a term.
func (w *spanWriter) names(in instruction) {
	kind := codeNames[in.code]
	if kind == nameLang {
		w.langs(string(in.body))
		return
	}
	for i, name := range w.post.namesOf(kind) {
		if name == string(in.body) {
			w.whole(w.post.namePlace(kind, i))
		}
	}
}

func (w *spanWriter) langs(tag string) {
	for i, lang := range w.post.event.Langs {
		if slices.Contains(appendLang(nil, langTag(lang)), tag) {
			w.whole(indexed("langs", i, ""), lang)
		}
	}
}

// namePlace is where the i-th of an event's names of a kind stands.
func (p *post) namePlace(kind nameKind, i int) (field, value string) {
	ev := p.event
	switch kind {
	case nameHashtag:
		return indexed("hashtags", i, ""), ev.Hashtags[i]
	case nameCashtag:
		return indexed("cashtags", i, ""), ev.Cashtags[i]
	case nameMention:
		return indexed("mentions", i, ""), ev.Mentions[i]
	case nameFrom:
		return accountPlace("author.", i, ev.Author.ID, ev.Author.Handle)
	case nameTo:
		return accountPlace("reply_to.author.", i, ev.ReplyTo.AuthorID, ev.ReplyTo.AuthorHandle)
	case nameRepostsOf:
		return accountPlace("repost_of.author.", i, ev.RepostOf.AuthorID, ev.RepostOf.AuthorHandle)
	case nameConversation:
		if i < keyForms {
			return "key", ev.Key
		}
		return "thread", ev.Thread
	case nameNetwork:
		return "network", ev.Network
	}
	return "source", ev.Source
}

func accountPlace(author string, i int, id, handle string) (field, value string) {
	if i == 0 {
		return author + "id", id
	}
	return author + "handle", handle
}
