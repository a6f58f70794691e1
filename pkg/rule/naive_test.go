package rule

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"riffle/pkg/event"
	"riffle/pkg/rule/token"
)

// naive judges one event by walking the tree, straight from the specification.
type naive struct {
	ev    *event.Event
	texts []naiveText
}

type naiveText struct {
	field string
	text  string // links blanked
	units []unit
}

// unit is a token, or one letter of a run.
type unit struct {
	plain, marked string
	run, joined   bool // joined: nothing stands between it and the unit before
	weightless    bool // a mark in a run, which is no token to ~N
	start, end    int
}

func newNaive(ev *event.Event) *naive {
	n := &naive{ev: ev}
	if ev.Kind == event.KindRepost && ev.RepostOf != nil && ev.RepostOf.Text != "" {
		n.add("repost_of.text", ev.RepostOf.Text)
	} else {
		n.add("text", ev.Text)
	}
	for i, m := range ev.Media {
		n.add(fmt.Sprintf("media[%d].alt", i), m.Alt)
	}
	if ev.QuoteOf != nil {
		n.add("quote_of.text", ev.QuoteOf.Text)
	}
	return n
}

func (n *naive) add(field, text string) {
	text = naiveBlank(text, n.ev.Links)
	n.texts = append(n.texts, naiveText{field, text, unitsOf(text)})
}

// naiveBlank puts spaces in the place of links.
func naiveBlank(text string, links []string) string {
	out := []byte(text)
	for i := 0; i < len(text); {
		length := naiveLinkAt(text[i:], links)
		for j := i; j < i+length; j++ {
			out[j] = ' '
		}
		i += max(length, 1)
	}
	return string(out)
}

func naiveLinkAt(s string, links []string) int {
	longest := 0
	for _, link := range links {
		if strings.HasPrefix(s, link) {
			longest = max(longest, len(link))
		}
	}
	if longest > 0 {
		return longest
	}
	lower := strings.ToLower(s[:min(len(s), 8)])
	if !strings.HasPrefix(lower, "http://") && !strings.HasPrefix(lower, "https://") {
		return 0
	}
	if end := strings.IndexFunc(s, isSpace); end >= 0 {
		return end
	}
	return len(s)
}

func unitsOf(text string) []unit {
	var units []unit
	for _, t := range token.Cut(nil, text) {
		if !t.Run {
			units = append(units, unit{plain: t.Plain, marked: t.Marked, start: t.Start, end: t.End})
			continue
		}
		for i, r := range t.Marked {
			units = append(units, unit{
				plain: string(r), marked: string(r), run: true, joined: i > 0,
				weightless: unicode.IsMark(r), start: t.Start, end: t.End,
			})
		}
	}
	return units
}

func (n *naive) eval(x *node) bool {
	switch x.kind {
	case nodeTerm:
		return n.term(x.term)
	case nodeNot:
		return !n.eval(x.kids[0])
	case nodeAnd:
		for _, kid := range x.kids {
			if !n.eval(kid) {
				return false
			}
		}
		return true
	}
	for _, kid := range x.kids {
		if n.eval(kid) {
			return true
		}
	}
	return false
}

func (n *naive) term(t *term) bool {
	switch t.op {
	case opText, opNear:
		return slices.ContainsFunc(n.texts, func(x naiveText) bool { return findWords(x.units, t) })
	case opContains:
		return slices.ContainsFunc(n.texts, func(x naiveText) bool {
			return strings.Contains(foldedLike(x.text, t.marked), t.value)
		})
	case opRegexp:
		return slices.ContainsFunc(n.texts, func(x naiveText) bool {
			return naiveRegexp(t.value).MatchString(foldedLike(x.text, t.marked))
		})
	case opHashtag:
		return hasName(n.ev.Hashtags, t.value)
	case opCashtag:
		return hasName(n.ev.Cashtags, t.value)
	case opMention:
		return hasName(n.ev.Mentions, t.value)
	case opURL:
		return slices.ContainsFunc(n.ev.Links, func(link string) bool {
			return findWords(unitsOf(linkText(link)), t)
		})
	case opIs, opHas:
		return n.fact(t.what)
	}
	return n.field(t)
}

// compiled keeps the few expressions that the tests use.
var compiled sync.Map

func naiveRegexp(pattern string) *regexp.Regexp {
	if x, ok := compiled.Load(pattern); ok {
		return x.(*regexp.Regexp)
	}
	x := regexp.MustCompile("(?i)" + pattern)
	compiled.Store(pattern, x)
	return x
}

func (n *naive) field(t *term) bool {
	ev := n.ev
	switch t.op {
	case opFrom:
		return isAccount(t.value, ev.Author.ID, ev.Author.Handle)
	case opTo:
		return isRefAuthor(t.value, ev.ReplyTo)
	case opRepostsOf:
		return isRefAuthor(t.value, ev.RepostOf)
	case opConversation:
		return isKey(t.value, ev.Key) || isKey(t.value, ev.Thread)
	case opLang:
		return slices.ContainsFunc(ev.Langs, func(lang string) bool {
			lang = langTag(lang)
			return lang == t.value || strings.HasPrefix(lang, t.value+"-")
		})
	case opNetwork:
		return token.FoldName(ev.Network) == t.value
	case opSource:
		return token.FoldName(ev.Source) == t.value
	case opFollowers:
		followers := ev.Author.Followers - 1
		return followers >= 0 && t.low <= followers && followers <= t.high
	}
	return int64(naiveShare(ev.Key)) < t.low
}

