package rule

import (
	"strings"
)

// blankLinks puts spaces in the place of the links in a text: entries of links,
// the longest first, or else what runs from http:// or https:// to the next
// white space. Offsets stay as they are.
func blankLinks(text string, links []string) string {
	scan := linkScan{text: text, links: links}
	start, end := scan.next(0)
	if start < 0 {
		return text
	}
	blanked := []byte(text)
	for start >= 0 {
		for i := start; i < end; i++ {
			blanked[i] = ' '
		}
		start, end = scan.next(end)
	}
	return string(blanked)
}

// linkScan finds the links in a text from left to right.
type linkScan struct {
	text  string
	links []string
	// found holds where each link was last found, len(text) if nowhere; nil
	// before the first search.
	found []int
	// scheme is where the next http:// or https:// begins.
	scheme int
}

// next gives the first link at or after from; -1 if there is none.
func (s *linkScan) next(from int) (start, end int) {
	s.advance(from)
	start, end = s.scheme, -1
	for i, at := range s.found {
		if at < start || at == start && at+len(s.links[i]) > end {
			start, end = at, at+len(s.links[i])
		}
	}
	if start >= len(s.text) {
		return -1, -1
	}
	if end < 0 {
		end = start + len(s.text[start:])
		if space := strings.IndexFunc(s.text[start:], isSpace); space >= 0 {
			end = start + space
		}
	}
	return start, end
}

// advance looks again for what was found before from.
func (s *linkScan) advance(from int) {
	first := s.found == nil
	if first {
		s.found = make([]int, len(s.links))
	}
	for i, link := range s.links {
		if first || s.found[i] < from {
			s.found[i] = indexFrom(s.text, link, from)
		}
	}
	if first || s.scheme < from {
		s.scheme = schemeFrom(s.text, from)
	}
}

// indexFrom is where sub, if not empty, stands at or after from; len(s) if
// nowhere.
func indexFrom(s, sub string, from int) int {
	if i := strings.Index(s[from:], sub); i >= 0 && sub != "" {
		return from + i
	}
	return len(s)
}

// schemeFrom is where http:// or https:// begins at or after from; len(s) if
// nowhere.
func schemeFrom(s string, from int) int {
	for i := from; ; {
		colon := indexFrom(s, "://", i)
		if colon == len(s) {
			return len(s)
		}
		for _, scheme := range [...]string{"https", "http"} {
			start := colon - len(scheme)
			if start >= from && strings.EqualFold(s[start:colon], scheme) {
				return start
			}
		}
		i = colon + 1
	}
}
