package rule

import (
	"testing"

	"riffle/pkg/event"
)

// TestExamples runs the table of examples of the specification.
func TestExamples(t *testing.T) {
	t.Parallel()
	cases := []struct {
		rule string
		ev   event.Event
		want bool
	}{
		{`coffee tea`, event.Event{Text: "Tea or COFFEE?"}, true},
		{`coffee OR tea milk`, event.Event{Text: "coffee"}, true},
		{`(coffee OR tea) milk`, event.Event{Text: "coffee"}, false},
		{`cat -dog`, event.Event{Text: "cats and a cat"}, true},
		{`cat`, event.Event{Text: "concatenate"}, false},
		{`cat*`, event.Event{Text: "Category theory"}, true},
		{`"new york"`, event.Event{Text: "New-York, new you"}, true},
		{`"quick fox"~1`, event.Event{Text: "the fox is quick"}, true},
		{`"quick fox"~1`, event.Event{Text: "fox on the very quick"}, false},
		{`coca-cola`, event.Event{Text: "Coca Cola"}, true},
		{`tesla`, event.Event{Text: "Tesla’s plan"}, true},
		{`dont`, event.Event{Text: "don't"}, false},
		{`C++`, event.Event{Text: "vitamin C"}, true},
		{`golang`, event.Event{Text: "I ♥ #GoLang"}, true},
		{`#go`, event.Event{Text: "#golang", Hashtags: []string{"golang"}}, false},
		{`@ann`, event.Event{Text: "hi @Ann!", Mentions: []string{"Ann"}}, true},
		{`url:github.com`, event.Event{Links: []string{"https://github.com/redis/redis"}}, true},
		{`url:hub.com`, event.Event{Links: []string{"https://github.com/redis/redis"}}, false},
		{`url:github`, event.Event{Links: []string{"https://www.github.com:443/x"}}, true},
		{`github`, event.Event{Text: "see https://github.com/x"}, false},
		{`github`, event.Event{Text: "see https://github.com/x", Links: []string{"https://github.com/x"}}, false},
		{`naive`, event.Event{Text: "naïve"}, true},
		{`naïve`, event.Event{Text: "naive"}, false},
		{`東京`, event.Event{Text: "東京都に行く"}, true},
		{`커피`, event.Event{Text: "커피를 마신다"}, true},
		{`iphone`, event.Event{Text: "iPhoneを買った"}, true},
		{`👍`, event.Event{Text: "👍🏽"}, false},
		{`"new york"`, event.Event{Text: "new 🗽 york"}, false},
		{`kitten (has:images OR -is:repost)`, event.Event{Text: "kitten"}, true},
		{`cat -lang:en`, event.Event{Text: "cat"}, true},
	}
	for _, c := range cases {
		x := NewIndex()
		if err := x.Put(Rule{ID: 1, User: 1, Value: c.rule}); err != nil {
			t.Errorf("%s: %v", c.rule, err)
			continue
		}
		if got := len(x.NewMatcher().Match(&c.ev, nil)) > 0; got != c.want {
			t.Errorf("%s on %q: got %v, want %v", c.rule, c.ev.Text, got, c.want)
		}
	}
}
