// Package mastodon cuts the messages of Mastodon's streams and its REST API, and
// of servers that speak them too, down to events.
//
// The mapping is specified in docs/events.md, "Mastodon".
package mastodon

import (
	"strings"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
	"riffle/pkg/shrink"
)

// Network is the name under which statuses go in keys and fields.
const Network = "mastodon"

// unknownHost stands in keys where nobody said which server tells.
const unknownHost = "unknown"

// Decoder shrinks statuses, their edits and deletions.
type Decoder struct {
	host     string
	audience []string
	draft    shrink.Draft
	// A message's statuses: its own, what that reposts, what it quotes, and what
	// the reposted one quotes.
	status, reposted, quoted, inner status
	shape                           shape
	names                           *names
	html                            textBuilder
	scratch                         []byte
}

// NewDecoder makes a decoder of what the server at host tells: ids are that
// server's own, so host is part of every key. audience names the accounts whose
// stream it is, as NETWORK:ACCOUNT; with none, what is not public is passed over,
// whoever recorded it. It is used by one goroutine at a time.
func NewDecoder(host string, audience ...string) *Decoder {
	d := &Decoder{host: host, audience: audience, names: newNames()}
	if host == "" {
		d.host = unknownHost
	}
	d.status.reposts, d.status.quotes = &d.reposted, &d.quoted
	d.reposted.quotes = &d.inner
	for _, t := range [...]*status{&d.status, &d.reposted, &d.quoted, &d.inner} {
		t.arena = &d.draft.Arena
	}
	return d
}

// Decode shrinks one message.
//
// In: msg is a status, an envelope of the WebSocket stream
// ({"event":…,"payload":…}), one event of the server-sent stream with its lines
// event: and data:, one such line, or the bare id of a deletion.
// Out: strings of ev are valid until the next call, for as long as msg stays as
// it is.
// Errors: *event.InvalidError; *event.PassedOverError for the messages of a
// stream that are no posts.
// Source: docs/events.md, "Mastodon".
func (d *Decoder) Decode(ev *event.Event, msg []byte) error {
	d.draft.Begin(ev)
	if len(msg) > event.MaxMessage {
		return shrink.Reject(event.ReasonOversize)
	}
	if shrink.IsBlank(msg) {
		return shrink.Blank
	}
	s := jsonscan.New(msg)
	err := error(nil)
	switch c := s.Peek(); {
	case c == '{':
		err = d.object(ev, msg, true)
	case c == '"' || c >= '0' && c <= '9':
		err = d.bare(ev, s)
	default:
		err = d.frame(ev, msg)
	}
	if d.draft.Arena.Bad() {
		return shrink.Reject(event.ReasonSyntax)
	}
	return err
}

// object shrinks a status or, where that may be, an envelope.
func (d *Decoder) object(ev *event.Event, msg []byte, mayWrap bool) error {
	s := jsonscan.New(msg)
	if s.Peek() != '{' {
		return shrink.Reject(event.ReasonSyntax)
	}
	d.shape = shape{}
	d.status.read(&s, d.names, &d.shape)
	if !s.End() {
		return shrink.Reject(event.ReasonSyntax)
	}
	kind := d.shape.kind(&d.status)
	switch {
	case kind == shapeEnvelope && mayWrap:
		return d.unwrap(ev, s.Mismatch())
	case kind == shapeOther, kind == shapeEnvelope:
		return shrink.Reject(event.ReasonUnknown)
	case kind != shapeStatus:
		return kind.passedOver()
	case s.Mismatch():
		return shrink.Reject(event.ReasonBadField)
	}
	return d.fill(ev)
}

// bare makes the deletion of the status whose id is all that the message says.
func (d *Decoder) bare(ev *event.Event, s jsonscan.Scanner) error {
	raw := s.Raw()
	if !s.End() {
		return shrink.Reject(event.ReasonSyntax)
	}
	id, ok := identity(raw)
	if !ok {
		return shrink.Reject(event.ReasonNoID)
	}
	return d.fillDeletion(ev, id)
}

