package shrink

import "strings"

// Abbreviates reports whether shown, the text of a link, stands for target and
// nothing else, so that target may take its place: it is target itself, or its
// beginning up to a /, ? or #, or any beginning followed by … or three dots.
// Scheme and www. of both are left out, and ASCII letters count in any case.
func Abbreviates(shown, target string) bool {
	rest, dots := strings.CutSuffix(shown, "…")
	if !dots {
		rest, dots = strings.CutSuffix(shown, "...")
	}
	rest, target = bare(rest), bare(target)
	if rest == "" || len(rest) > len(target) || !equalFold(rest, target[:len(rest)]) {
		return false
	}
	return dots || len(rest) == len(target) || strings.IndexByte("/?#", target[len(rest)]) >= 0
}

// bare leaves scheme and www. of a URL out.
func bare(url string) string {
	for _, prefix := range []string{"https://", "http://", "www."} {
		if len(url) >= len(prefix) && equalFold(url[:len(prefix)], prefix) {
			url = url[len(prefix):]
		}
	}
	return url
}

// equalFold compares ASCII without case; strings.EqualFold would take the Kelvin
// sign for a k.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}
