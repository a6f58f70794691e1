package twitter_test

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/shrink"
	"riffle/pkg/shrink/shrinktest"
)

// twin reads a message as docs/events.md says, by encoding/json.
func twin(msg []byte) (*event.Event, error) {
	if strings.Trim(string(msg), " \t\r\n") == "" {
		return nil, shrink.Blank
	}
	t := &reading{}
	return t.message(msg, false)
}

type reading struct {
	shrinktest.Plain
	shrinktest.Limits
}

// kinds lists the fields that tell a notice, the most telling first, with the
// names under which they are passed over.
var kinds = [][2]string{
	{"for_user"},
	{"delete"},
	{"user_delete"},
	{"user_unprotect", "user_unprotect"},
	{"user_protect", "user_protect"},
	{"user_unsuspend", "user_unsuspend"},
	{"user_suspend", "user_suspend"},
	{"user_undelete", "user_undelete"},
	{"user_withheld", "user_withheld"},
	{"status_withheld", "status_withheld"},
	{"scrub_geo", "scrub_geo"},
	{"limit", "limit"},
	{"disconnect", "disconnect"},
	{"warning", "warning"},
	{"control", "control"},
	{"friends", "friends"},
	{"friends_str", "friends"},
	{"event"},
	{"direct_message", "direct_message"},
}

func (t *reading) message(msg []byte, wrapped bool) (*event.Event, error) {
	var fields shrinktest.Object
	if json.Unmarshal(msg, &fields) != nil || fields == nil {
		return nil, shrink.Reject(event.ReasonSyntax)
	}
	main := t.status(fields, 2)
	name := t.Str(fields["event"])
	for _, kind := range kinds {
		value := fields[kind[0]]
		switch {
		case shrinktest.Absent(value):
			continue
		case kind[1] != "":
			return nil, &event.PassedOverError{Kind: kind[1]}
		case kind[0] == "event" && name != "user_delete":
			return nil, &event.PassedOverError{Kind: "event"}
		case t.Mismatch:
			return nil, shrink.Reject(event.ReasonBadField)
		}
		switch kind[0] {
		case "for_user":
			return t.envelope(value, fields["message"], wrapped)
		case "delete":
			return t.deletion(value)
		case "user_delete":
			return deleted(value, true)
		case "event":
			if !shrinktest.Absent(fields["target"]) {
				return deleted(fields["target"], true)
			}
			return deleted(fields["source"], true)
		}
	}
	if t.Mismatch {
		return nil, shrink.Reject(event.ReasonBadField)
	}
	return t.tweet(main)
}

func (t *reading) envelope(user, message json.RawMessage, wrapped bool) (*event.Event, error) {
	account, ok := shrinktest.ID(user)
	if wrapped || !ok || !shrinktest.IsObject(message) {
		return nil, shrink.Reject(event.ReasonUnknown)
	}
	ev, err := t.message(message, true)
	if err != nil {
		return nil, err
	}
	ev.Audience = []string{"twitter:" + account}
	return ev, nil
}

func (t *reading) deletion(value json.RawMessage) (*event.Event, error) {
	if !shrinktest.IsObject(value) {
		return nil, shrink.Reject(event.ReasonBadField)
	}
	fields := t.Object(value)
	switch {
	case !shrinktest.Absent(fields["status"]):
		return deleted(fields["status"], false)
	case !shrinktest.Absent(fields["direct_message"]):
		return nil, &event.PassedOverError{Kind: "delete_direct_message"}
	}
	return nil, shrink.Reject(event.ReasonUnknown)
}

func deleted(thing json.RawMessage, account bool) (*event.Event, error) {
	fields := shrinktest.Object{"id": thing}
	if shrinktest.IsObject(thing) {
		fields = new(shrinktest.Plain).Object(thing)
	}
	id, ok := firstID(fields["id_str"], fields["id"])
	if !ok {
		return nil, shrink.Reject(event.ReasonNoID)
	}
	return &event.Event{
		Key: "twitter:" + id, Version: event.VersionFinal, Network: "twitter", Deleted: true, Account: account,
	}, nil
}

