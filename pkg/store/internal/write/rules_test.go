package write

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
)

func FuzzAppendRules(f *testing.F) {
	f.Add("12", "news", "text", 3, 9, uint8(2))
	f.Add("", "", "", 0, 0, uint8(0))
	f.Add("\"\\\x00<&>\u2028é😀", "a'b", "media[0].alt", -1, 1<<40, uint8(1))
	f.Fuzz(func(t *testing.T, id, tag, field string, start, end int, n uint8) {
		rules := make([]event.RuleMatch, n%4)
		for i := range rules {
			rules[i] = event.RuleMatch{ID: id, Tag: tag, Spans: make([]event.Span, (int(n)+i)%3)}
			for j := range rules[i].Spans {
				rules[i].Spans[j] = event.Span{Field: field, Start: start, End: end}
			}
		}
		want, err := json.Marshal(rules)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(AppendRules(nil, rules))); diff != "" {
			t.Errorf("JSON differs (-want +got):\n%s", diff)
		}
	})
}
