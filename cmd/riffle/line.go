package main

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"

	"riffle/pkg/event"
)

// lineForm makes one line of a match: compact and coloured, cut to the width,
// on a terminal; whole and plain elsewhere.
type lineForm struct {
	terminal bool
	width    int // in columns; 0: not cut
}

// Colours of a terminal.
const (
	dim    = "\x1b[2m"
	cyan   = "\x1b[36m"
	purple = "\x1b[35m"
	strong = "\x1b[1;33m"
	normal = "\x1b[0m"
)

// line shows when, who, which tags, and the text with what matched in it.
func (f lineForm) line(c *event.Change, ev *event.Event, rules []event.RuleMatch) string {
	text, spans := shown(ev, rules)
	when, who := c.MatchedAt.Std().Local().Format("15:04:05"), "@"+clean(author(ev))
	tags := clean(strings.Join(tagsOf(rules), " "))
	if c.Kind == event.ChangeUpdate {
		tags += " edited"
	}
	if !f.terminal {
		return strings.Join([]string{when, "[" + tags + "]", who, clean(text), ev.Permalink()}, " ")
	}
	used := uniseg.StringWidth(when+who+tags) + 5
	var out strings.Builder
	out.WriteString(dim + when + normal + " " + purple + "[" + tags + "]" + normal + " " + cyan + who + normal + " ")
	f.highlight(&out, text, spans, f.width-used)
	return out.String()
}

// shown gives the text of an event, or that of what it reposts, and after it
// the other texts in which something matched; with the spans in all that.
func shown(ev *event.Event, rules []event.RuleMatch) (string, []event.Span) {
	var text string
	var spans []event.Span
	for i, p := range piecesOf(ev) {
		found := spansIn(rules, p)
		if i > 0 && len(found) == 0 {
			continue
		}
		text += p.before
		for _, s := range found {
			spans = append(spans, event.Span{Field: p.field, Start: s.Start + len(text), End: s.End + len(text)})
		}
		text += p.text
	}
	return text, spans
}

// piece is one text of an event.
type piece struct{ before, text, field string }

func piecesOf(ev *event.Event) []piece {
	pieces := []piece{{"", ev.Text, "text"}}
	if ev.Kind == event.KindRepost && ev.RepostOf != nil && ev.RepostOf.Text != "" {
		pieces[0] = piece{"", ev.RepostOf.Text, "repost_of.text"}
	}
	if ev.QuoteOf != nil {
		pieces = append(pieces, piece{" » ", ev.QuoteOf.Text, "quote_of.text"})
	}
	for i, m := range ev.Media {
		pieces = append(pieces, piece{" ▣ ", m.Alt, "media[" + strconv.Itoa(i) + "].alt"})
	}
	return pieces
}

func spansIn(rules []event.RuleMatch, p piece) []event.Span {
	var spans []event.Span
	for _, r := range rules {
		for _, s := range r.Spans {
			if s.Field == p.field && s.Start >= 0 && s.Start < s.End && s.End <= len(p.text) {
				spans = append(spans, s)
			}
		}
	}
	slices.SortFunc(spans, func(a, b event.Span) int { return a.Start - b.Start })
	return spans
}

func author(ev *event.Event) string {
	if ev.Author.Handle != "" {
		return ev.Author.Handle
	}
	return ev.Author.ID
}

func tagsOf(rules []event.RuleMatch) []string {
	var tags []string
	for _, r := range rules {
		tag := r.Tag
		if tag == "" {
			tag = "rule " + r.ID
		}
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}

// highlight writes text with its spans in colour, as far as room allows.
func (f lineForm) highlight(out *strings.Builder, text string, spans []event.Span, room int) {
	at := 0
	for _, s := range spans {
		if s.Start < at {
			continue
		}
		room = f.cut(out, clean(text[at:s.Start]), "", room)
		room = f.cut(out, clean(text[s.Start:s.End]), strong, room)
		at = s.End
	}
	f.cut(out, clean(text[at:]), "", room)
}

// cut writes what of text fits into room columns, and gives what is left of
// them; -1 says that the line is full. Without a width there is room for all.
func (f lineForm) cut(out *strings.Builder, text, colour string, room int) int {
	if f.width > 0 && room < 0 || text == "" {
		return room
	}
	fits, full := text, false
	if f.width > 0 {
		fits, room, full = fit(text, room)
	}
	if colour != "" && fits != "" {
		fits = colour + fits + normal
	}
	out.WriteString(fits)
	if full {
		out.WriteString("…")
		return -1
	}
	return room
}

// fit gives the letters of text that take at most room columns, with one kept
// free for an ellipsis where not all do.
func fit(text string, room int) (fits string, left int, full bool) {
	if w := uniseg.StringWidth(text); w < room {
		return text, room - w, false
	}
	used, rest, state := 0, text, -1
	for rest != "" {
		cluster, after, w, next := uniseg.FirstGraphemeClusterInString(rest, state)
		if used+w >= room {
			break
		}
		fits, used, rest, state = fits+cluster, used+w, after, next
	}
	return fits, 0, true
}

// clean makes hostile text harmless on a terminal: line breaks become spaces,
// and control characters, with which a post could move the cursor or turn the
// direction of what follows, are left out.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == '\u200d' || unicode.IsGraphic(r): // joiners hold emoji together
			return r
		}
		return -1
	}, text)
}