func firstID(str, num json.RawMessage) (string, bool) {
	if !shrinktest.Absent(str) {
		return shrinktest.ID(str)
	}
	return shrinktest.ID(num)
}

// tweetRead is one tweet with all that is in it.
type tweetRead struct {
	fields, user        shrinktest.Object
	hasText             bool
	text                string
	truncated           bool
	followers           int64
	entities            entitiesRead
	media               []mediumRead
	sensitive, verified bool
	reposted, quoted    *tweetRead
	strings             map[string]string
}

type entitiesRead struct {
	hashtags, cashtags, mentions []string
	urls                         [][2]string
	media                        []mediumRead
}

type mediumRead struct {
	event.Media
	short string
}

// status reads a tweet and, up to depth, those in it.
func (t *reading) status(fields shrinktest.Object, depth int) *tweetRead {
	r := &tweetRead{fields: fields, strings: map[string]string{}}
	for _, name := range []string{"created_at", "text", "full_text", "in_reply_to_screen_name", "lang"} {
		r.strings[name] = t.Str(fields[name])
	}
	r.hasText = has(fields, "text") || has(fields, "full_text")
	r.user = t.Object(fields["user"])
	for _, name := range []string{"screen_name", "name"} {
		r.strings["user."+name] = t.Str(r.user[name])
	}
	r.verified = t.Bool(r.user["verified"])
	if n, ok := t.Int(r.user["followers_count"]); ok && n >= 0 && n < 1<<63-1 {
		r.followers = n + 1
	}
	r.sensitive = t.Bool(fields["possibly_sensitive"])
	truncated := t.Bool(fields["truncated"])
	base := t.entities(fields["entities"])
	baseMedia := t.mediaList(t.Object(fields["extended_entities"])["media"])
	extended := t.Object(fields["extended_tweet"])
	long := t.Str(extended["full_text"])
	longEntities := t.entities(extended["entities"])
	longMedia := t.mediaList(t.Object(extended["extended_entities"])["media"])
	switch {
	case long != "":
		r.text, r.entities = long, longEntities
	case r.strings["full_text"] != "":
		r.text, r.entities = r.strings["full_text"], base
	default:
		r.text, r.entities, r.truncated = r.strings["text"], base, truncated
	}
	for _, list := range [][]mediumRead{longMedia, longEntities.media, baseMedia, base.media} {
		if r.media == nil {
			r.media = list
		}
	}
	// A reposted tweet may quote; a quoted one is not followed.
	if depth == 2 {
		r.reposted = t.inner(fields["retweeted_status"], 1)
	}
	if depth >= 1 {
		r.quoted = t.inner(fields["quoted_status"], 0)
	}
	return r
}

func has(fields shrinktest.Object, name string) bool {
	_, there := fields[name]
	return there
}

func (t *reading) inner(raw json.RawMessage, depth int) *tweetRead {
	fields := t.Object(raw)
	if fields == nil {
		return nil
	}
	return t.status(fields, depth)
}

func (t *reading) entities(raw json.RawMessage) (e entitiesRead) {
	fields := t.Object(raw)
	texts := func(name, field string) (list []string) {
		for _, element := range t.Array(fields[name]) {
			list = append(list, t.Str(t.Object(element)[field]))
		}
		return list
	}
	e.hashtags = texts("hashtags", "text")
	e.cashtags = texts("symbols", "text")
	e.mentions = texts("user_mentions", "screen_name")
	for _, element := range t.Array(fields["urls"]) {
		o := t.Object(element)
		e.urls = append(e.urls, [2]string{t.Str(o["url"]), t.Str(o["expanded_url"])})
	}
	e.media = t.mediaList(fields["media"])
	return e
}

