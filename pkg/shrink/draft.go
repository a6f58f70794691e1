package shrink

import (
	"slices"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
)

// Draft puts one event together. Its zero value is ready for Begin; it is used
// by one goroutine at a time.
//
// The event's strings point into the message or into the Draft's arena, its refs
// into the Draft: all are valid until the next Begin, provided that the message
// stays as it is for that long.
type Draft struct {
	Arena jsonscan.Arena
	Event *event.Event

	replyTo, repostOf, quoteOf event.Ref
}

// Begin resets ev and makes it the event that the Draft works on.
func (d *Draft) Begin(ev *event.Event) {
	d.Arena.Reset()
	ev.Reset()
	d.Event = ev
}

// Short gives the text of an id, a handle, a name or a URL, cut to
// event.MaxShort.
func (d *Draft) Short(t jsonscan.String) string {
	return d.cut(d.Arena.Text(t), event.MaxShort)
}

// Long gives a text, cut to event.MaxText.
func (d *Draft) Long(t jsonscan.String) string {
	return d.cut(d.Arena.Text(t), event.MaxText)
}

// CutShort and CutLong are Short and Long for what was put together already.
func (d *Draft) CutShort(s string) string { return d.cut(s, event.MaxShort) }

// CutLong cuts s to event.MaxText.
func (d *Draft) CutLong(s string) string { return d.cut(s, event.MaxText) }

func (d *Draft) cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s, _ = event.Cut(s, limit)
	d.Event.Truncated = true
	return s
}

// Add appends s to a list of the event, unless it is empty or already there. A
// full list stays as it is, and the event is marked as truncated.
func (d *Draft) Add(list *[]string, s string) {
	full := len(*list) >= event.MaxList
	if s == "" || full && d.Event.Truncated || slices.Contains(*list, s) {
		return
	}
	if full {
		d.Event.Truncated = true
		return
	}
	*list = append(*list, s)
}

// AddMedia appends an attachment, as Add does; one that leads nowhere is left
// out.
func (d *Draft) AddMedia(m event.Media) {
	if m.URL == "" {
		return
	}
	if len(d.Event.Media) >= event.MaxList {
		d.Event.Truncated = true
		return
	}
	d.Event.Media = append(d.Event.Media, m)
}

// ReplyTo gives the event a reference to the post that it answers.
func (d *Draft) ReplyTo(ref event.Ref) { d.Event.ReplyTo = keep(&d.replyTo, ref) }

// RepostOf gives the event a reference to the post that it repeats.
func (d *Draft) RepostOf(ref event.Ref) { d.Event.RepostOf = keep(&d.repostOf, ref) }

// QuoteOf gives the event a reference to the post that it quotes.
func (d *Draft) QuoteOf(ref event.Ref) { d.Event.QuoteOf = keep(&d.quoteOf, ref) }

// keep stores ref in the Draft's memory; one that says nothing is none.
func keep(place *event.Ref, ref event.Ref) *event.Ref {
	if ref.Key == "" && ref.AuthorID == "" && ref.AuthorHandle == "" && ref.Text == "" {
		return nil
	}
	*place = ref
	return place
}

// Empty reports that the event has neither text nor media nor a reference.
func (d *Draft) Empty() bool {
	ev := d.Event
	return ev.Text == "" && len(ev.Media) == 0 && ev.ReplyTo == nil && ev.RepostOf == nil && ev.QuoteOf == nil
}
