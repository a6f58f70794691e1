// Package native reads the project's own event JSON, the form in which events
// leave the API, so that any program can feed a stream.
//
// The form is specified in docs/events.md, "An event in JSON".
package native

import (
	"strconv"
	"strings"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
	"riffle/pkg/shrink"
)

// Decoder reads event JSON.
type Decoder struct {
	source string
	draft  shrink.Draft
	read   reading
}

// reading is what the fields say before they are put together.
type reading struct {
	key, id            jsonscan.String
	number             []byte // an id written as a number
	version            int64
	hasVersion         bool
	kind               event.Kind
	hasKind            bool
	badTime, badField  bool
	url                string
	deleted, account   bool
	replyTo, quoteOf   event.Ref
	repostOf           event.Ref
	createdAt, arrived event.Time
}

// NewDecoder makes a decoder for the source of this name, of which it makes keys
// for events that have an id and neither key nor source. It is used by one
// goroutine at a time.
func NewDecoder(source string) *Decoder { return &Decoder{source: source} }

// Decode reads one event or deletion.
//
// In: msg is one JSON object as in docs/events.md; fields that are not there are
// ignored.
// Out: strings of ev are valid until the next call, for as long as msg stays as
// it is.
// Errors: *event.InvalidError; *event.PassedOverError for a blank line.
// Source: docs/events.md, "An event in JSON".
func (d *Decoder) Decode(ev *event.Event, msg []byte) error {
	d.draft.Begin(ev)
	if len(msg) > event.MaxMessage {
		return shrink.Reject(event.ReasonOversize)
	}
	if shrink.IsBlank(msg) {
		return shrink.Blank
	}
	s := jsonscan.New(msg)
	if s.Peek() != '{' {
		return shrink.Reject(event.ReasonSyntax)
	}
	d.read = reading{}
	for more := s.Object(); more; more = s.NextField() {
		d.field(&s, s.Key())
	}
	if !s.End() || d.draft.Arena.Bad() {
		return shrink.Reject(event.ReasonSyntax)
	}
	if s.Mismatch() || d.read.badField {
		return shrink.Reject(event.ReasonBadField)
	}
	err := d.fill(ev)
	if d.draft.Arena.Bad() {
		return shrink.Reject(event.ReasonSyntax)
	}
	return err
}

func (d *Decoder) field(s *jsonscan.Scanner, key []byte) {
	ev, r := d.draft.Event, &d.read
	switch string(key) {
	case "key":
		r.key = s.Str()
	case "id":
		r.id, r.number = id(s)
	case "version":
		d.version(s)
	case "deleted":
		r.deleted = s.Bool()
	case "account":
		r.account = s.Bool()
	case "audience":
		d.list(s, &ev.Audience, "")
	case "network":
		ev.Network = d.draft.Short(s.Str())
	case "source":
		ev.Source = d.draft.Short(s.Str())
	case "kind":
		d.kind(s)
	case "author":
		d.author(s)
	case "text":
		ev.Text = d.draft.Long(s.Str())
	case "langs":
		for more := s.Array(); more; more = s.NextElement() {
			d.draft.Add(&ev.Langs, shrink.Language(d.draft.Short(s.Str())))
		}
	case "created_at":
		r.createdAt = d.time(s, &r.badTime)
	case "received_at":
		r.arrived = d.time(s, &r.badField)
	case "url":
		r.url = d.draft.Short(s.Str())
	case "links":
		d.list(s, &ev.Links, "")
	case "hashtags":
		d.list(s, &ev.Hashtags, "#")
	case "cashtags":
		d.list(s, &ev.Cashtags, "$")
	case "mentions":
		d.list(s, &ev.Mentions, "@")
	case "media":
		d.media(s)
	case "reply_to":
		r.replyTo = d.ref(s)
	case "repost_of":
		r.repostOf = d.ref(s)
	case "quote_of":
		r.quoteOf = d.ref(s)
	case "thread":
		ev.Thread = d.draft.Short(s.Str())
	case "sensitive":
		ev.Sensitive = s.Bool()
	case "truncated":
		ev.Truncated = s.Bool() || ev.Truncated
	default:
		s.Skip()
	}
}

