package rule

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"riffle/pkg/event"
)

// dice makes rules and events from a small vocabulary, so that they often have
// to do with each other.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 0))} }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// chance is true in percent of a hundred throws.
func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

var (
	vocabulary = []string{
		"the", "a", "of", "to", "cat", "cats", "category", "dog", "café", "cafe", "Cafè", "naïve", "NAIVE",
		"don't", "3.14", "x1", "foo", "bar", "foo.bar", "new", "york", "it", "I",
		"東京", "東京都", "京", "都", "커피", "커피를", "カフェ", "เป็น", "東、京", "LG전자",
		"👍", "👍🏽", "👍👍", "❤️", "ß", "STRASSE", "co\u00adop", "ё", "е",
	}
	tagNames     = []string{"go", "Go", "golang", "café", "東京"}
	handles      = []string{"ann", "Ann", "bob", "ann@example.org", "did:plc:x"}
	hosts        = []string{"github.com", "www.GitHub.com", "例え.jp", "xn--r8jz45g.jp", "news.café.fr"}
	paths        = []string{"", "/x", "/東京都", "/%E6%9D%B1%E4%BA%AC?q=cat", "/a_b/foo-bar#dog"}
	languageTags = []string{"en", "pt", "pt-BR", "he", "iw", "zh-Hant-TW"}
)

func (d dice) text(most int) string {
	words := make([]string, d.IntN(most+1))
	for i := range words {
		words[i] = pick(d, vocabulary...)
	}
	text := strings.Join(words, pick(d, " ", " ", " ", ", ", "\n", ""))
	if d.chance(10) {
		text += " " + d.link() + pick(d, "", " cat", "京")
	}
	return text
}

func (d dice) link() string {
	return pick(d, "https://", "http://", "", "HTTP://bob@") + pick(d, hosts...) + pick(d, "", "", ":80") + pick(d, paths...)
}

func (d dice) rule(depth int) string {
	n := 1 + d.IntN(3)
	parts := make([]string, n)
	for i := range parts {
		switch {
		case depth > 0 && d.chance(25):
			parts[i] = "(" + d.rule(depth-1) + ")"
		default:
			parts[i] = d.term()
		}
		if d.chance(20) {
			parts[i] = "-" + parts[i]
		}
	}
	return strings.Join(parts, pick(d, " ", " OR ", " "))
}

func (d dice) term() string {
	switch d.IntN(24) {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		return pick(d, vocabulary...)
	case 8, 9, 10:
		return `"` + d.phrase(3) + `"`
	case 11:
		return fmt.Sprintf(`"%s %s"~%d`, d.phrase(2), pick(d, vocabulary...), 1+d.IntN(3))
	case 12:
		return pick(d, "cat*", "caf*", "café*", "categ*", `"the cat*"`, "東京都*", "kat*")
	case 13:
		return "contains:" + pick(d, `"at c"`, "afé", "京、", "oo", `"t, "`, "東京", "👍👍", "e ", "fe c")
	case 14:
		return pick(d, "/ca[tf]/", `/\bfoo\b/`, "/(cat|dog)s?/", "/é/", "/x[0-9]/", "/./", "/京$/", "/(?:a|b)c*/")
	case 15:
		return "#" + pick(d, tagNames...)
	case 16:
		return pick(d, "@", "from:", "to:", "reposts_of:", "from:@") + pick(d, handles...)
	case 17:
		return `url:"` + pick(d, "github", "github.com", "例え.jp", "東京", "京", "x", "cat", "news.café", "cafe", "a_b") + `"`
	case 18:
		return pick(d, "conversation:x:1", "conversation:1", "conversation:9", "$BTC", "$btc")
	}
	return d.attribute()
}

func (d dice) phrase(most int) string {
	words := make([]string, 1+d.IntN(most))
	for i := range words {
		words[i] = pick(d, vocabulary...)
	}
	return strings.Join(words, " ")
}

func (d dice) attribute() string {
	switch d.IntN(6) {
	case 0:
		return "lang:" + pick(d, languageTags...)
	case 1:
		return pick(d, "network:x", "network:y", "source:s", "source:T")
	case 2:
		return "is:" + isFacts[d.IntN(len(isFacts))].name
	case 3:
		return "has:" + hasFacts[d.IntN(len(hasFacts))].name
	case 4:
		return pick(d, "followers:10..", "followers:..50", "followers:5..20", "followers:0..0", "min_followers:3")
	}
	return pick(d, "sample:50", "sample:1", "sample:100")
}

func (d dice) some(most int, from ...string) []string {
	var some []string
	for range d.IntN(most + 1) {
		some = append(some, pick(d, from...))
	}
	return some
}

func (d dice) ref() *event.Ref {
	if d.chance(60) {
		return nil
	}
	return &event.Ref{Key: "x:9", AuthorID: pick(d, handles...), AuthorHandle: pick(d, append(handles, "")...), Text: d.text(6)}
}

func (d dice) event() *event.Event {
	ev := &event.Event{
		Key: fmt.Sprintf("%s:%d", pick(d, "x", "y:did/z"), d.IntN(1000)), Network: pick(d, "x", "Y"), Source: pick(d, "s", "t"),
		Kind:   event.Kind(d.IntN(4)),
		Author: event.Author{ID: pick(d, handles...), Handle: pick(d, append(handles, "")...), Followers: int64(d.IntN(60)), Verified: d.chance(30)},
		Text:   d.text(12), Langs: d.some(2, languageTags...), Thread: pick(d, "", "x:1", "y:9"),
		Hashtags: d.some(2, tagNames...), Cashtags: d.some(1, "BTC", "eth"), Mentions: d.some(2, handles...),
		ReplyTo: d.ref(), RepostOf: d.ref(), QuoteOf: d.ref(),
	}
	for range d.IntN(3) {
		ev.Media = append(ev.Media, event.Media{Type: event.MediaType(d.IntN(4)), Alt: pick(d, "", " ", d.text(4))})
	}
	for range d.IntN(3) {
		link := d.link()
		ev.Links = append(ev.Links, link)
		if d.chance(60) {
			ev.Text += pick(d, " ", "") + link + pick(d, " cat", ")", "京")
		}
	}
	return ev
}