// payload shrinks what an event of a stream says under its name.
func (d *Decoder) payload(ev *event.Event, name string, payload []byte) error {
	switch name {
	case "update", "status.update":
		return d.object(ev, payload, false)
	case "delete":
		id := strings.Trim(view(payload), `" `)
		if !isID(id) {
			return shrink.Reject(event.ReasonNoID)
		}
		return d.fillDeletion(ev, id)
	}
	if over := overEvents[name]; over != nil {
		return over
	}
	return shrink.Reject(event.ReasonUnknown)
}

func (d *Decoder) unwrap(ev *event.Event, mismatch bool) error {
	name := d.draft.Arena.Text(d.shape.event)
	if over := overEvents[name]; over != nil {
		return over
	}
	if mismatch {
		return shrink.Reject(event.ReasonBadField)
	}
	payload := d.shape.payload
	if len(payload) > 0 && payload[0] == '"' {
		s := jsonscan.New(payload)
		payload = bytesOf(d.draft.Arena.Text(s.Str()))
	}
	return d.payload(ev, name, payload)
}

func (d *Decoder) fillDeletion(ev *event.Event, id string) error {
	ev.Key = d.key(id)
	ev.Version = event.VersionFinal
	ev.Network = Network
	ev.Deleted = true
	ev.Audience = append(ev.Audience, d.audience...)
	return nil
}

func (d *Decoder) fill(ev *event.Event) error {
	t := &d.status
	id, ok := identity(t.id)
	if !ok {
		return shrink.Reject(event.ReasonNoID)
	}
	author, ok := identity(t.account.id)
	if !ok {
		return shrink.Reject(event.ReasonNoAuthor)
	}
	if !t.public() && len(d.audience) == 0 {
		return overNotPublic
	}
	created, ok := shrink.RFC3339(d.draft.Arena.Text(t.created))
	if ev.CreatedAt = shrink.Millis(created); !ok || ev.CreatedAt == 0 {
		return shrink.Reject(event.ReasonBadTime)
	}
	ev.Version = event.VersionOnly
	if !t.edited.Empty() {
		edited, ok := shrink.RFC3339(d.draft.Arena.Text(t.edited))
		if !ok || edited <= event.VersionOnly {
			return shrink.Reject(event.ReasonBadField)
		}
		ev.Version, ev.Revised = edited, true
	}
	ev.Key = d.key(id)
	ev.Network = Network
	ev.Audience = append(ev.Audience, d.audience...)
	ev.Author = event.Author{
		ID: author, Handle: d.handle(t.account.acct, t.account.url), Name: d.draft.Short(t.account.name),
		Followers: t.account.followers,
	}
	d.fillContent(ev)
	if d.draft.Empty() {
		return shrink.Reject(event.ReasonEmpty)
	}
	return nil
}

// fillContent fills what the status says, and what it refers to. Of a repost that
// is what the reposted status says.
func (d *Decoder) fillContent(ev *event.Event) {
	t, content := &d.status, &d.status
	if t.hasReposted {
		content = &d.reposted
	}
	quoted := d.quotation(ev, content)
	ev.Text = d.text(content, quoted)
	for _, link := range d.html.links {
		d.draft.Add(&ev.Links, d.draft.CutShort(link))
	}
	ev.URL = d.draft.Short(content.page())
	ev.Sensitive = t.sensitive || content.sensitive
	d.fillLists(ev, content)
	switch {
	case t.hasReposted:
		ref := d.ref(&d.reposted)
		ref.Text = ev.Text
		d.draft.RepostOf(ref)
		ev.Kind = event.KindRepost
	case d.replies():
		ev.Kind = event.KindReply
	case quoted:
		ev.Kind = event.KindQuote
	}
}

