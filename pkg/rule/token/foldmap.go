package token

import (
	"sort"
	"unicode/utf8"
)

// Map leads from bytes of a folded text back to the text it was made from.
type Map struct {
	Plain, Marked string
	clusters      []cluster
	size          int // of the text
}

// cluster is a stretch of the text with where its folded forms end.
type cluster struct {
	start, end          int
	plainEnd, markedEnd int
}

// FoldMap folds s as Fold does and keeps what came from where.
func FoldMap(s string) *Map {
	m := &Map{size: len(s)}
	m.Plain, m.Marked = Fold(s)
	var plain, marked []byte
	for i := 0; i < len(s); {
		end := foldedEnd(s, i)
		p, k := Fold(s[i:end])
		plain, marked = joinSpaces(plain, p), joinSpaces(marked, k)
		m.clusters = append(m.clusters, cluster{i, end, len(plain), len(marked)})
		i = end
	}
	if string(plain) != m.Plain || string(marked) != m.Marked {
		m.clusters = nil // the parts fold differently from the whole
	}
	return m
}

// foldedEnd is where the stretch ends that is folded for itself.
func foldedEnd(s string, start int) int {
	if s[start] < utf8.RuneSelf && start+1 < len(s) && s[start+1] < utf8.RuneSelf {
		return start + 1
	}
	if end := emojiAt(s[start:]); end > 0 {
		return start + end
	}
	return clusterEnd(s, start)
}

// joinSpaces appends b; a space after a space is the same space.
func joinSpaces(a []byte, b string) []byte {
	if len(a) > 0 && a[len(a)-1] == ' ' && b != "" && b[0] == ' ' {
		b = b[1:]
	}
	return append(a, b...)
}

// Span gives the bytes of the text that bytes start to end of a folded form
// came from.
func (m *Map) Span(start, end int, marked bool) (from, to int) {
	if m.clusters == nil {
		return 0, m.size
	}
	first := m.after(start, marked)
	if start >= end {
		return m.clusters[first].start, m.clusters[first].start
	}
	return m.clusters[first].start, m.clusters[m.after(end-1, marked)].end
}

// after is the cluster that byte i of a folded form is from, or the last one.
func (m *Map) after(i int, marked bool) int {
	at := sort.Search(len(m.clusters), func(k int) bool {
		if marked {
			return m.clusters[k].markedEnd > i
		}
		return m.clusters[k].plainEnd > i
	})
	return min(at, len(m.clusters)-1)
}
