package rule

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
)

func TestSpans(t *testing.T) {
	t.Parallel()
	post := event.Event{
		Key: "twitter:20", Kind: event.KindReply,
		Text:     "The Café, the CAFE; https://x.org/cat don’t ＮＥＷ-york 東京都 👍🏽",
		Author:   event.Author{ID: "7", Handle: "Ann", Followers: 11},
		Links:    []string{"https://x.org/cat", "https://xn--r8jz45g.jp/%E6%9D%B1"},
		Hashtags: []string{"a", "GoLang"}, Langs: []string{"pt-BR"}, Mentions: []string{"Bob"},
		Media:   []event.Media{{Type: event.MediaImage, Alt: "a Cat"}},
		QuoteOf: &event.Ref{Text: "cats quoted"},
	}
	cases := []struct {
		rule string
		want []string
	}{
		{"cafe", []string{"text:Café", "text:CAFE"}},
		{"café", []string{"text:Café"}},
		{"cat*", []string{"media[0].alt:Cat", "quote_of.text:cats"}},
		{"don't", []string{"text:don’t"}},
		{`"new york"`, []string{"text:ＮＥＷ-york"}},
		{"京都", []string{"text:京都"}},
		{"👍🏽", []string{"text:👍🏽"}},
		{`"york café"~10`, []string{"text:Café", "text:york"}},
		{`contains:"fe, t"`, []string{"text:fé, t"}},
		{`contains:"fè, t"`, []string{}},
		{`contains:"fé, t"`, []string{"text:fé, t"}},
		{`contains:"new-"`, []string{"text:ＮＥＷ-"}},
		{"/c[ao]fe/", []string{"text:Café", "text:CAFE"}},
		{"url:x.org", []string{"links[0]:x.org"}},
		{"url:東", []string{"links[1]:https://xn--r8jz45g.jp/%E6%9D%B1"}},
		{"#golang", []string{"hashtags[1]:GoLang"}},
		{"@bob", []string{"mentions[0]:Bob"}},
		{"from:ann", []string{"author.handle:Ann"}},
		{"from:7", []string{"author.id:7"}},
		{"conversation:20", []string{"key:twitter:20"}},
		{"york lang:pt is:reply", []string{"text:york", "kind:reply", "langs[0]:pt-BR"}},
		{"york followers:10..", []string{"text:york", "author.followers:"}},
		{"york -dog (nothing OR quoted OR 東京)", []string{"text:york", "text:東京", "quote_of.text:quoted"}},
	}
	for _, c := range cases {
		expr, problems := Parse(c.rule)
		if expr == nil {
			t.Fatalf("Parse(%q): %v", c.rule, problems)
		}
		spans, matches := expr.Explain(&post)
		got := []string{}
		for _, s := range spans {
			got = append(got, s.Field+":"+FieldText(&post, s.Field)[s.Start:s.End])
		}
		if diff := cmp.Diff(c.want, got); diff != "" || matches != (len(c.want) > 0) {
			t.Errorf("%s: matches %v, spans (-want +got):\n%s", c.rule, matches, diff)
		}
	}
}

func TestWhyNot(t *testing.T) {
	t.Parallel()
	post := event.Event{Text: "a cat and a cow", Langs: []string{"en"}}
	cases := []struct {
		rule string
		want []string
	}{
		{"cat cow", nil},
		{"cat dog", []string{"dog@4"}},
		{"dog bird cat", []string{"dog@0", "bird@4"}},
		{"cat -cow", []string{"!cow@5"}},
		{"(dog bird) OR horse", []string{"horse@14"}},
		{"dog OR bird", []string{"dog@0"}},
		{"cat -(cow lang:en)", []string{"!cow@6"}},
		{`cat "a dog" -is:post`, []string{`"a dog"@4`, "!is:post@13"}},
		{"cat -(-dog)", []string{"dog@7"}},
	}
	for _, c := range cases {
		expr, problems := Parse(c.rule)
		if expr == nil {
			t.Fatalf("Parse(%q): %v", c.rule, problems)
		}
		var got []string
		for _, m := range expr.WhyNot(&post) {
			excluded := ""
			if m.Excluded {
				excluded = "!"
			}
			got = append(got, fmt.Sprintf("%s%s@%d", excluded, m.Term, m.Offset))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("WhyNot of %q (-want +got):\n%s", c.rule, diff)
		}
	}
}

// TestExplainAgreesWithTwin also holds that every span lies in its field, and
// that a rule which does not match is told why not, and only such a rule.
func TestExplainAgreesWithTwin(t *testing.T) {
	t.Parallel()
	d := newDice(3)
	for range 1500 {
		expr, _ := Parse(d.rule(2))
		if expr == nil {
			continue
		}
		ev := d.event()
		spans, got := expr.Explain(ev)
		if want := newNaive(ev).eval(expr.root); got != want {
			t.Fatalf("Explain of %q: got %v, want %v, on %+v", expr.Value(), got, want, ev)
		}
		if missing := expr.WhyNot(ev); (len(missing) == 0) != got {
			t.Errorf("WhyNot of %q: got %v, matches %v, on %+v", expr.Value(), missing, got, ev)
		}
		for _, s := range spans {
			if text := FieldText(ev, s.Field); text != "" && (s.Start < 0 || s.Start > s.End || s.End > len(text)) {
				t.Errorf("Explain of %q: span %+v lies outside %q", expr.Value(), s, text)
			}
		}
	}
}
