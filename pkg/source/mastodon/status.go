package mastodon

import (
	"unsafe"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
)

// status is a status as it stands in the message.
type status struct {
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
func (t *status) read(s *jsonscan.Scanner, sh *shape) {
	t.scanned = scanned{}
	t.mentions, t.tags, t.media = t.mentions[:0], t.tags[:0], t.media[:0]
	for more := s.Object(); more; more = s.NextField() {
		key := s.Key()
		if sh == nil || !sh.field(s, key) {
			t.field(s, key)
		}
	}
}

func (t *status) field(s *jsonscan.Scanner, key []byte) {
	switch string(key) {
	case "id":
		t.id = s.Raw()
	case "created_at":
		t.created = s.Str()
	case "edited_at":
		t.edited = s.Str()
	case "in_reply_to_id":
		t.replyID = s.Raw()
	case "in_reply_to_account_id":
		t.replyAccount = s.Raw()
	case "sensitive":
		t.sensitive = s.Bool()
	case "spoiler_text":
		t.warning = s.Str()
	case "visibility":
		t.visibility = s.Str()
	case "language":
		t.language = s.Str()
	case "url":
		t.url = s.Str()
	case "uri":
		t.uri = s.Str()
	case "content":
		t.content = s.Str()
	case "account":
		t.account.read(s)
	case "reblog":
		t.hasReposted = nested(s, t.reposts)
	case "quote":
		t.readQuote(s)
	case "media_attachments":
		t.readMedia(s)
	case "mentions":
		t.readMentions(s)
	case "tags":
		t.readTags(s)
	case "card":
		t.card.read(s)
	default:
		s.Skip()
	}
}

// nested reads a status inside another and reports whether there is one.
func nested(s *jsonscan.Scanner, place *status) bool {
	if place == nil {
		s.Skip()
		return false
	}
	there := s.Peek() == '{'
	place.read(s, nil)
	return there
}

func (t *status) readQuote(s *jsonscan.Scanner) {
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "quoted_status":
			t.hasQuoted = nested(s, t.quotes)
		case "quoted_status_id":
			t.quotedID = s.Raw()
		default:
			s.Skip()
		}
	}
}

func (t *status) readMentions(s *jsonscan.Scanner) {
	for more := s.Array(); more; more = s.NextElement() {
		var a account
		a.read(s)
		t.mentions = append(t.mentions, a)
	}
}

func (t *status) readTags(s *jsonscan.Scanner) {
	for more := s.Array(); more; more = s.NextElement() {
		var name jsonscan.String
		for more := s.Object(); more; more = s.NextField() {
			if string(s.Key()) == "name" {
				name = s.Str()
			} else {
				s.Skip()
			}
		}
		t.tags = append(t.tags, name)
	}
}

func (t *status) readMedia(s *jsonscan.Scanner) {
	for more := s.Array(); more; more = s.NextElement() {
		var m medium
		for more := s.Object(); more; more = s.NextField() {
			switch string(s.Key()) {
			case "type":
				m.typ = s.Str()
			case "url":
				m.url = s.Str()
			case "remote_url":
				m.remote = s.Str()
			case "description":
				m.alt = s.Str()
			default:
				s.Skip()
			}
		}
		t.media = append(t.media, m)
	}
}

func (c *card) read(s *jsonscan.Scanner) {
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "url":
			c.url = s.Str()
		case "title":
			c.title = s.Str()
		default:
			s.Skip()
		}
	}
}

func (a *account) read(s *jsonscan.Scanner) {
	*a = account{}
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "id":
			a.id = s.Raw()
		case "acct":
			a.acct = s.Str()
		case "display_name":
			a.name = s.Str()
		case "url":
			a.url = s.Str()
		case "followers_count":
			if n, ok := s.Int(); ok && n >= 0 && n < 1<<62 {
				a.followers = n + 1
			}
		default:
			s.Skip()
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
