package token

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

type span struct{ start, end int }

// letterSpans says from which bytes of s each rune of the run's form comes.
// Where several runes make one, or one several, all have the span of all.
func letterSpans(s string, run Token) []span {
	spans := make([]span, 0, len(run.Plain)/utf8.UTFMax+1)
	for i := run.Start; i < run.End; {
		if end := aloneEnd(s[:run.End], i); end > 0 {
			spans = append(spans, span{i, end})
			i = end
			continue
		}
		end := clusterEnd(s[:run.End], i)
		form, _ := Fold(s[i:end])
		for range utf8.RuneCountInString(form) {
			spans = append(spans, span{i, end})
		}
		i = end
	}
	if len(spans) == utf8.RuneCountInString(run.Plain) {
		return spans
	}
	// Should the parts fold differently from the whole, the whole is right.
	spans = spans[:0]
	for range utf8.RuneCountInString(run.Plain) {
		spans = append(spans, span{run.Start, run.End})
	}
	return spans
}

// aloneEnd returns where the letter at start ends if folding leaves it alone and
// nothing follows that might join it; 0 if that takes a closer look.
func aloneEnd(s string, start int) int {
	r, size := utf8.DecodeRuneInString(s[start:])
	end := start + size
	if !isSimpleRun(r) || unicode.IsMark(r) {
		return 0
	}
	if next, _ := utf8.DecodeRuneInString(s[end:]); end < len(s) && (!isSimpleRun(next) || unicode.IsMark(next)) {
		return 0
	}
	return end
}

// clusterEnd returns where the runes end that normalization may make one with
// the rune at start.
func clusterEnd(s string, start int) int {
	i := start
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		if i > start && !isDropped(r) && norm.NFKC.PropertiesString(s[i:]).BoundaryBefore() {
			break
		}
		i += size
	}
	return i
}