// id takes an identifier that is written as a string or as a whole number.
func id(s *jsonscan.Scanner) (text jsonscan.String, number []byte) {
	if c := s.Peek(); c != '-' && (c < '0' || c > '9') {
		return s.Str(), nil
	}
	number = s.Raw()
	for _, c := range number {
		if c < '0' || c > '9' {
			s.Wrong()
			return jsonscan.String{}, nil
		}
	}
	return jsonscan.String{}, number
}

func (d *Decoder) idText(s *jsonscan.Scanner) string {
	text, number := id(s)
	if number != nil {
		return d.draft.CutShort(d.draft.Arena.Keep(number))
	}
	return d.draft.Short(text)
}

// version takes a version: a number, or as a string a decimal number, a Bluesky
// revision or a time.
func (d *Decoder) version(s *jsonscan.Scanner) {
	r := &d.read
	switch s.Peek() {
	case 'n':
		s.Skip()
		return
	case '"':
		r.version, r.hasVersion = parseVersion(d.draft.Arena.Text(s.Str()))
	default:
		r.version, r.hasVersion = s.Int()
	}
	r.badField = r.badField || !r.hasVersion || r.version < 1
}

func parseVersion(s string) (int64, bool) {
	if isDigits(s) {
		n, err := strconv.ParseInt(s, 10, 64)
		return n, err == nil
	}
	if n, ok := shrink.TID(s); ok {
		return n, true
	}
	return shrink.RFC3339(s)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func (d *Decoder) kind(s *jsonscan.Scanner) {
	r := &d.read
	if s.Peek() == 'n' {
		s.Skip()
		return
	}
	r.kind, r.hasKind = event.ParseKind(d.draft.Arena.Text(s.Str()))
	r.badField = r.badField || !r.hasKind
}

func (d *Decoder) author(s *jsonscan.Scanner) {
	a := &d.draft.Event.Author
	*a = event.Author{}
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "id":
			a.ID = d.idText(s)
		case "handle":
			a.Handle = unsigned(d.draft.Short(s.Str()), "@")
		case "name":
			a.Name = d.draft.Short(s.Str())
		case "followers":
			if n, ok := s.Int(); ok && n >= 0 && n < 1<<62 {
				a.Followers = n + 1
			} else if ok {
				s.Wrong()
			}
		case "verified":
			a.Verified = s.Bool()
		default:
			s.Skip()
		}
	}
}

// unsigned leaves the sign of a hashtag, cashtag or handle out.
func unsigned(s, sign string) string { return strings.TrimPrefix(s, sign) }

func (d *Decoder) list(s *jsonscan.Scanner, list *[]string, sign string) {
	for more := s.Array(); more; more = s.NextElement() {
		d.draft.Add(list, unsigned(d.draft.Short(s.Str()), sign))
	}
}

// time takes a moment; one that is none sets bad.
func (d *Decoder) time(s *jsonscan.Scanner, bad *bool) event.Time {
	text := s.Str()
	if text.Empty() {
		return 0
	}
	micros, ok := shrink.RFC3339(d.draft.Arena.Text(text))
	*bad = *bad || !ok
	return shrink.Millis(micros)
}

func (d *Decoder) media(s *jsonscan.Scanner) {
	for more := s.Array(); more; more = s.NextElement() {
		m := event.Media{Type: event.MediaLink}
		for more := s.Object(); more; more = s.NextField() {
			switch string(s.Key()) {
			case "type":
				d.mediaType(s.Str(), &m.Type)
			case "url":
				m.URL = d.draft.Short(s.Str())
			case "alt":
				m.Alt = d.draft.Long(s.Str())
			default:
				s.Skip()
			}
		}
		d.draft.AddMedia(m)
	}
}

