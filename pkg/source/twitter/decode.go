// Package twitter reads the streams of Twitter's API, version 1.1, and cuts their
// messages, and tweets of its REST API, down to events.
//
// The mapping is specified in docs/events.md, "Twitter"; what the source needs and
// guarantees in docs/sources.md, under "twitter://".
package twitter

import (
	"strings"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
	"riffle/pkg/shrink"
)

// Network is the name under which tweets go in keys and fields.
const Network = "twitter"

// Decoder shrinks tweets and deletions.
type Decoder struct {
	draft shrink.Draft
	// A message's tweets: its own, what that reposts, what it quotes, and what
	// the reposted one quotes.
	tweet, reposted, quoted, inner status
	notice                         notice
	names                          *names
	links                          []textLink
	scratch                        []byte
}

// NewDecoder makes a decoder. It is used by one goroutine at a time.
func NewDecoder() *Decoder {
	d := &Decoder{names: newNames()}
	d.tweet.reposts, d.tweet.quotes = &d.reposted, &d.quoted
	d.reposted.quotes = &d.inner
	return d
}

// Decode shrinks one message of a stream, or one tweet of the REST API.
//
// In: msg is one JSON object, or an empty keep-alive line.
// Out: a tweet, or the deletion of a tweet or account; strings of ev are valid
// until the next call, for as long as msg stays as it is.
// Errors: *event.InvalidError; *event.PassedOverError for the messages of a
// stream that are no posts.
// Source: docs/events.md, "Twitter".
func (d *Decoder) Decode(ev *event.Event, msg []byte) error {
	d.draft.Begin(ev)
	if len(msg) > event.MaxMessage {
		return shrink.Reject(event.ReasonOversize)
	}
	if shrink.IsBlank(msg) {
		return shrink.Blank
	}
	return d.decode(ev, msg, false)
}

// decode shrinks msg, which is the content of an envelope where wrapped.
func (d *Decoder) decode(ev *event.Event, msg []byte, wrapped bool) error {
	s := jsonscan.New(msg)
	if s.Peek() != '{' {
		return shrink.Reject(event.ReasonSyntax)
	}
	d.notice = notice{}
	d.tweet.read(&s, d.names, &d.notice)
	if !s.End() {
		return shrink.Reject(event.ReasonSyntax)
	}
	if over := d.notice.passedOver(); over != nil {
		return over
	}
	if s.Mismatch() {
		return shrink.Reject(event.ReasonBadField)
	}
	err := d.fill(ev, wrapped)
	if d.draft.Arena.Bad() {
		return shrink.Reject(event.ReasonSyntax)
	}
	return err
}

// fill makes the event of what was read.
func (d *Decoder) fill(ev *event.Event, wrapped bool) error {
	switch d.notice.kind {
	case noticeEnvelope:
		if wrapped {
			return shrink.Reject(event.ReasonUnknown)
		}
		return d.unwrap(ev)
	case noticeDelete:
		return d.fillDelete(ev)
	case noticeEvent, noticeUserDelete:
		return d.fillAccount(ev)
	default:
		return d.fillTweet(ev)
	}
}

// unwrap shrinks what an envelope of a site stream holds, for the account that
// it names.
func (d *Decoder) unwrap(ev *event.Event) error {
	account, ok := number(d.notice.forUser)
	message := d.notice.message
	if !ok || len(message) == 0 || message[0] != '{' {
		return shrink.Reject(event.ReasonUnknown)
	}
	if err := d.decode(ev, message, true); err != nil {
		return err
	}
	ev.Audience = append(ev.Audience, d.draft.Arena.Join(Network, ":", account))
	return nil
}

func (d *Decoder) fillTweet(ev *event.Event) error {
	t := &d.tweet
	if !t.hasText && !t.hasUser {
		return shrink.Reject(event.ReasonUnknown)
	}
	id, ok := t.identity()
	if !ok {
		return shrink.Reject(event.ReasonNoID)
	}
	author, ok := t.user.identity()
	if !ok {
		return shrink.Reject(event.ReasonNoAuthor)
	}
	created, ok := createdAt(d.draft.Arena.Text(t.created))
	if !ok {
		return shrink.Reject(event.ReasonBadTime)
	}
	ev.Key = d.key(id)
	ev.Version = event.VersionOnly
	ev.Network = Network
	ev.Author = event.Author{
		ID: author, Handle: d.draft.Short(t.user.handle), Name: d.draft.Short(t.user.name),
		Followers: t.user.followers, Verified: t.user.verified,
	}
	ev.CreatedAt = created
	if lang := shrink.Language(d.draft.Short(t.lang)); lang != "" {
		ev.Langs = append(ev.Langs, lang)
	}
	d.fillContent(ev)
	if d.draft.Empty() {
		return shrink.Reject(event.ReasonEmpty)
	}
	return nil
}

