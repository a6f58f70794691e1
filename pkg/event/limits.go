package event

import "unicode/utf8"

// Limits of a message and of the event made from it, in bytes or entries. What
// is longer is cut, and the event marked as truncated; a longer message is
// rejected.
const (
	MaxMessage = 1 << 20  // a source's message
	MaxText    = 64 << 10 // a text: the post's, an alt text, a quoted post's
	MaxShort   = 2048     // an id, a handle, a name, a URL
	MaxList    = 100      // entries of a list
)

// Cut shortens s to at most limit bytes, at the boundary of a rune, and reports
// whether it had to.
func Cut(s string, limit int) (string, bool) {
	if len(s) <= limit {
		return s, false
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit], true
}