func (n *naive) fact(f fact) bool {
	ev := n.ev
	switch f {
	case factPost:
		return ev.Kind == event.KindPost
	case factReply:
		return ev.Kind == event.KindReply
	case factRepost:
		return ev.Kind == event.KindRepost
	case factQuote:
		return ev.Kind == event.KindQuote || ev.Kind == event.KindReply && ev.QuoteOf != nil
	case factVerified:
		return ev.Author.Verified
	case factLinks:
		return len(ev.Links) > 0
	case factHashtags:
		return len(ev.Hashtags) > 0
	case factCashtags:
		return len(ev.Cashtags) > 0
	case factMentions:
		return len(ev.Mentions) > 0
	case factMedia:
		return len(ev.Media) > 0
	case factImages:
		return slices.ContainsFunc(ev.Media, func(m event.Media) bool { return m.Type == event.MediaImage })
	case factVideo:
		return slices.ContainsFunc(ev.Media, func(m event.Media) bool { return m.Type == event.MediaVideo })
	}
	return slices.ContainsFunc(ev.Media, func(m event.Media) bool {
		return strings.ContainsFunc(m.Alt, func(r rune) bool { return !isSpace(r) && r != '\u00ad' && r != '\u200d' && r != '\ufe0f' })
	})
}

// naiveShare is where in 0 to 99 an event's key falls.
func naiveShare(key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	x := h.Sum64()
	x ^= x >> 32
	x *= 0x9e3779b97f4a7c15
	return (x >> 32) * 100 >> 32
}

func isAccount(value, id, handle string) bool {
	return id != "" && token.FoldName(id) == value || handle != "" && token.FoldName(handle) == value
}

func isRefAuthor(value string, ref *event.Ref) bool {
	return ref != nil && isAccount(value, ref.AuthorID, ref.AuthorHandle)
}

// isKey compares a key whole, without its network, and by what follows its last
// slash.
func isKey(value, key string) bool {
	if key == "" {
		return false
	}
	key = token.FoldName(key)
	_, native, _ := strings.Cut(key, ":")
	return value == key || value == native || value == native[strings.LastIndexByte(native, '/')+1:]
}

func hasName(names []string, value string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return token.FoldName(name) == value })
}

func foldedLike(text string, marked bool) string {
	plain, withMarks := token.Fold(text)
	if marked {
		return withMarks
	}
	return plain
}

// findWords looks for a term's words at every place.
func findWords(units []unit, t *term) bool {
	for i := range units {
		if t.op == opNear && findNear(units, t, i) || t.op != opNear && inRow(units, i, t.words) {
			return true
		}
	}
	return false
}

func inRow(units []unit, i int, words []word) bool {
	for _, w := range words {
		n := w.length(units[min(i, len(units)):])
		if n == 0 {
			return false
		}
		i += n
	}
	return true
}

// length is how many units w takes at the front of units; 0 if it is not there.
func (w word) length(units []unit) int {
	if w.run {
		return w.runLength(units)
	}
	if len(units) == 0 || units[0].run {
		return 0
	}
	form := units[0].plain
	if w.marked {
		form = units[0].marked
	}
	if form == w.form || w.prefix && strings.HasPrefix(form, w.form) {
		return 1
	}
	return 0
}

func (w word) runLength(units []unit) int {
	n := 0
	for _, r := range w.form {
		if n == len(units) || !units[n].run || n > 0 && !units[n].joined || units[n].marked != string(r) {
			return 0
		}
		n++
	}
	return n
}

// findNear tries all places of the words in a window that begins at first.
func findNear(units []unit, t *term, first int) bool {
	taken := make([]bool, len(units))
	var place func(left []word) bool
	place = func(left []word) bool {
		if len(left) == 0 {
			return taken[first] && others(units, taken) <= t.within
		}
		for i := first; i < min(len(units), first+nearReach(t)); i++ {
			n := left[0].length(units[i:])
			if n == 0 || slices.Contains(taken[i:i+n], true) {
				continue
			}
			fill(taken[i:i+n], true)
			if place(left[1:]) {
				return true
			}
			fill(taken[i:i+n], false)
		}
		return false
	}
	return place(t.words)
}

// nearReach is more than the units a window can have, marks counted.
func nearReach(t *term) int {
	n := t.within
	for _, w := range t.words {
		n += utf8.RuneCountInString(w.form)
	}
	return 4 * n
}

func fill(taken []bool, value bool) {
	for i := range taken {
		taken[i] = value
	}
}

// others counts the tokens in the window that are not taken.
func others(units []unit, taken []bool) int {
	first, last := slices.Index(taken, true), len(taken)-1
	for !taken[last] {
		last--
	}
	n := 0
	for i := first; i <= last; i++ {
		if !taken[i] && !units[i].weightless {
			n++
		}
	}
	return n
}
