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
func (t *status) read(s *jsonscan.Scanner, n *notice) {
	t.scanned = scanned{}
	t.base.reset()
	t.extended.reset()
	for more := s.Object(); more; more = s.NextField() {
		t.field(s, s.Key(), n)
	}
}

func (t *status) field(s *jsonscan.Scanner, key []byte, n *notice) {
	switch string(key) {
	case "id":
		t.id = s.Raw()
	case "id_str":
		t.idStr = s.Raw()
	case "created_at":
		t.created = s.Str()
	case "text":
		t.text = s.Str()
		t.hasText = true
	case "full_text":
		t.fullText = s.Str()
		t.hasText = true
	case "truncated":
		t.truncated = s.Bool()
	case "in_reply_to_status_id":
		t.replyID = s.Raw()
	case "in_reply_to_status_id_str":
		t.replyIDStr = s.Raw()
	case "in_reply_to_user_id":
		t.replyUser = s.Raw()
	case "in_reply_to_user_id_str":
		t.replyUserStr = s.Raw()
	case "in_reply_to_screen_name":
		t.replyHandle = s.Str()
	case "user":
		t.hasUser = s.Peek() == '{'
		t.user.read(s)
	case "retweeted_status":
		t.hasReposted = t.nested(s, t.reposts)
	case "quoted_status":
		t.hasQuoted = t.nested(s, t.quotes)
	case "quoted_status_id":
		t.quotedID = s.Raw()
	case "quoted_status_id_str":
		t.quotedIDStr = s.Raw()
	case "extended_tweet":
		t.hasExtended = s.Peek() == '{'
		t.readExtended(s)
	case "entities":
		t.base.read(s)
	case "extended_entities":
		t.base.readExtended(s)
	case "possibly_sensitive":
		t.sensitive = s.Bool()
	case "lang":
		t.lang = s.Str()
	default:
		if n == nil || !n.field(s, key) {
			s.Skip()
		}
	}
}

// nested reads a tweet inside this one and reports whether there is one.
func (t *status) nested(s *jsonscan.Scanner, place *status) bool {
	if place == nil {
		s.Skip()
		return false
	}
	there := s.Peek() == '{'
	place.read(s, nil)
	return there
}

func (t *status) readExtended(s *jsonscan.Scanner) {
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "full_text":
			t.longText = s.Str()
		case "entities":
			t.extended.read(s)
		case "extended_entities":
			t.extended.readExtended(s)
		default:
			s.Skip()
		}
	}
}

// The fields of an account that are used; when all were seen, the rest, which is
// nine tenths, is left behind at once.
const (
	seenID = 1 << iota
	seenHandle
	seenName
	seenFollowers
	seenVerified
	seenAll = 1<<iota - 1
)

func (u *user) read(s *jsonscan.Scanner) {
	*u = user{}
	seen := 0
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "id":
			u.id = s.Raw()
		case "id_str":
			if u.idStr = s.Raw(); present(u.idStr) {
				seen |= seenID
			}
		case "screen_name":
			u.handle = s.Str()
			seen |= seenHandle
		case "name":
			u.name = s.Str()
			seen |= seenName
		case "followers_count":
			u.followers = followers(s)
			seen |= seenFollowers
		case "verified":
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

func (e *entities) read(s *jsonscan.Scanner) {
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "hashtags":
			e.hashtags = readTexts(s, e.hashtags[:0], "text")
		case "symbols":
			e.cashtags = readTexts(s, e.cashtags[:0], "text")
		case "user_mentions":
			e.mentions = readTexts(s, e.mentions[:0], "screen_name")
		case "urls":
			e.urls = readLinks(s, e.urls[:0])
		case "media":
			e.media = readMedia(s, e.media[:0])
		default:
			s.Skip()
		}
	}
}

func (e *entities) readExtended(s *jsonscan.Scanner) {
	for more := s.Object(); more; more = s.NextField() {
		if string(s.Key()) == "media" {
			e.extended = readMedia(s, e.extended[:0])
		} else {
			s.Skip()
		}
	}
}

// readTexts reads one field of each object of an array.
func readTexts(s *jsonscan.Scanner, list []jsonscan.String, field string) []jsonscan.String {
	for more := s.Array(); more; more = s.NextElement() {
		for more := s.Object(); more; more = s.NextField() {
			if string(s.Key()) == field {
				list = append(list, s.Str())
				s.SkipRest()
				break
			}
			s.Skip()
		}
	}
	return list
}

func readLinks(s *jsonscan.Scanner, list []link) []link {
	for more := s.Array(); more; more = s.NextElement() {
		var l link
		for more := s.Object(); more; more = s.NextField() {
			switch string(s.Key()) {
			case "url":
				l.short = s.Str()
			case "expanded_url":
				l.expanded = s.Str()
			default:
				s.Skip()
			}
		}
		list = append(list, l)
	}
	return list
}

func readMedia(s *jsonscan.Scanner, list []medium) []medium {
	for more := s.Array(); more; more = s.NextElement() {
		var m medium
		for more := s.Object(); more; more = s.NextField() {
			switch string(s.Key()) {
			case "media_url_https":
				m.file = s.Str()
			case "url":
				m.short = s.Str()
			case "type":
				m.typ = s.Str()
			case "ext_alt_text":
				m.alt = s.Str()
			case "video_info":
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