func (t *reading) mediaList(raw json.RawMessage) (list []mediumRead) {
	for _, element := range t.Array(raw) {
		o := t.Object(element)
		m := mediumRead{short: t.Str(o["url"])}
		switch t.Str(o["type"]) {
		case "photo":
			m.Type = event.MediaImage
		case "video", "animated_gif":
			m.Type = event.MediaVideo
		default:
			m.Type = event.MediaLink
		}
		m.URL, m.Alt = t.Str(o["media_url_https"]), t.Str(o["ext_alt_text"])
		if video := t.variant(o["video_info"]); video != "" {
			m.URL = video
		}
		list = append(list, m)
	}
	return list
}

func (t *reading) variant(raw json.RawMessage) (best string) {
	most := int64(-1)
	for _, element := range t.Array(t.Object(raw)["variants"]) {
		o := t.Object(element)
		address := t.Str(o["url"])
		rate, _ := t.Int(o["bitrate"])
		if t.Str(o["content_type"]) == "video/mp4" && rate > most {
			best, most = address, rate
		}
	}
	return best
}

func (t *reading) tweet(r *tweetRead) (*event.Event, error) {
	if !r.hasText && r.user == nil {
		return nil, shrink.Reject(event.ReasonUnknown)
	}
	id, ok := firstID(r.fields["id_str"], r.fields["id"])
	if !ok {
		return nil, shrink.Reject(event.ReasonNoID)
	}
	author, ok := firstID(r.user["id_str"], r.user["id"])
	if !ok {
		return nil, shrink.Reject(event.ReasonNoAuthor)
	}
	created, ok := created(r.strings["created_at"])
	if !ok {
		return nil, shrink.Reject(event.ReasonBadTime)
	}
	ev := &event.Event{
		Key: "twitter:" + id, Version: event.VersionOnly, Network: "twitter",
		Author: event.Author{
			ID: author, Handle: t.Short(r.strings["user.screen_name"]), Name: t.Short(r.strings["user.name"]),
			Followers: r.followers, Verified: r.verified,
		},
		CreatedAt: event.TimeOf(created),
		Langs:     t.Languages(r.strings["lang"]),
	}
	t.content(ev, r)
	ev.Truncated = ev.Truncated || t.Truncated
	if ev.Text == "" && ev.Media == nil && ev.ReplyTo == nil && ev.RepostOf == nil && ev.QuoteOf == nil {
		return nil, shrink.Reject(event.ReasonEmpty)
	}
	return ev, nil
}

// created reads Twitter's form of a time; the day of the week is not looked at.
func created(s string) (time.Time, bool) {
	const layout = "Jan 02 15:04:05 +0000 2006"
	if len(s) < 4 || s[3] != ' ' {
		return time.Time{}, false
	}
	at, err := time.Parse(layout, s[4:])
	return at, err == nil && at.Year() > 0 && at.Format(layout) == s[4:]
}

func (t *reading) content(ev *event.Event, r *tweetRead) {
	content, mentions := r, []string(nil)
	if r.reposted != nil && r.reposted.hasText {
		content, mentions = r.reposted, r.entities.mentions
	}
	ev.Text = t.Long(t.plainText(content))
	ev.Truncated = content.truncated
	ev.Sensitive = r.sensitive || content.sensitive
	ev.Mentions = t.List(append(mentions, content.entities.mentions...))
	ev.Hashtags = t.List(content.entities.hashtags)
	ev.Cashtags = t.List(content.entities.cashtags)
	ev.Links = t.List(t.links(content))
	var media []event.Media
	for _, m := range content.media {
		media = append(media, m.Media)
	}
	ev.Media = t.Media(media)
	for _, q := range []*tweetRead{content, r} {
		if ev.QuoteOf == nil {
			ev.QuoteOf = t.quote(ev, q)
		}
	}
	reply := event.Ref{AuthorHandle: t.Short(r.strings["in_reply_to_screen_name"])}
	if id, ok := firstID(r.fields["in_reply_to_status_id_str"], r.fields["in_reply_to_status_id"]); ok {
		reply.Key = "twitter:" + id
	}
	reply.AuthorID, _ = firstID(r.fields["in_reply_to_user_id_str"], r.fields["in_reply_to_user_id"])
	if r.reposted != nil {
		ref := t.ref(r.reposted)
		if content == r.reposted {
			ref.Text = ev.Text
		}
		ev.RepostOf = shrinktest.Ref(ref)
	}
	switch {
	case ev.RepostOf != nil:
		ev.Kind = event.KindRepost
	case reply != event.Ref{}:
		ev.Kind, ev.ReplyTo = event.KindReply, &reply
	case ev.QuoteOf != nil:
		ev.Kind = event.KindQuote
	}
}