// fillContent fills what the tweet says, and what it refers to. Of a repost that
// is what the reposted tweet says: Twitter's own text and lists are a copy of it,
// cut at 140 characters.
func (d *Decoder) fillContent(ev *event.Event) {
	t, content := &d.tweet, &d.tweet
	if t.hasReposted && d.reposted.hasText {
		content = &d.reposted
	}
	links := d.resolve(content)
	ev.Text = d.text(content, links)
	ev.Truncated = ev.Truncated || content.cutOff()
	ev.Sensitive = t.sensitive || content.sensitive
	d.fillLists(ev, content, links)
	quoted := d.quotation(content)
	switch {
	case d.reposts(content):
		ev.Kind = event.KindRepost
	case d.replies():
		ev.Kind = event.KindReply
	case quoted:
		ev.Kind = event.KindQuote
	}
}

// fillLists fills hashtags, cashtags, mentions, links and media. The mentions of
// a repost begin with its own, since Twitter counts the author of the reposted
// tweet among them.
func (d *Decoder) fillLists(ev *event.Event, content *status, links []textLink) {
	if content != &d.tweet {
		d.addAll(&ev.Mentions, d.tweet.current().mentions)
	}
	entities := content.current()
	d.addAll(&ev.Mentions, entities.mentions)
	d.addAll(&ev.Hashtags, entities.hashtags)
	d.addAll(&ev.Cashtags, entities.cashtags)
	for i := range links {
		if l := &links[i]; !l.medium && !content.isOwnPage(l.target) {
			d.draft.Add(&ev.Links, l.target)
		}
	}
	for _, m := range content.media() {
		d.draft.AddMedia(event.Media{Type: m.kind(), URL: d.draft.Short(m.source()), Alt: d.draft.Long(m.alt)})
	}
}

func (d *Decoder) addAll(list *[]string, texts []jsonscan.String) {
	for _, t := range texts {
		d.draft.Add(list, d.draft.Short(t))
	}
}

// reposts sets the reposted tweet and reports whether there is one.
func (d *Decoder) reposts(content *status) bool {
	if !d.tweet.hasReposted {
		return false
	}
	ref := d.ref(&d.reposted)
	if content == &d.reposted {
		ref.Text = d.draft.Event.Text
	}
	d.draft.RepostOf(ref)
	return d.draft.Event.RepostOf != nil
}

// replies sets the post that the tweet answers, and reports whether it answers
// one or addresses someone.
func (d *Decoder) replies() bool {
	t := &d.tweet
	ref := event.Ref{AuthorHandle: d.draft.Short(t.replyHandle)}
	if id, ok := first(t.replyIDStr, t.replyID); ok {
		ref.Key = d.key(id)
	}
	if id, ok := first(t.replyUserStr, t.replyUser); ok {
		ref.AuthorID = id
	}
	d.draft.ReplyTo(ref)
	return d.draft.Event.ReplyTo != nil
}

// quotation sets the quoted post and reports whether there is one. Of a repost it
// is what the reposted tweet quotes, which Twitter may repeat beside it.
func (d *Decoder) quotation(content *status) bool {
	for _, t := range [...]*status{content, &d.tweet} {
		var ref event.Ref
		if t.hasQuoted {
			ref = d.ref(t.quotes)
			ref.Text = d.text(t.quotes, d.resolve(t.quotes))
			d.draft.Event.Truncated = d.draft.Event.Truncated || t.quotes.cutOff()
		}
		if id, ok := first(t.quotedIDStr, t.quotedID); ok && ref.Key == "" {
			ref.Key = d.key(id)
		}
		if d.draft.QuoteOf(ref); d.draft.Event.QuoteOf != nil {
			return true
		}
	}
	return false
}

// ref refers to a tweet, without its text.
func (d *Decoder) ref(t *status) event.Ref {
	ref := event.Ref{AuthorHandle: d.draft.Short(t.user.handle)}
	if id, ok := t.identity(); ok {
		ref.Key = d.key(id)
	}
	ref.AuthorID, _ = t.user.identity()
	return ref
}

func (d *Decoder) key(id string) string { return d.draft.Arena.Join(Network, ":", id) }

// createdAt reads a time such as Wed Apr 06 19:13:37 +0000 2011.
func createdAt(s string) (event.Time, bool) {
	if len(s) != 30 || s[3] != ' ' || s[7] != ' ' || s[10] != ' ' || s[13] != ':' || s[16] != ':' || s[19:26] != " +0000 " {
		return 0, false
	}
	month := strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", s[4:7])
	if month < 0 || month%3 != 0 {
		return 0, false
	}
	seconds, ok := shrink.Unix(shrink.Pair(s[26:])*100+shrink.Pair(s[28:]), month/3+1, shrink.Pair(s[8:]),
		shrink.Pair(s[11:]), shrink.Pair(s[14:]), shrink.Pair(s[17:]))
	return event.Time(seconds * 1000), ok
}
