package rule

import (
	"cmp"
	"slices"
	"strings"

	"riffle/pkg/event"
	"riffle/pkg/rule/token"
)

// post is an event as rules see it: the searched texts cut into tokens, and
// what else was asked for, worked out when it is first needed. It is used again
// for the next event.
type post struct {
	event *event.Event

	text   token.Text
	fields []field
	words  wordSet

	links    token.Text
	linkEnds []int // where the units of each link end
	hasLinks bool  // links is filled

	facts    uint32 // a bit for each fact
	hasFacts bool

	share    int      // of 0 to 99; -1 when not worked out
	regexps  *regexps // of the rule that is being judged
	near     nearSearch
	named    hashSet // of appendNameKeys
	names    [nameKinds][]string
	hasNames [nameKinds]bool
}

// field is one searched text.
type field struct {
	kind  fieldKind
	index int    // of fieldAlt
	text  string // as delivered, but links are blanks
	// first and end bound its units.
	first, end int
	folded     [2]string // plain and with marks
	hasFolded  bool
}

type fieldKind uint8

const (
	fieldText fieldKind = iota
	fieldRepost
	fieldAlt
	fieldQuote
)

// read makes p the view of ev.
func (p *post) read(ev *event.Event) {
	p.event = ev
	p.text.Reset()
	clear(p.fields)
	p.fields = p.fields[:0]
	p.hasLinks, p.hasFacts, p.share = false, false, -1
	p.hasNames = [nameKinds]bool{}
	if ev.Kind == event.KindRepost && ev.RepostOf != nil && ev.RepostOf.Text != "" {
		p.add(fieldRepost, 0, ev.RepostOf.Text)
	} else {
		p.add(fieldText, 0, ev.Text)
	}
	for i := range ev.Media {
		p.add(fieldAlt, i, ev.Media[i].Alt)
	}
	if ev.QuoteOf != nil {
		p.add(fieldQuote, 0, ev.QuoteOf.Text)
	}
	p.words.build(&p.text)
}

func (p *post) add(kind fieldKind, index int, text string) {
	if text == "" {
		return
	}
	f := field{kind: kind, index: index, text: blankLinks(text, p.event.Links), first: len(p.text.Units)}
	p.text.Append(f.text)
	f.end = len(p.text.Units)
	p.fields = append(p.fields, f)
}

// fieldOf returns the field that holds a unit.
func (p *post) fieldOf(unit int) *field {
	if len(p.fields) == 1 {
		return &p.fields[0]
	}
	i, _ := slices.BinarySearchFunc(p.fields, unit+1, func(f field, end int) int { return cmp.Compare(f.end, end) })
	return &p.fields[i]
}

// foldedText gives the whole folded text of f, with marks or without.
func (f *field) foldedText(marked bool) string {
	if !f.hasFolded {
		f.folded[0], f.folded[1] = token.Fold(f.text)
		f.hasFolded = true
	}
	if marked {
		return f.folded[1]
	}
	return f.folded[0]
}

// linkUnits gives the units of each link.
func (p *post) linkUnits() *token.Text {
	if p.hasLinks {
		return &p.links
	}
	p.hasLinks = true
	p.links.Reset()
	p.linkEnds = p.linkEnds[:0]
	for _, link := range p.event.Links {
		p.links.Append(linkText(link))
		p.linkEnds = append(p.linkEnds, len(p.links.Units))
	}
	return &p.links
}

// nameKind is a list of names of an event that are compared whole.
type nameKind uint8

const (
	nameHashtag nameKind = iota
	nameCashtag
	nameMention
	nameFrom
	nameTo
	nameRepostsOf
	nameConversation
	nameNetwork
	nameSource
	nameLang
	nameKinds
)

// namesOf gives an event's names of a kind, folded.
func (p *post) namesOf(kind nameKind) []string {
	if !p.hasNames[kind] {
		p.hasNames[kind] = true
		p.names[kind] = appendNames(p.names[kind][:0], kind, p.event)
	}
	return p.names[kind]
}