func (t *reading) quote(ev *event.Event, r *tweetRead) *event.Ref {
	var ref event.Ref
	if r.quoted != nil {
		ref = t.ref(r.quoted)
		ref.Text = t.Long(t.plainText(r.quoted))
		ev.Truncated = ev.Truncated || r.quoted.truncated
	}
	if id, ok := firstID(r.fields["quoted_status_id_str"], r.fields["quoted_status_id"]); ok && ref.Key == "" {
		ref.Key = "twitter:" + id
	}
	return shrinktest.Ref(ref)
}

func (t *reading) ref(r *tweetRead) event.Ref {
	ref := event.Ref{AuthorHandle: t.Short(r.strings["user.screen_name"])}
	if id, ok := firstID(r.fields["id_str"], r.fields["id"]); ok {
		ref.Key = "twitter:" + id
	}
	ref.AuthorID, _ = firstID(r.user["id_str"], r.user["id"])
	return ref
}

// links gives the expansions of a tweet's links, without that to its own page.
func (t *reading) links(r *tweetRead) (list []string) {
	id, _ := firstID(r.fields["id_str"], r.fields["id"])
	for _, u := range r.entities.urls[:min(event.MaxList, len(r.entities.urls))] {
		if link := t.expansion(u); !r.truncated || link != "https://twitter.com/i/web/status/"+id {
			list = append(list, link)
		}
	}
	return list
}

func (t *reading) expansion(u [2]string) string {
	if u[1] != "" {
		return t.Short(u[1])
	}
	return t.Short(u[0])
}

// plainText replaces and removes links, then decodes what is between them.
func (t *reading) plainText(r *tweetRead) string {
	type place struct {
		start, end int
		text       string
		medium     bool
	}
	var places []place
	find := func(short, text string, medium bool) {
		if !strings.HasPrefix(short, "http") {
			return
		}
		for at := 0; ; at++ {
			i := strings.Index(r.text[at:], short)
			if i < 0 {
				return
			}
			at += i
			if after := r.text[at+len(short):]; after == "" || !isWord(after[0]) {
				places = append(places, place{at, at + len(short), text, medium})
			}
		}
	}
	for _, u := range r.entities.urls[:min(event.MaxList, len(r.entities.urls))] {
		find(u[0], t.expansion(u), false)
	}
	for _, m := range r.media[:min(event.MaxList, len(r.media))] {
		find(m.short, "", true)
	}
	slices.SortStableFunc(places, func(a, b place) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return b.end - a.end
	})
	decode := strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">").Replace
	var out string
	at := 0
	for _, p := range places {
		if p.start < at {
			continue
		}
		out += decode(r.text[at:p.start]) + p.text
		at = p.end
		switch {
		case p.medium && strings.HasSuffix(out, " "):
			out = out[:len(out)-1]
		case p.medium && out == "" && strings.HasPrefix(r.text[at:], " "):
			at++
		}
	}
	return out + decode(r.text[at:])
}

func isWord(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