func (d *Decoder) mediaType(name jsonscan.String, into *event.MediaType) {
	if name.Empty() {
		return
	}
	t, ok := event.ParseMediaType(d.draft.Arena.Text(name))
	d.read.badField = d.read.badField || !ok
	*into = t
}

func (d *Decoder) ref(s *jsonscan.Scanner) (ref event.Ref) {
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "key":
			ref.Key = d.draft.Short(s.Str())
		case "author":
			for more := s.Object(); more; more = s.NextField() {
				switch string(s.Key()) {
				case "id":
					ref.AuthorID = d.idText(s)
				case "handle":
					ref.AuthorHandle = unsigned(d.draft.Short(s.Str()), "@")
				default:
					s.Skip()
				}
			}
		case "text":
			ref.Text = d.draft.Long(s.Str())
		default:
			s.Skip()
		}
	}
	return ref
}

// fill puts the event together.
func (d *Decoder) fill(ev *event.Event) error {
	r := &d.read
	key, ok := d.key(ev.Source)
	if !ok {
		return shrink.Reject(event.ReasonNoID)
	}
	if r.badTime {
		return shrink.Reject(event.ReasonBadTime)
	}
	if r.account && !r.deleted || !readAccounts(ev.Audience) {
		return shrink.Reject(event.ReasonBadField)
	}
	ev.Key = key
	ev.Version = r.version
	if ev.Network == "" {
		ev.Network, _, _ = strings.Cut(key, ":")
	}
	ev.ReceivedAt = r.arrived
	if r.deleted {
		d.fillDeletion(ev)
		return nil
	}
	if !r.hasVersion {
		ev.Version = event.VersionOnly
	}
	ev.Revised = ev.Version > event.VersionOnly
	ev.CreatedAt = r.createdAt
	d.draft.ReplyTo(r.replyTo)
	d.draft.RepostOf(r.repostOf)
	d.draft.QuoteOf(r.quoteOf)
	ev.Kind = d.kindOf(ev)
	if derived := ev.Permalink(); derived != r.url {
		ev.URL = r.url
	}
	if d.draft.Empty() {
		return shrink.Reject(event.ReasonEmpty)
	}
	return nil
}

// key gives the event's identity: its key, or one made of its id.
func (d *Decoder) key(source string) (string, bool) {
	r := &d.read
	key := d.draft.Arena.Text(r.key)
	if key == "" {
		id := d.draft.Arena.Text(r.id)
		if r.number != nil {
			id = d.draft.Arena.Keep(r.number)
		}
		if source == "" {
			source = d.source
		}
		key = d.draft.Arena.Join(source, ":", id)
	}
	return key, isKey(key) && len(key) <= event.MaxShort
}

// isKey reports whether s is of the form NETWORK:ID.
func isKey(s string) bool {
	network, id, _ := strings.Cut(s, ":")
	return network != "" && id != ""
}

// readAccounts writes the accounts as links are written, and reports whether they
// are some.
func readAccounts(audience []string) bool {
	for i, account := range audience {
		account = event.Account(account)
		if !isKey(account) || len(account) > event.MaxShort {
			return false
		}
		audience[i] = account
	}
	return true
}

// fillDeletion leaves of the event what a deletion carries.
func (d *Decoder) fillDeletion(ev *event.Event) {
	read := *ev
	ev.Reset()
	ev.Key, ev.Version, ev.Network, ev.Source = read.Key, read.Version, read.Network, read.Source
	ev.Audience, ev.ReceivedAt = read.Audience, read.ReceivedAt
	ev.Deleted, ev.Account = true, d.read.account
	if !d.read.hasVersion {
		ev.Version = event.VersionFinal
	}
}

// kindOf gives the kind that is named, or else the one that the references make.
func (d *Decoder) kindOf(ev *event.Event) event.Kind {
	switch {
	case d.read.hasKind:
		return d.read.kind
	case ev.RepostOf != nil:
		return event.KindRepost
	case ev.ReplyTo != nil:
		return event.KindReply
	case ev.QuoteOf != nil:
		return event.KindQuote
	}
	return event.KindPost
}
