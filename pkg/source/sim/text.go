package sim

import (
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"

	"riffle/pkg/event"
)

// Shares, in percent, of posts that have one.
const (
	shareEnglish = 12 // of those whose author writes another language
	shareCloser  = 35
	shareSecond  = 12
	shareEmoji   = 28
	shareTags    = 22
	shareCashtag = 25 // of topics that have any
	shareMention = 9
	shareLink    = 13
	shareMedia   = 17
	shareAlt     = 70 // of media
	shareNoLang  = 4
	shareChat    = 45 // of replies that are a closer alone
)

// makers are the sites that links lead to, under a top-level domain that never
// exists.
var makers = [...]string{"news.example", "blog.example", "www.dispatch.example", "photos.example", "video.example", "wiki.example", "shop.example"}

// write composes the text of version n of a post and, where ev is given, fills
// in what belongs to the text: langs, tags, links, mentions, media.
func (g *generator) write(ev *event.Event, writer int, n int64, chat bool) string {
	r := g.rng(n, forText)
	by := g.rng(int64(writer), forAuthor)
	l := g.language(&by)
	if r.chance(shareEnglish) {
		l = &g.vocabulary.languages[g.vocabulary.english]
	}
	t := g.topic(l, writer, &r)
	w := writing{generator: g, ev: ev, r: r, language: l, topic: t, start: len(g.b)}
	w.tags = w.space[:0]
	w.sentences(chat)
	w.signs()
	text := g.str(w.start)
	if ev != nil {
		ev.Text = text
		w.complete()
	}
	return text
}

// topic is every other time the one that the author likes best.
func (g *generator) topic(l *language, writer int, r *rng) *topic {
	if r.chance(50) {
		return &l.topics[writer%len(l.topics)]
	}
	return &l.topics[l.pick.draw(r)]
}

// writing is a text while it is written. Its strings begin where the generator
// stands: nothing else is made meanwhile.
type writing struct {
	*generator
	ev       *event.Event // nil: only the text is wanted
	r        rng
	language *language
	topic    *topic
	start    int
	tags     []string
	space    [3]string // of tags
}

func (w *writing) sentences(chat bool) {
	if chat && w.r.chance(shareChat) {
		w.oneOf(w.language.closers)
		return
	}
	all := w.topic.sentences
	first := w.r.below(len(all))
	w.sentence(all[first])
	if w.r.chance(shareSecond) {
		w.stop()
		w.sentence(all[(first+1+w.r.below(len(all)-1))%len(all)])
	}
	if w.r.chance(shareCloser) {
		w.stop()
		w.oneOf(w.language.closers)
	}
}

// stop ends a sentence that has no sign at its end.
func (w *writing) stop() {
	sign, space := ".", " "
	switch w.language.code {
	case "ja", "zh":
		sign, space = "。", ""
	case "th":
		sign = ""
	}
	if last, _ := utf8.DecodeLastRune(w.b); !unicode.IsPunct(last) {
		w.b = append(w.b, sign...)
	}
	w.b = append(w.b, space...)
}

func (w *writing) oneOf(from []sentence) { w.sentence(from[w.r.below(len(from))]) }

func (w *writing) sentence(s sentence) {
	for _, p := range s {
		switch p.kind {
		case pieceLiteral:
			w.b = append(w.b, p.literal...)
		case pieceWords:
			w.b = append(w.b, p.words.draw(&w.r)...)
		case pieceNumber:
			w.b = strconv.AppendInt(w.b, int64(w.r.rank(97, 8))+2, 10)
		case pieceSmall:
			w.b = strconv.AppendInt(w.b, int64(w.r.below(5)), 10)
		case pieceDegrees:
			w.b = strconv.AppendInt(w.b, int64(3+w.r.below(33)), 10)
		case pieceTime:
			w.time()
		case pieceMade:
			w.made()
		}
	}
}

