package rule

import (
	"slices"
	"strings"
	"testing"
)

// checkMeaning holds that the canonical form and the negation normal form of a
// rule mean what the rule means, over random events.
func checkMeaning(t *testing.T, d dice, value string) {
	t.Helper()
	expr, _ := Parse(value)
	if expr == nil {
		return
	}
	canonical := expr.Canonical()
	again, problems := Parse(canonical)
	switch {
	case again == nil && len(canonical) > MaxLength:
		return // folding may lengthen a rule over the limit
	case again == nil:
		t.Fatalf("canonical form %q of %q is refused: %v", canonical, value, problems)
	case again.Canonical() != canonical:
		t.Errorf("canonical form %q of %q has the canonical form %q", canonical, value, again.Canonical())
	}
	a := new(arena)
	normalForm := a.normal(expr.root, false)
	compiled, _ := a.compile(normalForm)
	unpacked := a.unpack(compiled)
	for range 5 {
		n := newNaive(d.event())
		want := n.eval(expr.root)
		if got := n.eval(again.root); got != want {
			t.Fatalf("canonical form %q of %q: got %v, want %v, on %+v", canonical, value, got, want, n.ev)
		}
		if got := n.evalBranch(normalForm); got != want {
			t.Fatalf("normal form of %q: got %v, want %v, on %+v", value, got, want, n.ev)
		}
		if got := n.evalBranch(unpacked); got != want {
			t.Fatalf("program of %q, unpacked: got %v, want %v, on %+v", value, got, want, n.ev)
		}
	}
}

// evalBranch judges a rule in negation normal form.
func (n *naive) evalBranch(b *branch) bool {
	switch b.kind {
	case nodeAnd:
		return !slices.ContainsFunc(b.kids, func(kid *branch) bool { return !n.evalBranch(kid) })
	case nodeOr:
		return slices.ContainsFunc(b.kids, n.evalBranch)
	}
	return n.term(b.term) != b.negated
}

func TestMeaningIsKept(t *testing.T) {
	t.Parallel()
	d := newDice(1)
	for range 1500 {
		checkMeaning(t, d, d.rule(3))
	}
}

// checkParse holds what every text is promised: problems lie within the rule,
// and there is an expression or an error, never both.
func checkParse(t *testing.T, value string) {
	t.Helper()
	expr, problems := Parse(value)
	if (expr == nil) != failed(problems) {
		t.Errorf("Parse(%q): got expression %v and problems %v", value, expr != nil, problems)
	}
	for _, p := range problems {
		if p.Offset < 0 || p.Length < 0 || p.Offset+p.Length > len(value) || p.Message == "" || p.Hint == "" {
			t.Errorf("Parse(%q): got %+v", value, p)
		}
	}
}

// oddRules begin what the fuzzer tries.
var oddRules = []string{
	"", "-", "--", "(", ")", "OR", `"`, "“", "/", "//", `/\//`, "#", "a:", "from:", `from:"`, "~1", `""~1`,
	"*", "cat*", `"a b"~2`, "\x00", "\xff", "http://", "url:%zz", "$", "$a", "a\u200bb", "(((((", "-(-(-a))",
	"sample:5 x", "/(a|b)+c/ x", "ﷺ ½ ŉ", `contains:"＂x"`, "followers:1..2 x", "１２*",
}

func FuzzParse(f *testing.F) {
	for _, value := range oddRules {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		checkParse(t, value)
		checkMeaning(t, newDice(uint64(len(value))), value)
	})
}

func TestOddRules(t *testing.T) {
	t.Parallel()
	d := newDice(2)
	for _, a := range oddRules {
		for _, b := range oddRules {
			for _, between := range []string{"", " ", " OR "} {
				checkParse(t, a+between+b)
				checkMeaning(t, d, a+between+b)
			}
		}
	}
}

// TestHostileRules holds that long rules of one sign are read in one pass: were
// any of them quadratic, the test would not end.
func TestHostileRules(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"(", ")", "-", "-(", `"`, "/", "OR ", "a:", "#", "x", "\u0301", "a\u0301", "1.", "n'", "👍\u200d", "*"} {
		checkParse(t, strings.Repeat(part, maxParsed/len(part)))
		checkParse(t, strings.Repeat(part, 1<<20))
	}
}