func (d *Decoder) fillLists(ev *event.Event, content *status) {
	for _, lang := range [...]jsonscan.String{d.status.language, content.language} {
		if len(ev.Langs) == 0 {
			d.draft.Add(&ev.Langs, shrink.Language(d.draft.Short(lang)))
		}
	}
	for i := range content.mentions {
		m := &content.mentions[i]
		d.draft.Add(&ev.Mentions, d.handle(m.acct, m.url))
	}
	for _, tag := range content.tags {
		d.draft.Add(&ev.Hashtags, d.draft.Short(tag))
	}
	d.draft.AddCashtags(ev.Text)
	for i := range content.media {
		m := &content.media[i]
		d.draft.AddMedia(event.Media{Type: m.kind(), URL: d.draft.Short(m.address()), Alt: d.draft.Long(m.alt)})
	}
	if !content.card.url.Empty() {
		card := d.draft.Short(content.card.url)
		d.draft.Add(&ev.Links, card)
		d.draft.AddMedia(event.Media{Type: event.MediaLink, URL: card, Alt: d.draft.Long(content.card.title)})
	}
}

// replies sets the status that this one answers and reports whether there is one.
// Its author's handle is found among the mentions, where Mastodon puts it.
func (d *Decoder) replies() bool {
	t := &d.status
	var ref event.Ref
	if id, ok := identity(t.replyID); ok {
		ref.Key = d.key(id)
	}
	if id, ok := identity(t.replyAccount); ok {
		ref.AuthorID = id
		if id == d.draft.Event.Author.ID {
			ref.AuthorHandle = d.draft.Event.Author.Handle
		}
		for i := range t.mentions {
			if m := &t.mentions[i]; ref.AuthorHandle == "" && m.is(id) {
				ref.AuthorHandle = d.handle(m.acct, m.url)
			}
		}
	}
	d.draft.ReplyTo(ref)
	return d.draft.Event.ReplyTo != nil
}

// quotation sets the quoted status and reports whether there is one. Of a repost
// it is what the reposted status quotes.
func (d *Decoder) quotation(ev *event.Event, content *status) bool {
	var ref event.Ref
	if content.hasQuoted {
		ref = d.ref(content.quotes)
		ref.Text = d.text(content.quotes, false)
	}
	if id, ok := identity(content.quotedID); ok && ref.Key == "" {
		ref.Key = d.key(id)
	}
	d.draft.QuoteOf(ref)
	return ev.QuoteOf != nil
}

// ref refers to a status, without its text.
func (d *Decoder) ref(t *status) event.Ref {
	ref := event.Ref{AuthorHandle: d.handle(t.account.acct, t.account.url)}
	if id, ok := identity(t.id); ok {
		ref.Key = d.key(id)
	}
	ref.AuthorID, _ = identity(t.account.id)
	return ref
}

func (d *Decoder) key(id string) string {
	return d.draft.Arena.Join(Network, ":", d.host, "/", id)
}

// handle makes an account's name whole: of an account of the server that tells,
// that server leaves itself out.
func (d *Decoder) handle(acct, url jsonscan.String) string {
	name := d.draft.Short(acct)
	if name == "" || strings.IndexByte(name, '@') >= 0 {
		return name
	}
	host := hostOf(d.draft.Arena.Text(url))
	if host == "" {
		host = d.host
	}
	return d.draft.CutShort(d.draft.Arena.Join(name, "@", host))
}

// hostOf gives the host of an https URL, with its port.
func hostOf(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if !ok || strings.IndexByte(rest, '@') >= 0 {
		return ""
	}
	return rest
}

// text gives what a person reads: what the author put in front as a warning, then
// the content. withQuote: what it quotes is known, so that a link to it, written
// for servers that show no quotes, is left out.
func (d *Decoder) text(t *status, withQuote bool) string {
	d.html.reset(withQuote)
	d.html.read(d.draft.Arena.Text(t.content))
	content := d.html.text()
	warning := strings.Trim(d.draft.Arena.Text(t.warning), asciiSpace)
	if warning == "" {
		return d.draft.CutLong(d.draft.Arena.Keep(content))
	}
	d.scratch = append(d.scratch[:0], warning...)
	if len(content) > 0 {
		d.scratch = append(append(d.scratch, "\n\n"...), content...)
	}
	return d.draft.CutLong(d.draft.Arena.Keep(d.scratch))
}
