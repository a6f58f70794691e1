package twitter

import (
	"strings"

	"riffle/pkg/event"
)

// textLink is a link in a text, and what it stands for.
type textLink struct {
	short, target string
	medium        bool
}

// resolve gives the links of a tweet's text, those of attachments after the
// others. They are valid until the next call.
func (d *Decoder) resolve(t *status) []textLink {
	list := d.links[:0]
	urls, media := t.current().urls, t.media()
	for i := range urls[:min(len(urls), event.MaxList)] {
		l := &urls[i]
		target := l.expanded
		if target.Empty() {
			target = l.short // Twitter does not say
		}
		list = append(list, textLink{short: d.draft.Arena.Text(l.short), target: d.draft.Short(target)})
	}
	for i := range media[:min(len(media), event.MaxList)] {
		list = append(list, textLink{short: d.draft.Arena.Text(media[i].short), medium: true})
	}
	d.links = list
	return list
}

// text gives what a person reads: the text in full, its character references
// decoded, short links replaced by what they stand for, and the links of
// attachments left out, since those are shown in their place.
func (d *Decoder) text(t *status, links []textLink) string {
	raw := d.draft.Arena.Text(t.best())
	if strings.IndexByte(raw, '&') < 0 && (len(links) == 0 || !strings.Contains(raw, scheme)) {
		return d.draft.CutLong(raw)
	}
	d.scratch = appendText(d.scratch[:0], raw, links)
	return d.draft.CutLong(d.draft.Arena.Keep(d.scratch))
}

// scheme is what every link that is looked for in a text begins with.
const scheme = "http"

// appendText appends raw as a person reads it to the empty b, at least as far as
// a text may be long.
func appendText(b []byte, raw string, links []textLink) []byte {
	copied := 0 // what of raw is in b, or left out
	for i := 0; i < len(raw) && len(b)+i-copied <= event.MaxText; {
		switch raw[i] {
		case '&':
			if decoded, size := reference(raw[i:]); size > 0 {
				b = append(append(b, raw[copied:i]...), decoded)
				i += size
				copied = i
				continue
			}
		case 'h':
			if l := linkAt(raw[i:], links); l != nil {
				b = append(b, raw[copied:i]...)
				i += len(l.short)
				if !l.medium {
					b = append(b, l.target...)
				} else {
					b, i = leaveOut(b, raw, i)
				}
				copied = i
				continue
			}
		}
		i++
	}
	return append(b, raw[copied:]...)
}

// leaveOut takes one of the spaces around a link that is left out: the one before
// it, or at the front of the text the one after it, at i.
func leaveOut(b []byte, raw string, i int) ([]byte, int) {
	switch n := len(b); {
	case n > 0 && b[n-1] == ' ':
		b = b[:n-1]
	case n == 0 && i < len(raw) && raw[i] == ' ':
		i++
	}
	return b, i
}

// linkAt finds the link that text begins with: the longest that ends before
// something other than a letter or digit. nil: there is none.
func linkAt(text string, links []textLink) (found *textLink) {
	if !strings.HasPrefix(text, scheme) {
		return nil
	}
	for i := range links {
		if l := &links[i]; (found == nil || len(l.short) > len(found.short)) && stands(text, l.short) {
			found = l
		}
	}
	return found
}

// stands reports whether text begins with the link short, and not with a longer
// one.
func stands(text, short string) bool {
	if short == "" || !strings.HasPrefix(text, short) {
		return false
	}
	if len(text) == len(short) {
		return true
	}
	c := text[len(short)]
	return (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z')
}

// reference reads the character reference that text, which begins with &, begins
// with; its size is 0 where it is none. Twitter writes three of them.
func reference(text string) (decoded byte, size int) {
	switch {
	case strings.HasPrefix(text, "&amp;"):
		return '&', 5
	case strings.HasPrefix(text, "&lt;"):
		return '<', 4
	case strings.HasPrefix(text, "&gt;"):
		return '>', 4
	}
	return 0, 0
}
