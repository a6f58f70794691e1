package twitter

import (
	"strings"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
)

// status is a tweet as it stands in the message.
type status struct {
	// reposts and quotes are where the tweets inside this one go; without a
	// place they are left behind.
	reposts, quotes *status
	scanned
	base, extended entities
}

// scanned is what reading a tweet anew begins without. Ids are raw values, since
// those written as strings make the numbers needless.
type scanned struct {
	id, idStr                []byte
	replyID, replyIDStr      []byte
	replyUser, replyUserStr  []byte
	quotedID, quotedIDStr    []byte
	replyHandle              jsonscan.String
	text, fullText, longText jsonscan.String
	created, lang            jsonscan.String
	user                     user

	hasText, hasUser, hasReposted, hasQuoted bool
	hasExtended                              bool // extended_tweet is there
	sensitive, truncated                     bool
}

// user is the author of a tweet.
type user struct {
	id, idStr []byte
	handle    jsonscan.String
	name      jsonscan.String
	followers int64 // plus one
	verified  bool
}

// entities is what Twitter found in a text.
type entities struct {
	hashtags, cashtags, mentions []jsonscan.String
	urls                         []link
	media, extended              []medium // of entities, and of extended_entities
}

// link is a short link in a text and what it stands for.
type link struct{ short, expanded jsonscan.String }

// medium is an attachment. Its link in the text is link.short.
type medium struct {
	link
	typ        jsonscan.String
	file       jsonscan.String // of a video: its still picture
	video, alt jsonscan.String
}

func (e *entities) reset() {
	e.hashtags, e.cashtags, e.mentions = e.hashtags[:0], e.cashtags[:0], e.mentions[:0]
	e.urls, e.media, e.extended = e.urls[:0], e.media[:0], e.extended[:0]
}

// read reads a tweet, or, where n is given, any message: n takes what tells the
// other kinds apart.
func (t *status) read(s *jsonscan.Scanner, names *names, n *notice) {
	t.scanned = scanned{}
	t.base.reset()
	t.extended.reset()
	last := names.status.Begin()
	for more := s.Object(); more; more = s.NextField() {
		last = s.Field(names.status, last)
		if !t.field(s, last.Number, names) && (n == nil || !n.field(s, last.Number)) {
			s.Skip()
		}
	}
}

// field takes the value of a tweet's field and reports whether it did.
func (t *status) field(s *jsonscan.Scanner, field int, names *names) bool {
	switch field {
	case fieldID:
		t.id = s.Raw()
	case fieldIDStr:
		t.idStr = s.Raw()
	case fieldCreatedAt:
		t.created = s.Str()
	case fieldText:
		t.text = s.Str()
		t.hasText = true
	case fieldFullText:
		t.fullText = s.Str()
		t.hasText = true
	case fieldTruncated:
		t.truncated = s.Bool()
	case fieldReplyID:
		t.replyID = s.Raw()
	case fieldReplyIDStr:
		t.replyIDStr = s.Raw()
	case fieldReplyUser:
		t.replyUser = s.Raw()
	case fieldReplyUserStr:
		t.replyUserStr = s.Raw()
	case fieldReplyHandle:
		t.replyHandle = s.Str()
	case fieldUser:
		t.hasUser = s.Peek() == '{'
		t.user.read(s, names.user)
	case fieldReposted:
		t.hasReposted = t.nested(s, t.reposts, names)
	case fieldQuoted:
		t.hasQuoted = t.nested(s, t.quotes, names)
	case fieldQuotedID:
		t.quotedID = s.Raw()
	case fieldQuotedIDStr:
		t.quotedIDStr = s.Raw()
	case fieldExtendedTweet:
		t.hasExtended = s.Peek() == '{'
		t.readExtended(s, names)
	case fieldEntities:
		t.base.read(s, names)
	case fieldExtendedEntities:
		t.base.readExtended(s, names)
	case fieldSensitive:
		t.sensitive = s.Bool()
	case fieldLang:
		t.lang = s.Str()
	default:
		return false
	}
	return true
}

