package event

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"strconv"
	"time"
	"unicode/utf8"
)

var (
	kindNames  = [...]string{"post", "reply", "repost", "quote"}
	mediaNames = [...]string{"image", "video", "audio", "link"}
)

// String gives the name used in JSON.
func (k Kind) String() string { return kindNames[k] }

// ParseKind reads a kind's name.
func ParseKind(name string) (Kind, bool) {
	for i, n := range kindNames {
		if n == name {
			return Kind(i), true
		}
	}
	return 0, false
}

// String gives the name used in JSON.
func (t MediaType) String() string { return mediaNames[t] }

// ParseMediaType reads a media type's name.
func ParseMediaType(name string) (MediaType, bool) {
	for i, n := range mediaNames {
		if n == name {
			return MediaType(i), true
		}
	}
	return 0, false
}

// TimeLayout is the form of a time in JSON: RFC 3339 in UTC, to the
// millisecond.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// AppendJSON appends e as one JSON object without white space, absent fields
// left out (docs/events.md). A version is a string, since a Bluesky revision
// does not fit a number in every language.
func (e *Event) AppendJSON(b []byte) []byte {
	o := object{b: append(b, '{')}
	o.text("key", e.Key)
	o.name("version")
	o.b = append(o.b, '"')
	o.b = strconv.AppendInt(o.b, e.Version, 10)
	o.b = append(o.b, '"')
	o.flag("deleted", e.Deleted)
	o.flag("account", e.Account)
	if e.Deleted {
		return append(o.b, '}')
	}
	o.list("audience", e.Audience)
	o.text("network", e.Network)
	o.text("source", e.Source)
	o.text("kind", e.Kind.String())
	o.author(&e.Author)
	o.text("text", e.Text)
	o.list("langs", e.Langs)
	o.time("created_at", e.CreatedAt)
	o.time("received_at", e.ReceivedAt)
	o.text("url", e.Permalink())
	o.list("links", e.Links)
	o.list("hashtags", e.Hashtags)
	o.list("cashtags", e.Cashtags)
	o.list("mentions", e.Mentions)
	o.media(e.Media)
	o.ref("reply_to", e.ReplyTo)
	o.ref("repost_of", e.RepostOf)
	o.ref("quote_of", e.QuoteOf)
	o.text("thread", e.Thread)
	o.flag("sensitive", e.Sensitive)
	o.flag("truncated", e.Truncated)
	return append(o.b, '}')
}

// object appends the fields of one JSON object; empty ones are left out.
type object struct {
	b      []byte
	filled bool
}

func (o *object) name(name string) {
	if o.filled {
		o.b = append(o.b, ',')
	}
	o.filled = true
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) text(name, s string) {
	if s == "" {
		return
	}
	o.name(name)
	o.b = appendString(o.b, s)
}

func (o *object) flag(name string, set bool) {
	if !set {
		return
	}
	o.name(name)
	o.b = append(o.b, "true"...)
}

func (o *object) time(name string, t Time) {
	if t == 0 {
		return
	}
	o.name(name)
	o.b = append(o.b, '"')
	o.b = appendTime(o.b, t)
	o.b = append(o.b, '"')
}

// appendTime appends t in TimeLayout, in a fifth of the time that
// time.AppendFormat takes for reading the layout each time.
func appendTime(b []byte, t Time) []byte {
	at := t.Std()
	year, month, day := at.Date()
	if year < 0 || year > 9999 {
		return at.AppendFormat(b, TimeLayout)
	}
	hour, minute, second := at.Clock()
	milli := at.Nanosecond() / 1e6
	b = appendTwo(appendTwo(b, year/100), year%100)
	b = appendTwo(append(b, '-'), int(month))
	b = appendTwo(append(b, '-'), day)
	b = appendTwo(append(b, 'T'), hour)
	b = appendTwo(append(b, ':'), minute)
	b = appendTwo(append(b, ':'), second)
	b = append(b, '.', byte('0'+milli/100))
	return append(appendTwo(b, milli%100), 'Z')
}

// appendTwo appends n < 100 as two digits.
func appendTwo(b []byte, n int) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

func (o *object) list(name string, list []string) {
	if len(list) == 0 {
		return
	}
	o.name(name)
	o.b = append(o.b, '[')
	for i, s := range list {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = appendString(o.b, s)
	}
	o.b = append(o.b, ']')
}

func (o *object) author(a *Author) {
	if *a == (Author{}) {
		return
	}
	o.name("author")
	in := object{b: append(o.b, '{')}
	in.text("id", a.ID)
	in.text("handle", a.Handle)
	in.text("name", a.Name)
	if a.Followers > 0 {
		in.name("followers")
		in.b = strconv.AppendInt(in.b, a.Followers-1, 10)
	}
	in.flag("verified", a.Verified)
	o.b = append(in.b, '}')
}

func (o *object) media(media []Media) {
	if len(media) == 0 {
		return
	}
	o.name("media")
	o.b = append(o.b, '[')
	for i := range media {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		in := object{b: append(o.b, '{')}
		in.text("type", media[i].Type.String())
		in.text("url", media[i].URL)
		in.text("alt", media[i].Alt)
		o.b = append(in.b, '}')
	}
	o.b = append(o.b, ']')
}