func appendNames(names []string, kind nameKind, ev *event.Event) []string {
	switch kind {
	case nameHashtag:
		return appendFolded(names, ev.Hashtags...)
	case nameCashtag:
		return appendFolded(names, ev.Cashtags...)
	case nameMention:
		return appendFolded(names, ev.Mentions...)
	case nameFrom:
		return appendFolded(names, ev.Author.ID, ev.Author.Handle)
	case nameTo:
		return appendRef(names, ev.ReplyTo)
	case nameRepostsOf:
		return appendRef(names, ev.RepostOf)
	case nameConversation:
		return appendKey(appendKey(names, ev.Key), ev.Thread)
	case nameNetwork:
		return appendFolded(names, ev.Network)
	case nameSource:
		return appendFolded(names, ev.Source)
	}
	for _, lang := range ev.Langs {
		names = appendLang(names, langTag(lang))
	}
	return names
}

// appendLang appends a language tag and all that it is a variety of: of zh-hant
// zh too.
func appendLang(names []string, lang string) []string {
	for i := range len(lang) {
		if lang[i] == '-' {
			names = append(names, lang[:i])
		}
	}
	return append(names, lang)
}

// appendFolded keeps a place for each name, so that it tells where it is from;
// an empty name equals no value.
func appendFolded(names []string, more ...string) []string {
	for _, name := range more {
		names = append(names, token.FoldName(name))
	}
	return names
}

func appendRef(names []string, ref *event.Ref) []string {
	if ref == nil {
		return names
	}
	return appendFolded(names, ref.AuthorID, ref.AuthorHandle)
}

// keyForms is how many names appendKey appends.
const keyForms = 3

// appendKey appends the three ways to name a post: by its key, by that without
// the network, and by what follows the last slash.
func appendKey(names []string, key string) []string {
	key = token.FoldName(key)
	_, native, _ := strings.Cut(key, ":")
	return append(names, key, native, native[strings.LastIndexByte(native, '/')+1:])
}

// appendNameKeys appends the keys of all names, each once.
func (p *post) appendNameKeys(keys []eventKey) []eventKey {
	p.named.clear()
	for kind := firstName; kind < firstName+keyKind(nameKinds); kind++ {
		for _, name := range p.namesOf(kind.name()) {
			k := eventKey{hash: kind.hash(token.Hash(name)), kind: kind, name: name}
			if p.named.add(k.hash) {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// sampleShare is where the event's key falls in 0 to 99.
func (p *post) sampleShare() int {
	if p.share < 0 {
		p.share = share(p.event.Key)
	}
	return p.share
}

// fact reports whether f holds.
func (p *post) fact(f fact) bool {
	if !p.hasFacts {
		p.hasFacts = true
		p.facts = factsOf(p.event)
	}
	return p.facts>>f&1 != 0
}

func factsOf(ev *event.Event) uint32 {
	facts := kindFacts(ev) | mediaFacts(ev)
	set := func(f fact, holds bool) {
		if holds {
			facts |= 1 << f
		}
	}
	set(factVerified, ev.Author.Verified)
	set(factLinks, len(ev.Links) > 0)
	set(factHashtags, len(ev.Hashtags) > 0)
	set(factCashtags, len(ev.Cashtags) > 0)
	set(factMentions, len(ev.Mentions) > 0)
	return facts
}

func kindFacts(ev *event.Event) uint32 {
	switch ev.Kind {
	case event.KindPost:
		return 1 << factPost
	case event.KindRepost:
		return 1 << factRepost
	case event.KindQuote:
		return 1 << factQuote
	}
	if ev.QuoteOf != nil {
		return 1<<factReply | 1<<factQuote
	}
	return 1 << factReply
}

func mediaFacts(ev *event.Event) (facts uint32) {
	for i := range ev.Media {
		facts |= 1 << factMedia
		switch ev.Media[i].Type {
		case event.MediaImage:
			facts |= 1 << factImages
		case event.MediaVideo:
			facts |= 1 << factVideo
		}
		if !token.IsBlank(ev.Media[i].Alt) {
			facts |= 1 << factAlt
		}
	}
	return facts
}
