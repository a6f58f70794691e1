package mastodon

import (
	"unsafe"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
)

// status is a status as it stands in the message.
type status struct {
	arena *jsonscan.Arena // of the message
	// reposts and quotes are where the statuses inside this one go; without a
	// place they are left behind.
	reposts, quotes *status
	scanned
	mentions []account
	tags     []jsonscan.String
	media    []medium
}

// scanned is what reading a status anew begins without. Ids are raw values.
type scanned struct {
	id, replyID, replyAccount, quotedID []byte
	created, edited                     jsonscan.String
	content, warning                    jsonscan.String
	language, visibility                jsonscan.String
	url, uri                            jsonscan.String
	account                             account
	card                                card

	hasContent, hasAccount            bool
	sensitive, hasReposted, hasQuoted bool
}

type account struct {
	id        []byte // raw value
	acct      jsonscan.String
	name      jsonscan.String
	url       jsonscan.String
	followers int64 // plus one
}

type medium struct{ typ, url, remote, alt jsonscan.String }

type card struct{ url, title jsonscan.String }

// read reads a status, or, where sh is given, any object: sh takes what tells the
// others apart.
func (t *status) read(s *jsonscan.Scanner, names *names, sh *shape) {
	t.scanned = scanned{}
	t.mentions, t.tags, t.media = t.mentions[:0], t.tags[:0], t.media[:0]
	last := names.status.Begin()
	for more := s.Object(); more; more = s.NextField() {
		last = s.Field(names.status, last)
		if !t.field(s, last.Number, names) && (sh == nil || !sh.field(s, last.Number)) {
			s.Skip()
		}
	}
}

// field takes the value of a status's field and reports whether it did.
func (t *status) field(s *jsonscan.Scanner, field int, names *names) bool {
	switch field {
	case fieldID:
		t.id = s.Raw()
	case fieldCreatedAt:
		t.created = s.Str()
	case fieldEditedAt:
		t.edited = s.Str()
	case fieldReplyID:
		t.replyID = s.Raw()
	case fieldReplyAccount:
		t.replyAccount = s.Raw()
	case fieldSensitive:
		t.sensitive = s.Bool()
	case fieldWarning:
		t.warning = s.Str()
	case fieldVisibility:
		t.visibility = s.Str()
	case fieldLanguage:
		t.language = s.Str()
	case fieldURL:
		t.url = s.Str()
	case fieldURI:
		t.uri = s.Str()
	case fieldContent:
		t.content, t.hasContent = s.Unescaped(t.arena), true
	case fieldAccount:
		t.hasAccount = s.Peek() == '{'
		t.account.read(s, names.account)
	case fieldReposted:
		t.hasReposted = nested(s, names, t.reposts)
	case fieldQuote:
		t.readQuote(s, names)
	case fieldMedia:
		t.readMedia(s, names.medium)
	case fieldMentions:
		t.readMentions(s, names.account)
	case fieldTags:
		t.readTags(s, names.tag)
	case fieldCard:
		t.card.read(s, names.card)
	default:
		return false
	}
	return true
}

// nested reads a status inside another and reports whether there is one.
func nested(s *jsonscan.Scanner, names *names, place *status) bool {
	if place == nil {
		s.Skip()
		return false
	}
	there := s.Peek() == '{'
	place.read(s, names, nil)
	return there
}

func (t *status) readQuote(s *jsonscan.Scanner, names *names) {
	last := names.quote.Begin()
	for more := s.Object(); more; more = s.NextField() {
		switch last = s.Field(names.quote, last); last.Number {
		case fieldQuoted:
			t.hasQuoted = nested(s, names, t.quotes)
		case fieldQuotedID:
			t.quotedID = s.Raw()
		default:
			s.Skip()
		}
	}
}

func (t *status) readMentions(s *jsonscan.Scanner, names *jsonscan.Fields) {
	for more := s.Array(); more; more = s.NextElement() {
		var a account
		a.read(s, names)
		t.mentions = append(t.mentions, a)
	}
}

func (t *status) readTags(s *jsonscan.Scanner, names *jsonscan.Fields) {
	for more := s.Array(); more; more = s.NextElement() {
		var name jsonscan.String
		last := names.Begin()
		for more := s.Object(); more; more = s.NextField() {
			if last = s.Field(names, last); last.Number != fieldName {
				s.Skip()
				continue
			}
			name = s.Str()
			s.SkipRest()
			break
		}
		t.tags = append(t.tags, name)
	}
}