// nested reads a tweet inside this one and reports whether there is one.
func (t *status) nested(s *jsonscan.Scanner, place *status, names *names) bool {
	if place == nil {
		s.Skip()
		return false
	}
	there := s.Peek() == '{'
	place.read(s, names, nil)
	return there
}

func (t *status) readExtended(s *jsonscan.Scanner, names *names) {
	last := names.extended.Begin()
	for more := s.Object(); more; more = s.NextField() {
		switch last = s.Field(names.extended, last); last.Number {
		case fieldFullText:
			t.longText = s.Str()
		case fieldEntities:
			t.extended.read(s, names)
		case fieldExtendedEntities:
			t.extended.readExtended(s, names)
		default:
			s.Skip()
		}
	}
}

// The fields of an account that are used; when all were seen, the rest, which is
// most of it, is left behind at once.
const (
	seenID = 1 << iota
	seenHandle
	seenName
	seenFollowers
	seenVerified
	seenAll = 1<<iota - 1
)

func (u *user) read(s *jsonscan.Scanner, names *jsonscan.Fields) {
	*u = user{}
	seen := 0
	last := names.Begin()
	for more := s.Object(); more; more = s.NextField() {
		switch last = s.Field(names, last); last.Number {
		case fieldID:
			u.id = s.Raw()
		case fieldIDStr:
			if u.idStr = s.Raw(); present(u.idStr) {
				seen |= seenID
			}
		case fieldHandle:
			u.handle = s.Str()
			seen |= seenHandle
		case fieldName:
			u.name = s.Str()
			seen |= seenName
		case fieldFollowers:
			u.followers = followers(s)
			seen |= seenFollowers
		case fieldVerified:
			u.verified = s.Bool()
			seen |= seenVerified
		default:
			s.Skip()
		}
		if seen == seenAll {
			s.SkipRest()
			return
		}
	}
}

// followers reads a count and adds one, so that 0 stays unknown.
func followers(s *jsonscan.Scanner) int64 {
	n, ok := s.Int()
	if !ok || n < 0 || n == 1<<63-1 {
		return 0
	}
	return n + 1
}

func (e *entities) read(s *jsonscan.Scanner, names *names) {
	last := names.entities.Begin()
	for more := s.Object(); more; more = s.NextField() {
		switch last = s.Field(names.entities, last); last.Number {
		case fieldHashtags:
			e.hashtags = readTexts(s, e.hashtags[:0], names.tag)
		case fieldSymbols:
			e.cashtags = readTexts(s, e.cashtags[:0], names.tag)
		case fieldMentions:
			e.mentions = readTexts(s, e.mentions[:0], names.mention)
		case fieldURLs:
			e.urls = readLinks(s, e.urls[:0], names.link)
		case fieldMedia:
			e.media = readMedia(s, e.media[:0], names.medium)
		default:
			s.Skip()
		}
	}
}

func (e *entities) readExtended(s *jsonscan.Scanner, names *names) {
	last := names.entities.Begin()
	for more := s.Object(); more; more = s.NextField() {
		if last = s.Field(names.entities, last); last.Number == fieldMedia {
			e.extended = readMedia(s, e.extended[:0], names.medium)
		} else {
			s.Skip()
		}
	}
}

// readTexts reads one field of each object of an array.
func readTexts(s *jsonscan.Scanner, list []jsonscan.String, names *jsonscan.Fields) []jsonscan.String {
	for more := s.Array(); more; more = s.NextElement() {
		last := names.Begin()
		for more := s.Object(); more; more = s.NextField() {
			if last = s.Field(names, last); last.Number == fieldText {
				list = append(list, s.Str())
				s.SkipRest()
				break
			}
			s.Skip()
		}
	}
	return list
}

func readLinks(s *jsonscan.Scanner, list []link, names *jsonscan.Fields) []link {
	for more := s.Array(); more; more = s.NextElement() {
		var l link
		last := names.Begin()
		for more := s.Object(); more; more = s.NextField() {
			switch last = s.Field(names, last); last.Number {
			case fieldURL:
				l.short = s.Str()
			case fieldExpanded:
				l.expanded = s.Str()
			default:
				s.Skip()
			}
		}
		list = append(list, l)
	}
	return list
}

