package token

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/words"
)

// everyRune visits all code points that text can hold.
func everyRune(visit func(r rune)) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r < 0xd800 || r > 0xdfff {
			visit(r)
		}
	}
}

func TestDropped(t *testing.T) {
	t.Parallel()
	// Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.
	ranges := [][2]rune{
		{0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c}, {0x115f, 0x1160}, {0x17b4, 0x17b5},
		{0x180b, 0x180f}, {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164},
		{0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfff8},
		{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
	}
	everyRune(func(r rune) {
		want := false
		for _, x := range ranges {
			want = want || x[0] <= r && r <= x[1] && r != '\u200b'
		}
		if got := isDropped(r); got != want {
			t.Errorf("isDropped(%U): got %v, want %v", r, got, want)
		}
	})
}

// TestRunLettersKeepTheirForm holds what Cut relies on: the forms of a run are
// the same with and without marks.
func TestRunLettersKeepTheirForm(t *testing.T) {
	t.Parallel()
	everyRune(func(r rune) {
		if classOf(r) != classRun {
			return
		}
		for _, s := range []string{string(r), string(r) + "\u0301", "京" + string(r)} {
			if plain, marked := Fold(s); plain != marked {
				t.Errorf("Fold(%+q): got %+q, %+q, want them alike", s, plain, marked)
			}
		}
	})
}

// TestEmojiIsPictographic checks the table against the segmentation library: a
// joiner binds to what follows only before a pictograph.
func TestEmojiIsPictographic(t *testing.T) {
	t.Parallel()
	everyRune(func(r rune) {
		if !isEmoji(r) || isFlagLetter(r) || isSkinTone(r) {
			return
		}
		segments := words.FromString("\u200d" + string(r))
		segments.Next()
		if segments.End() != len("\u200d"+string(r)) {
			t.Errorf("%U is in the table of emoji and no pictograph", r)
		}
	})
}

// TestCasesOfOneLetterFoldAlike checks all letters: those that differ in case
// alone have one folded form, which folding leaves alone.
func TestCasesOfOneLetterFoldAlike(t *testing.T) {
	t.Parallel()
	everyRune(func(r rune) {
		folded := FoldName(string(r))
		if again := FoldName(folded); again != folded {
			t.Errorf("%U folds to %+q, and that to %+q", r, folded, again)
		}
		if other := unicode.SimpleFold(r); FoldName(string(other)) != folded {
			t.Errorf("%U folds to %+q, its other case %U to %+q", r, folded, other, FoldName(string(other)))
		}
	})
}

// TestAlone: a letter that is taken for one that folding leaves alone is one,
// whatever such letter follows.
func TestAlone(t *testing.T) {
	t.Parallel()
	letters := make([]rune, 0, 1<<16)
	for r := range rune(0x10000) {
		if isSimpleRun(r) && !unicode.IsMark(r) {
			letters = append(letters, r)
		}
	}
	for i, r := range letters {
		s := string([]rune{r, letters[(i*7919)%len(letters)]})
		end := aloneEnd(s, 0)
		if end != utf8.RuneLen(r) || clusterEnd(s, 0) != end {
			t.Fatalf("%q: ends at %d, want %d", s, end, clusterEnd(s, 0))
		}
		if form, _ := Fold(s[:end]); form != s[:end] {
			t.Fatalf("%q: folds to %q", s[:end], form)
		}
	}
	for _, s := range []string{"\u0e01\u0e38", "\u304b\u3099", "e", "\uff8a\uff9f", "a"} {
		if end := aloneEnd(s, 0); end != 0 {
			t.Errorf("%q: ends at %d, want a closer look", s, end)
		}
	}
}
