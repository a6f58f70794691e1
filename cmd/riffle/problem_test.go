package main

import (
	"strings"
	"testing"

	"riffle/pkg/rule"
)

// TestMark shows where a problem is, in a line that is no longer than a terminal's.
func TestMark(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 100)
	for _, c := range []struct {
		value       string
		from, to    int
		line, marks string
	}{
		{"cat - dog", 4, 5, "cat - dog", "    ^"},
		{long + "(" + long, 200, 201, "…" + long[:60] + "(" + long[:60] + "…", strings.Repeat(" ", 31) + "^"},
		{"cat " + long, 4, 204, "cat " + long[:120] + "…", "    " + strings.Repeat("^", 61)},
	} {
		line, marks, ok := mark(c.value, rule.Problem{Offset: c.from, Length: c.to - c.from})
		if line != c.line || marks != c.marks || !ok {
			t.Errorf("%.20s: got %t\n%s\n%s\nwant\n%s\n%s", c.value, ok, line, marks, c.line, c.marks)
		}
	}
}
