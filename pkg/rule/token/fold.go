package token

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold returns both folded forms of s. They are the same string where s has no
// marks that are stripped.
//
// Invisible characters are dropped, case and compatibility forms folded,
// apostrophes made one, a run of white space one space.
func Fold(s string) (plain, marked string) {
	if folded, ok := foldASCII(s); ok {
		return folded, folded
	}
	marked = foldMarked(s)
	return stripMarks(marked), marked
}

// FoldName folds s and keeps its marks: handles, ids and tags are compared so.
func FoldName(s string) string {
	if folded, ok := foldASCII(s); ok {
		return folded
	}
	return foldMarked(s)
}

// foldASCII folds s if it is ASCII alone.
func foldASCII(s string) (string, bool) {
	same, wasSpace := true, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			return "", false
		}
		space := isASCIISpace(c)
		if 'A' <= c && c <= 'Z' || space && (c != ' ' || wasSpace) {
			same = false
		}
		wasSpace = space
	}
	if same {
		return s, true
	}
	return foldASCIICopy(s), true
}

func foldASCIICopy(s string) string {
	folded := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isASCIISpace(c):
			if i == 0 || !isASCIISpace(s[i-1]) {
				folded = append(folded, ' ')
			}
		case 'A' <= c && c <= 'Z':
			folded = append(folded, c|0x20)
		default:
			folded = append(folded, c)
		}
	}
	return string(folded)
}

func isASCIISpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func foldMarked(s string) string {
	folded := norm.NFKC.String(dropInvisible(s))
	folded = norm.NFKC.String(cases.Fold().String(folded))
	return plainSpaces(folded)
}

// dropInvisible removes invisible characters, but not the joiners and tags
// inside an emoji. Invalid UTF-8 becomes the replacement character.
func dropInvisible(s string) string {
	kept := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if end := emojiAt(s[i:]); end > 0 {
			kept = appendEmoji(kept, s[i:i+end])
			i += end
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if !isDropped(r) {
			kept = utf8.AppendRune(kept, r)
		}
		i += size
	}
	return string(kept)
}

// plainSpaces makes a run of white space one space and all apostrophes one, and
// ends what case folding began.
func plainSpaces(s string) string {
	var b strings.Builder
	wasSpace := false
	for _, r := range s {
		space := isSpace(r)
		switch {
		case space:
			if !wasSpace {
				b.WriteByte(' ')
			}
		case isApostrophe(r):
			b.WriteByte('\'')
		default:
			b.WriteRune(foldCherokee(r))
		}
		wasSpace = space
	}
	return b.String()
}

// foldCherokee makes capitals of small letters: Unicode folds Cherokee that
// way round, while the library swaps the two.
func foldCherokee(r rune) rune {
	switch {
	case 0xab70 <= r && r <= 0xabbf:
		return r - 0xab70 + 0x13a0
	case 0x13f8 <= r && r <= 0x13fd:
		return r - 0x13f8 + 0x13f0
	}
	return r
}

// stripMarks removes the combining marks of Latin, Greek and Cyrillic letters
// from a text in form NFKC.
func stripMarks(s string) string {
	if isASCII(s) {
		return s
	}
	apart := norm.NFD.String(s)
	kept := make([]byte, 0, len(apart))
	strip, stripped := false, false
	for _, r := range apart {
		if !unicode.IsMark(r) {
			strip = isStripped(r)
		} else if strip {
			stripped = true
			continue
		}
		kept = utf8.AppendRune(kept, r)
	}
	if !stripped {
		return s
	}
	return norm.NFC.String(string(kept))
}

// isStripped reports whether r is a letter that loses its marks.
func isStripped(r rune) bool {
	if r < 0x80 {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	return unicode.In(r, strippedScripts...) && unicode.IsLetter(r)
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
