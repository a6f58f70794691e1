package main

import (
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"

	"riffle/pkg/event"
)

var matchedAt = event.TimeOf(time.Date(2026, 8, 1, 12, 0, 0, 0, time.Local))

func matchOf(spans ...event.Span) []event.RuleMatch {
	return []event.RuleMatch{{ID: "1", Tag: "drinks", Spans: spans}, {ID: "2", Spans: []event.Span{}}}
}

func TestPlainLines(t *testing.T) {
	t.Parallel()
	post := event.Event{Key: "twitter:20", Network: "twitter", Author: event.Author{ID: "12", Handle: "jack"}, Text: "more\ncoffee"}
	quote := post
	quote.QuoteOf = &event.Ref{Text: "tea or coffee"}
	repost := post
	repost.Kind, repost.RepostOf = event.KindRepost, &event.Ref{Text: "what was reposted"}
	hostile := post
	hostile.Author.Handle, hostile.Text = "\x1b]0;x\x07ann", "a\x1b[2Jb\u202ec\u200bd\r\ne"
	image := post
	image.Media = []event.Media{{Alt: "a cup"}, {Alt: "a pot"}}
	nameless := event.Event{Key: "sim:1", Author: event.Author{ID: "7"}, Text: "hi"}

	tests := []struct {
		name  string
		kind  event.ChangeKind
		event event.Event
		rules []event.RuleMatch
		want  string
	}{
		{"a post", event.ChangeNew, post, matchOf(event.Span{Field: "text", Start: 5, End: 11}), "12:00:00 [drinks rule 2] @jack more coffee https://twitter.com/jack/status/20"},
		{"an edit", event.ChangeUpdate, nameless, matchOf(), "12:00:00 [drinks rule 2 edited] @7 hi "},
		{"the quoted text where it matched", event.ChangeNew, quote, matchOf(event.Span{Field: "quote_of.text", Start: 0, End: 3}), "12:00:00 [drinks rule 2] @jack more coffee » tea or coffee https://twitter.com/jack/status/20"},
		{"not the quoted text where it did not", event.ChangeNew, quote, matchOf(), "12:00:00 [drinks rule 2] @jack more coffee https://twitter.com/jack/status/20"},
		{"the description where it matched", event.ChangeNew, image, matchOf(event.Span{Field: "media[1].alt", Start: 2, End: 5}), "12:00:00 [drinks rule 2] @jack more coffee ▣ a pot https://twitter.com/jack/status/20"},
		{"a repost", event.ChangeNew, repost, matchOf(), "12:00:00 [drinks rule 2] @jack what was reposted https://twitter.com/jack/status/20"},
		{"hostile text", event.ChangeNew, hostile, matchOf(), "12:00:00 [drinks rule 2] @]0;xann a[2Jbcd  e https://twitter.com/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := lineForm{}.line(&event.Change{Kind: tt.kind, MatchedAt: matchedAt}, &tt.event, tt.rules)
			if tt.name == "hostile text" {
				got = got[:min(len(got), len(tt.want))]
			}
			if got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestTerminalLinesFitTheWidth(t *testing.T) {
	t.Parallel()
	texts := []string{"", "short", strings.Repeat("words and ", 40), strings.Repeat("東京", 80), strings.Repeat("👩‍👩‍👧", 50), "e\u0301" + strings.Repeat("x", 200)}
	for _, text := range texts {
		for _, width := range []int{20, 40, 80, 200} {
			ev := event.Event{Author: event.Author{Handle: "ann"}, Text: text}
			end := min(5, len(text)) / 5 * 5
			got := lineForm{terminal: true, width: width}.line(&event.Change{MatchedAt: matchedAt}, &ev,
				[]event.RuleMatch{{Tag: "t", Spans: []event.Span{{Field: "text", Start: 0, End: end}}}})
			bare := stripColours(got)
			if w := uniseg.StringWidth(bare); w > width {
				t.Errorf("width %d: %q takes %d columns", width, bare, w)
			}
			if strings.Count(got, normal) < 3 {
				t.Errorf("width %d: colours are not ended: %q", width, got)
			}
		}
	}
}

func TestTerminalLinesShowWhatMatched(t *testing.T) {
	t.Parallel()
	ev := event.Event{Author: event.Author{Handle: "ann"}, Text: "tea and coffee"}
	got := lineForm{terminal: true, width: 80}.line(&event.Change{MatchedAt: matchedAt}, &ev, matchOf(
		event.Span{Field: "text", Start: 8, End: 14}, event.Span{Field: "text", Start: 0, End: 3}, event.Span{Field: "text", Start: 9, End: 99}))
	if want := strong + "tea" + normal + " and " + strong + "coffee" + normal; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q in it", got, want)
	}
}

func stripColours(line string) string {
	for _, colour := range []string{dim, cyan, purple, strong, normal} {
		line = strings.ReplaceAll(line, colour, "")
	}
	return line
}
