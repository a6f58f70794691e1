package rule

import (
	"strconv"
	"strings"

	"riffle/pkg/event"
)

// FieldText gives the text of a field that a span names; none for a field that
// is no text, such as a number, or that the event lacks.
func FieldText(ev *event.Event, field string) string {
	switch name, rest, indexed := strings.Cut(field, "["); {
	case indexed:
		number, member, _ := strings.Cut(rest, "]")
		i, err := strconv.Atoi(number)
		if err != nil || i < 0 {
			return ""
		}
		return elementText(ev, name, i, member)
	case strings.HasPrefix(field, "reply_to."):
		return refText(ev.ReplyTo, field)
	case strings.HasPrefix(field, "repost_of."):
		return refText(ev.RepostOf, field)
	case strings.HasPrefix(field, "quote_of."):
		return refText(ev.QuoteOf, field)
	}
	return map[string]string{
		"text": ev.Text, "key": ev.Key, "thread": ev.Thread, "network": ev.Network, "source": ev.Source,
		"kind": ev.Kind.String(), "author.id": ev.Author.ID, "author.handle": ev.Author.Handle,
	}[field]
}

func elementText(ev *event.Event, list string, i int, member string) string {
	if list == "media" {
		switch {
		case i >= len(ev.Media):
			return ""
		case member == ".alt":
			return ev.Media[i].Alt
		}
		return ev.Media[i].URL
	}
	of := map[string][]string{
		"hashtags": ev.Hashtags, "cashtags": ev.Cashtags, "mentions": ev.Mentions, "links": ev.Links, "langs": ev.Langs,
	}[list]
	if i >= len(of) {
		return ""
	}
	return of[i]
}

func refText(ref *event.Ref, field string) string {
	switch {
	case ref == nil:
		return ""
	case strings.HasSuffix(field, ".text"):
		return ref.Text
	case strings.HasSuffix(field, ".author.id"):
		return ref.AuthorID
	case strings.HasSuffix(field, ".author.handle"):
		return ref.AuthorHandle
	}
	return ""
}