func (w *writing) time() {
	minutes := w.r.below(60)
	w.b = strconv.AppendInt(w.b, int64(5+w.r.below(19)), 10)
	w.b = append(w.b, ':', byte('0'+minutes/10), byte('0'+minutes%10))
}

// Made-up names are two syllables and an end: a long tail of words that are rare
// but come again.
var (
	syllables = [...]string{"vel", "kar", "mo", "tan", "lu", "ri", "sho", "bre", "ni", "qua", "zel", "dor", "fi", "gra", "hy", "jun", "pel", "so", "tri", "wen", "ba", "cor", "el", "ya"}
	endings   = [...]string{"a", "ix", "on", "is", "ra", "ton", "via", "o", "um", "el"}
)

const madeNames = 24 * 24 * 10

func (w *writing) made() {
	rank := w.r.rank(madeNames, 10)
	start := len(w.b)
	w.b = append(w.b, syllables[rank%24]...)
	w.b = append(w.b, syllables[rank/24%24]...)
	w.b = append(w.b, endings[rank/(24*24)%10]...)
	w.b[start] -= 'a' - 'A'
}

// signs adds what stands after the sentences of some posts.
func (w *writing) signs() {
	if w.r.chance(shareEmoji) {
		w.b = append(append(w.b, ' '), w.topic.emoji.draw(&w.r)...)
	}
	if w.r.chance(shareMention) {
		w.mention()
	}
	if w.r.chance(shareTags) {
		for range 1 + w.r.below(3) {
			w.hashtag()
		}
	}
	if len(w.topic.cashtags.list) > 0 && w.r.chance(shareCashtag) {
		tag := w.topic.cashtags.draw(&w.r)
		w.b = append(append(w.b, " $"...), tag...)
		if w.ev != nil {
			w.ev.Cashtags = append(w.ev.Cashtags, tag)
		}
	}
	if w.r.chance(shareLink) {
		w.link()
	}
}

func (w *writing) hashtag() {
	tag := w.topic.tags.draw(&w.r)
	if slices.Contains(w.tags, tag) {
		return
	}
	w.tags = append(w.tags, tag)
	w.b = append(append(w.b, " #"...), tag...)
	if w.ev != nil {
		w.ev.Hashtags = append(w.ev.Hashtags, tag)
	}
}

func (w *writing) mention() {
	w.b = append(w.b, " @"...)
	start := len(w.b)
	w.appendHandle(w.r.rank(authors, authorsHead))
	if w.ev != nil {
		w.ev.Mentions = append(w.ev.Mentions, w.str(start))
	}
}

func (w *writing) link() {
	w.b = append(w.b, ' ')
	start := len(w.b)
	w.b = append(append(w.b, "https://"...), makers[w.r.below(len(makers))]...)
	w.b = append(w.b, '/')
	w.b = strconv.AppendUint(w.b, w.r.next()>>28, 36)
	if w.ev != nil {
		w.ev.Links = append(w.ev.Links, w.str(start))
	}
}

// complete fills in what a text of a post has beside it.
func (w *writing) complete() {
	if !w.r.chance(shareNoLang) {
		w.ev.Langs = append(w.ev.Langs, w.language.code)
	}
	if !w.r.chance(shareMedia) {
		return
	}
	for range 1 + w.r.below(10)/8 {
		w.media()
	}
}

func (w *writing) media() {
	m := event.Media{Type: event.MediaImage}
	if w.r.chance(15) {
		m.Type = event.MediaVideo
	}
	start := len(w.b)
	w.b = append(w.b, "https://media.example/"...)
	w.b = strconv.AppendUint(w.b, w.r.next()>>20, 36)
	m.URL = w.str(start)
	if w.r.chance(shareAlt) {
		start := len(w.b)
		w.oneOf(w.topic.alts)
		m.Alt = w.str(start)
	}
	w.ev.Media = append(w.ev.Media, m)
}
