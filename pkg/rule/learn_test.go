package rule

import (
	"fmt"
	"testing"

	"riffle/pkg/event"
	"riffle/pkg/rule/token"
)

// TestLearnsHotKeys begins with rules that name a word which nobody knew to be
// common, and something rare that is no word. A post with the common word must
// soon lead to few of them, whichever way it was that they were filed.
func TestLearnsHotKeys(t *testing.T) {
	t.Parallel()
	const n = 200
	for _, c := range []struct{ name, rule, finds string }{
		{"a word and a text", `worldcup contains:"x%dy"`, "worldcup ax%dy"},
		{"a hashtag and an expression", `#worldcup /q%d\+/`, "a Q%d+"},
		{"a word and a choice", `worldcup (wa%d OR wb%d)`, "worldcup wb%d"},
		{"a word and a beginning", `worldcup b%dzebra*`, "worldcup b%dzebras"},
		{"two words and a text", `worldcup brazil contains:"x%dy"`, "brazil worldcup x%dy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			index := NewIndex()
			rules := make([]Rule, n)
			for i := range rules {
				rules[i] = Rule{ID: int64(i + 1), User: int64(i % 100), Value: fmt.Sprintf(c.rule, repeat(i, c.rule)...)}
			}
			if failed := index.Load(rules); len(failed) > 0 {
				t.Fatalf("Load: %v", failed[0].Err)
			}
			m := index.NewMatcher()
			ev := &event.Event{Text: "worldcup brazil tonight", Hashtags: []string{"WorldCup"}}
			for range 4 {
				for range window {
					m.Match(ev, nil)
				}
				index.Upkeep()
			}
			before := m.gathered
			m.Match(ev, nil)
			if got := m.gathered - before; got > n/10 {
				t.Errorf("rules that a post with a hot word leads to: got %d of %d, want few", got, n)
			}
			for i := 1; i <= n; i += 33 {
				found := &event.Event{Text: fmt.Sprintf(c.finds, i-1), Hashtags: []string{"worldcup"}}
				if got := matched(m, found, nil); len(got) != 1 || got[0] != int64(i) {
					t.Errorf("rules that match %q: got %v, want [%d]", found.Text, got, i)
				}
			}
			for i := range rules {
				index.Remove(rules[i].ID)
			}
			if s := index.current.Load(); s.table.count != 0 || s.kinds != [keyKinds]int32{} {
				t.Errorf("after all were removed: got %d keys, kinds %v, want none", s.table.count, s.kinds)
			}
		})
	}
}

// repeat gives i once for each verb of a format.
func repeat(i int, format string) []any {
	var args []any
	for j := range format {
		if format[j] == '%' {
			args = append(args, i)
		}
	}
	return args
}

// TestLearnedKeysStayFew sees to it that what a stream holds can't fill memory.
func TestLearnedKeysStayFew(t *testing.T) {
	t.Parallel()
	var h heat
	for i := range 3 * maxNoted {
		h.note(uint64(i))
		h.note(uint64(i % 10))
	}
	if len(h.keys) != maxNoted || h.keys[3] != 3*maxNoted/10+2 {
		t.Errorf("keys that are noted: got %d, the fourth %d times, want %d, %d times", len(h.keys), h.keys[3], maxNoted, 3*maxNoted/10+2)
	}
	known := new(measured).with(1, 0.1).with(1, 0.5)
	for version, want := range []float32{0.01, 0.1, 0.5} {
		if got := known.at(uint32(version)).chance(1, 0.01); got != want {
			t.Errorf("chance at version %d: got %v, want %v", version, got, want)
		}
	}
	if got := known.now().chance(token.Hash("x"), 0.01); got != 0.01 {
		t.Errorf("chance of a key never measured: got %v, want 0.01", got)
	}
}
