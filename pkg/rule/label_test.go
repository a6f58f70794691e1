package rule_test

import (
	"strings"
	"testing"

	"riffle/pkg/rule"
)

func TestTags(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"", "drinks", "späte Züge", strings.Repeat("x", rule.MaxTag)} {
		if err := rule.CheckTag(tag); err != nil {
			t.Errorf("%q: got %v", tag, err)
		}
	}
	for _, tag := range []string{strings.Repeat("x", rule.MaxTag+1), "a\nb", "a\x00"} {
		if err := rule.CheckTag(tag); err == nil {
			t.Errorf("%q: got no error", tag)
		}
	}
}

func TestActionsByName(t *testing.T) {
	t.Parallel()
	for _, want := range []rule.Action{rule.Keep, rule.Drop} {
		if got, err := rule.ParseAction(want.String()); err != nil || got != want {
			t.Errorf("%s: got %v, %v", want, got, err)
		}
	}
	if got, err := rule.ParseAction("Keep"); err == nil {
		t.Errorf("got %v, want an error", got)
	}
}