func readMedia(s *jsonscan.Scanner, list []medium, names *jsonscan.Fields) []medium {
	for more := s.Array(); more; more = s.NextElement() {
		var m medium
		last := names.Begin()
		for more := s.Object(); more; more = s.NextField() {
			switch last = s.Field(names, last); last.Number {
			case fieldFile:
				m.file = s.Str()
			case fieldURL:
				m.short = s.Str()
			case fieldType:
				m.typ = s.Str()
			case fieldAlt:
				m.alt = s.Str()
			case fieldVideo:
				m.video = bestVariant(s)
			default:
				s.Skip()
			}
		}
		list = append(list, m)
	}
	return list
}

// bestVariant gives the address of the MP4 file with the greatest bit rate.
func bestVariant(s *jsonscan.Scanner) (best jsonscan.String) {
	most := int64(-1)
	for more := s.Object(); more; more = s.NextField() {
		if string(s.Key()) != "variants" {
			s.Skip()
			continue
		}
		for more := s.Array(); more; more = s.NextElement() {
			if address, rate := variant(s); rate > most {
				best, most = address, rate
			}
		}
	}
	return best
}

// variant reads one form of a video; the rate is -1 when it is no MP4 file.
func variant(s *jsonscan.Scanner) (address jsonscan.String, rate int64) {
	mp4 := false
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "content_type":
			mp4 = s.Str().Is("video/mp4")
		case "url":
			address = s.Str()
		case "bitrate":
			rate, _ = s.Int()
		default:
			s.Skip()
		}
	}
	if !mp4 || rate < 0 {
		return jsonscan.String{}, -1
	}
	return address, rate
}

func (m *medium) kind() event.MediaType {
	switch {
	case m.typ.Is("photo"):
		return event.MediaImage
	case m.typ.Is("video"), m.typ.Is("animated_gif"):
		return event.MediaVideo
	}
	return event.MediaLink
}

// source is where the attachment is found.
func (m *medium) source() jsonscan.String {
	if !m.video.Empty() {
		return m.video
	}
	return m.file
}

func (t *status) identity() (string, bool) { return first(t.idStr, t.id) }

func (u *user) identity() (string, bool) { return first(u.idStr, u.id) }

// best gives the tweet's text in the longest form that there is.
func (t *status) best() jsonscan.String {
	switch {
	case t.hasExtended && !t.longText.Empty():
		return t.longText
	case !t.fullText.Empty():
		return t.fullText
	}
	return t.text
}

// current gives the entities of the text that best gives.
func (t *status) current() *entities {
	if t.hasExtended && !t.longText.Empty() {
		return &t.extended
	}
	return &t.base
}

// media gives the attachments: the extended lists are the whole ones, the others
// hold the first.
func (t *status) media() []medium {
	for _, list := range [][]medium{t.extended.extended, t.extended.media, t.base.extended} {
		if len(list) > 0 {
			return list
		}
	}
	return t.base.media
}

// cutOff reports that Twitter gave no full text.
func (t *status) cutOff() bool {
	return t.truncated && t.longText.Empty() && t.fullText.Empty()
}

// isOwnPage reports whether address is that of the tweet itself, to which
// Twitter links where it cut the text.
func (t *status) isOwnPage(address string) bool {
	if !t.cutOff() {
		return false
	}
	rest, ok := strings.CutPrefix(address, "https://twitter.com/i/web/status/")
	id, _ := t.identity()
	return ok && rest == id
}

// first reads the id that is written as a string, or else the one written as a
// number, and reports whether it is one.
func first(str, num []byte) (string, bool) {
	if present(str) {
		return number(str)
	}
	return number(num)
}

// present reports whether there is a value other than null.
func present(raw []byte) bool { return len(raw) > 0 && raw[0] != 'n' }
