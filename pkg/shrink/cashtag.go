package shrink

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSymbol is the length of a cashtag without what follows its dot.
const maxSymbol = 6

// AddCashtags adds the cashtags of text to the event, for networks that don't
// mark them. A cashtag is a $ at the start or after white space or one of ([{"',
// then one to six ASCII letters, which a dot or underscore and one or two
// letters may follow ($BRK.B); no letter, digit, _ or $ may come after it.
func (d *Draft) AddCashtags(text string) {
	for i := strings.IndexByte(text, '$'); i >= 0; {
		if opens(text[:i]) {
			d.Add(&d.Event.Cashtags, symbol(text[i+1:]))
		}
		next := strings.IndexByte(text[i+1:], '$')
		if next < 0 {
			return
		}
		i += 1 + next
	}
}

// opens reports whether a cashtag may begin after before.
func opens(before string) bool {
	r, size := utf8.DecodeLastRuneInString(before)
	return size == 0 || unicode.IsSpace(r) || strings.ContainsRune(`([{"'`, r)
}

// symbol gives the cashtag that text begins with, empty when there is none.
func symbol(text string) string {
	n := letters(text)
	if n == 0 || n > maxSymbol {
		return ""
	}
	if n < len(text) && (text[n] == '.' || text[n] == '_') {
		if more := letters(text[n+1:]); more == 1 || more == 2 {
			if whole := n + 1 + more; closes(text[whole:]) {
				return text[:whole]
			}
		}
	}
	if closes(text[n:]) {
		return text[:n]
	}
	return ""
}

// letters counts the ASCII letters that s begins with.
func letters(s string) int {
	n := 0
	for n < len(s) && s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' {
		n++
	}
	return n
}

// closes reports whether a cashtag may end before rest.
func closes(rest string) bool {
	r, size := utf8.DecodeRuneInString(rest)
	return size == 0 || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '$'
}
