package event

import (
	"slices"
	"strings"
)

// Reset empties e and keeps the memory of its lists for the next event.
func (e *Event) Reset() {
	*e = Event{
		Audience: e.Audience[:0], Langs: e.Langs[:0], Links: e.Links[:0], Hashtags: e.Hashtags[:0],
		Cashtags: e.Cashtags[:0], Mentions: e.Mentions[:0], Media: e.Media[:0],
	}
}

// Clone copies e with all its strings, so that the copy outlives the memory
// that a decoder or reader lent to e.
func (e *Event) Clone() *Event {
	c := *e
	for _, s := range []*string{
		&c.Key, &c.Network, &c.Source, &c.Author.ID, &c.Author.Handle, &c.Author.Name,
		&c.Text, &c.URL, &c.Thread,
	} {
		*s = strings.Clone(*s)
	}
	for _, list := range []*[]string{&c.Audience, &c.Langs, &c.Links, &c.Hashtags, &c.Cashtags, &c.Mentions} {
		*list = cloneStrings(*list)
	}
	c.Media = slices.Clone(c.Media)
	for i := range c.Media {
		c.Media[i].URL, c.Media[i].Alt = strings.Clone(c.Media[i].URL), strings.Clone(c.Media[i].Alt)
	}
	for _, ref := range []**Ref{&c.ReplyTo, &c.RepostOf, &c.QuoteOf} {
		*ref = (*ref).clone()
	}
	return &c
}

func cloneStrings(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	c := make([]string, len(list))
	for i, s := range list {
		c[i] = strings.Clone(s)
	}
	return c
}

func (r *Ref) clone() *Ref {
	if r == nil {
		return nil
	}
	return &Ref{
		Key: strings.Clone(r.Key), AuthorID: strings.Clone(r.AuthorID),
		AuthorHandle: strings.Clone(r.AuthorHandle), Text: strings.Clone(r.Text),
	}
}
