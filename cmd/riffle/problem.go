package main

import (
	"fmt"
	"strings"

	"riffle/pkg/rule"
)

// describe shows what is wrong with a rule: each problem under the rule, with
// the letters that it concerns marked.
func describe(value string, problems []rule.Problem) string {
	var out strings.Builder
	for i, p := range problems {
		if i > 0 {
			out.WriteByte('\n')
		}
		kind := "error"
		if p.Warning {
			kind = "warning"
		}
		fmt.Fprintf(&out, "%s at byte %d: %s (%s)\n", kind, p.Offset, p.Message, p.Code)
		if line, marks, ok := mark(value, p); ok {
			fmt.Fprintf(&out, "    %s\n    %s\n", line, marks)
		}
		if p.Hint != "" {
			fmt.Fprintf(&out, "  hint: %s\n", p.Hint)
		}
	}
	return strings.TrimRight(out.String(), "\n")
}

// widest is how much of a long rule is shown on each side of a problem, in
// letters.
const widest = 30

// mark gives the stretch of a rule around a problem, and the marks under it.
func mark(value string, p rule.Problem) (line, marks string, ok bool) {
	start, end := p.Offset, p.Offset+max(1, p.Length)
	if value == "" || start < 0 || start > len(value) {
		return "", "", false
	}
	end = min(end, len(value))
	before, culprit, after := []rune(value[:start]), []rune(value[start:max(start, end)]), []rune(value[max(start, end):])
	if len(culprit) > 2*widest { // such as all that is too much of a rule
		culprit, after = append(culprit[:2*widest:2*widest], '…'), nil
	}
	if len(before) > widest {
		before = append([]rune("…"), before[len(before)-widest:]...)
	}
	if len(after) > widest {
		after = append(after[:widest:widest], '…')
	}
	line = strings.Map(printable, string(before)+string(culprit)+string(after))
	return line, strings.Repeat(" ", len(before)) + strings.Repeat("^", max(1, len(culprit))), true
}

// printable keeps a rule on one line of a terminal.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}