func (o *object) ref(name string, r *Ref) {
	if r == nil {
		return
	}
	o.name(name)
	in := object{b: append(o.b, '{')}
	in.text("key", r.Key)
	if r.AuthorID != "" || r.AuthorHandle != "" {
		in.name("author")
		by := object{b: append(in.b, '{')}
		by.text("id", r.AuthorID)
		by.text("handle", r.AuthorHandle)
		in.b = append(by.b, '}')
	}
	in.text("text", r.Text)
	o.b = append(in.b, '}')
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Bytes that are no UTF-8 become
// U+FFFD, so that the result is always valid.
func appendString(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	b = append(b, '"')
	for {
		i := toEscape(s)
		b = append(b, s[:i]...)
		if i == len(s) {
			return append(b, '"')
		}
		b = appendEscape(b, s[i])
		s = s[i+1:]
	}
}

// toEscape is where the first byte stands that JSON does not take as it is;
// len(s) if there is none. It reads eight bytes at a time.
func toEscape(s string) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		word := binary.LittleEndian.Uint64([]byte(s[i : i+8]))
		quote, backslash := word^'"'*ones, word^'\\'*ones
		// A byte's highest bit tells whether it is meant. Those after the first
		// that is may be wrong: a borrow runs through them.
		if found := ((word-' '*ones)&^word | (quote-ones)&^quote | (backslash-ones)&^backslash) & high; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// eventJSON mirrors the JSON form for encoding/json.
type eventJSON struct {
	Key        string      `json:"key"`
	Version    string      `json:"version"`
	Deleted    bool        `json:"deleted"`
	Account    bool        `json:"account"`
	Audience   []string    `json:"audience"`
	Network    string      `json:"network"`
	Source     string      `json:"source"`
	Kind       string      `json:"kind"`
	Author     authorJSON  `json:"author"`
	Text       string      `json:"text"`
	Langs      []string    `json:"langs"`
	CreatedAt  time.Time   `json:"created_at"`
	ReceivedAt time.Time   `json:"received_at"`
	URL        string      `json:"url"`
	Links      []string    `json:"links"`
	Hashtags   []string    `json:"hashtags"`
	Cashtags   []string    `json:"cashtags"`
	Mentions   []string    `json:"mentions"`
	Media      []mediaJSON `json:"media"`
	ReplyTo    *refJSON    `json:"reply_to"`
	RepostOf   *refJSON    `json:"repost_of"`
	QuoteOf    *refJSON    `json:"quote_of"`
	Thread     string      `json:"thread"`
	Sensitive  bool        `json:"sensitive"`
	Truncated  bool        `json:"truncated"`
}

type authorJSON struct {
	ID        string `json:"id"`
	Handle    string `json:"handle"`
	Name      string `json:"name"`
	Followers *int64 `json:"followers"`
	Verified  bool   `json:"verified"`
}

type mediaJSON struct {
	Type string `json:"type"`
	URL  string `json:"url"`
	Alt  string `json:"alt"`
}

type refJSON struct {
	Key    string     `json:"key"`
	Author authorJSON `json:"author"`
	Text   string     `json:"text"`
}

// ParseJSON reads what AppendJSON wrote, as it is kept in the store. Input from
// outside goes through the decoder of pkg/source/native, which knows limits and
// reasons.
func ParseJSON(data []byte) (*Event, error) {
	var in eventJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("event: parse: %w", err)
	}
	version, err := strconv.ParseInt(in.Version, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("event: parse version: %w", err)
	}
	e := &Event{
		Key: in.Key, Version: version, Deleted: in.Deleted, Account: in.Account, Audience: in.Audience,
		Network: in.Network, Source: in.Source, Author: in.Author.author(), Text: in.Text, Langs: in.Langs,
		CreatedAt: TimeOf(in.CreatedAt), ReceivedAt: TimeOf(in.ReceivedAt), URL: in.URL, Links: in.Links,
		Hashtags: in.Hashtags, Cashtags: in.Cashtags, Mentions: in.Mentions,
		ReplyTo: in.ReplyTo.ref(), RepostOf: in.RepostOf.ref(), QuoteOf: in.QuoteOf.ref(),
		Thread: in.Thread, Sensitive: in.Sensitive, Truncated: in.Truncated,
	}
	kind, known := ParseKind(in.Kind)
	if !known && !e.Deleted {
		return nil, fmt.Errorf("event: parse: unknown kind %q", in.Kind)
	}
	e.Kind = kind
	for _, m := range in.Media {
		t, known := ParseMediaType(m.Type)
		if !known {
			return nil, fmt.Errorf("event: parse: unknown media type %q", m.Type)
		}
		e.Media = append(e.Media, Media{Type: t, URL: m.URL, Alt: m.Alt})
	}
	return e, nil
}

func (a authorJSON) author() Author {
	out := Author{ID: a.ID, Handle: a.Handle, Name: a.Name, Verified: a.Verified}
	if a.Followers != nil {
		out.Followers = *a.Followers + 1
	}
	return out
}

func (r *refJSON) ref() *Ref {
	if r == nil {
		return nil
	}
	return &Ref{Key: r.Key, AuthorID: r.Author.ID, AuthorHandle: r.Author.Handle, Text: r.Text}
}
