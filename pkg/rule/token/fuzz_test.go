package token_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/rule/token"
)

// hardTexts begin what the fuzzer tries: each has something that the quick way
// and the slow way could see differently.
var hardTexts = []string{
	"", "a", "The quick (“brown”) fox can’t jump 32.3 feet, right?",
	"don't don'ts DON'T n't can't've", "3.14 1,000 1.,2 1.٣ 3.１ .5. 1'0",
	"a\u0301 \u0301b 1️⃣ #️⃣x *", "LG가 東、京 iPhoneを買った", "👍🏽👍 👨‍👩‍👧 🇩🇪🇫🇷🇩",
	"co\u00adop \ufeffx\u200by", "ﾃﾞｰﾀ ｄｏｎ＇ｔ ﷺ ½ ŉ", "e\u0301\u0302\u0327 ё й İ ß ſ",
	"\xff\xfe a\xe2\x80", "a_b:c.d'e,f", "x\u2028y\u0085z", strings.Repeat("\u0301", 40),
	"ㄱㅏ ㅤ ᄒ\u200dᅡ", "ก็เป็น ខ្មែរ",
}

func FuzzText(f *testing.F) {
	for _, s := range hardTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkText(t, s)
	})
}

// checkText compares the quick way with the slow one.
func checkText(t *testing.T, s string) {
	t.Helper()
	var text token.Text
	text.Append(s)
	got, want := unitsOfText(&text), unitsOf(token.Cut(nil, s))
	if !slices.Equal(got, want) {
		t.Errorf("Append(%+q) differs from Cut (-Cut +Append):\n%s", s, cmp.Diff(want, got))
	}
}

type unit struct {
	Plain, Marked string
	Start, End    int // of a letter in a run not compared
	Run, Joined   bool
}

func unitsOf(tokens []token.Token) []unit {
	units := []unit{}
	for _, t := range tokens {
		if !t.Run {
			units = append(units, unit{t.Plain, t.Marked, t.Start, t.End, false, false})
			continue
		}
		for i, r := range t.Plain {
			units = append(units, unit{string(r), string(r), 0, 0, true, i > 0})
		}
	}
	return units
}

func unitsOfText(text *token.Text) []unit {
	units := []unit{}
	for i := range text.Units {
		u := &text.Units[i]
		if token.Hash(text.Plain(u)) != u.Hash || token.Hash(string(text.WithMarks(u))) != u.MarkedHash {
			panic("a unit's hash is not that of its form")
		}
		shown := unit{string(text.Plain(u)), string(text.WithMarks(u)), int(u.Start), int(u.End), u.RunEnd > 0, u.Joined}
		if shown.Run {
			shown.Start, shown.End = 0, 0
		}
		units = append(units, shown)
	}
	return units
}

func FuzzFold(f *testing.F) {
	for _, s := range hardTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkFold(t, s)
	})
}

// checkFold holds what the rest relies on: folding a folded text changes
// nothing, and the plain form follows from the marked one.
func checkFold(t *testing.T, s string) {
	t.Helper()
	plain, marked := token.Fold(s)
	if !utf8.ValidString(plain) || !utf8.ValidString(marked) {
		t.Errorf("Fold(%+q): got %+q, %+q, want valid UTF-8", s, plain, marked)
	}
	if p, m := token.Fold(marked); p != plain || m != marked {
		t.Errorf("Fold(%+q): got %+q, %+q, and folded again %+q, %+q", s, plain, marked, p, m)
	}
	if again, _ := token.Fold(plain); again != plain {
		t.Errorf("Fold(%+q): got plain %+q, folded again %+q", s, plain, again)
	}
}

func TestHardTexts(t *testing.T) {
	t.Parallel()
	for _, a := range hardTexts {
		for _, b := range hardTexts {
			checkText(t, a+b)
			checkText(t, a+" "+b)
			checkFold(t, a+b)
		}
	}
}

// TestEveryRune compares the quick way with the slow one for every rune beside
// what it might bind to.
func TestEveryRune(t *testing.T) {
	t.Parallel()
	for r := rune(0x80); r < 0x1fb00; r++ {
		if r >= 0xd800 && r <= 0xdfff || r >= 0x3420 && r < 0x9ff0 || r >= 0xac20 && r < 0xd790 || r > 0xffff && r < 0x1f000 {
			continue // the middle of Han and Hangul is all alike, other planes are read the slow way
		}
		c := string(r)
		checkText(t, "a"+c+"b 1"+c+"2 "+c+c+" 京"+c+"京 n"+c+"t")
		if t.Failed() {
			t.Fatalf("at %U", r)
		}
	}
}