func (t *status) readMedia(s *jsonscan.Scanner, names *jsonscan.Fields) {
	for more := s.Array(); more; more = s.NextElement() {
		var m medium
		last := names.Begin()
		for more := s.Object(); more; more = s.NextField() {
			switch last = s.Field(names, last); last.Number {
			case fieldType:
				m.typ = s.Str()
			case fieldURL:
				m.url = s.Str()
			case fieldRemote:
				m.remote = s.Str()
			case fieldAlt:
				m.alt = s.Str()
			default:
				s.Skip()
			}
		}
		t.media = append(t.media, m)
	}
}

func (c *card) read(s *jsonscan.Scanner, names *jsonscan.Fields) {
	hasURL, hasTitle := false, false
	last := names.Begin()
	for more := s.Object(); more; more = s.NextField() {
		switch last = s.Field(names, last); last.Number {
		case fieldURL:
			c.url, hasURL = s.Str(), true
		case fieldTitle:
			c.title, hasTitle = s.Str(), true
		default:
			s.Skip()
		}
		if hasURL && hasTitle {
			s.SkipRest()
			return
		}
	}
}

// The fields of an account that are used; when all were seen, the rest, which may
// be most of it, is left behind at once.
const (
	seenID = 1 << iota
	seenAcct
	seenName
	seenURL
	seenFollowers
	seenAll = 1<<iota - 1
)

func (a *account) read(s *jsonscan.Scanner, names *jsonscan.Fields) {
	*a = account{}
	seen := 0
	last := names.Begin()
	for more := s.Object(); more; more = s.NextField() {
		switch last = s.Field(names, last); last.Number {
		case fieldID:
			a.id = s.Raw()
			seen |= seenID
		case fieldAcct:
			a.acct = s.Str()
			seen |= seenAcct
		case fieldName:
			a.name = s.Str()
			seen |= seenName
		case fieldURL:
			a.url = s.Str()
			seen |= seenURL
		case fieldFollowers:
			if n, ok := s.Int(); ok && n >= 0 && n < 1<<62 {
				a.followers = n + 1
			}
			seen |= seenFollowers
		default:
			s.Skip()
		}
		if seen == seenAll {
			s.SkipRest()
			return
		}
	}
}

// is reports whether the account has this id.
func (a *account) is(id string) bool {
	own, ok := identity(a.id)
	return ok && own == id
}

// public reports whether everyone may see the status. Servers that know no
// visibility show all that they tell.
func (t *status) public() bool {
	return t.visibility.Empty() || t.visibility.Is("public") || t.visibility.Is("unlisted")
}

// page is where a person finds the status.
func (t *status) page() jsonscan.String {
	if !t.url.Empty() {
		return t.url
	}
	return t.uri
}

func (m *medium) kind() event.MediaType {
	switch {
	case m.typ.Is("image"):
		return event.MediaImage
	case m.typ.Is("video"), m.typ.Is("gifv"):
		return event.MediaVideo
	case m.typ.Is("audio"):
		return event.MediaAudio
	}
	return event.MediaLink
}

// address is where the attachment is found: at the server that tells, or else at
// that of its author.
func (m *medium) address() jsonscan.String {
	if !m.url.Empty() {
		return m.url
	}
	return m.remote
}

// identity reads an id, written as a string or, before 2018, as a number, and
// reports whether it is one. The result points into raw.
func identity(raw []byte) (string, bool) {
	if n := len(raw); n > 2 && raw[0] == '"' && raw[n-1] == '"' {
		id := view(raw[1 : n-1])
		return id, isID(id)
	}
	id := view(raw)
	for i := range len(id) {
		if id[i] < '0' || id[i] > '9' {
			return "", false
		}
	}
	return id, isID(id)
}

// maxID is longer than the ids of all known servers.
const maxID = 64

// isID reports whether s can be an id: Mastodon's are numbers, others' may have
// letters.
func isID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxID
}

// view is b as a string without a copy; b does not change while it is in use.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf is the reverse of view; the result is not to be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
