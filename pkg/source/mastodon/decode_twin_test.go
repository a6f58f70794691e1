package mastodon_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"

	"riffle/pkg/event"
	"riffle/pkg/shrink"
	"riffle/pkg/shrink/shrinktest"
)

// twinOf reads what the server at host tells, as docs/events.md says, by
// encoding/json and golang.org/x/net/html.
func twinOf(host string, audience ...string) shrinktest.Twin {
	return func(msg []byte) (*event.Event, error) {
		t := &reading{host: host, audience: audience}
		return t.message(msg)
	}
}

type reading struct {
	shrinktest.Plain
	shrinktest.Limits

	host     string
	audience []string
}

func passedOver(kind string) error { return &event.PassedOverError{Kind: kind} }

var streamEvents = []string{
	"notification", "notifications_merged", "conversation", "filters_changed", "announcement",
	"announcement.reaction", "announcement.delete", "encrypted_message",
}

// message reads JSON; lines of the server-sent stream have tests of their own.
func (t *reading) message(msg []byte) (*event.Event, error) {
	text := strings.Trim(string(msg), " \t\r\n")
	switch {
	case text == "":
		return nil, shrink.Blank
	case text[0] == '{':
		return t.object(msg, true)
	case text[0] == '"' || text[0] >= '0' && text[0] <= '9':
		id, ok := identity([]byte(text))
		if !ok {
			return nil, shrink.Reject(event.ReasonNoID)
		}
		return t.deletion(id), nil
	}
	return nil, shrink.Reject(event.ReasonSyntax)
}

var (
	idForm     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	digitsForm = regexp.MustCompile(`^[0-9]{1,64}$`)
)

func identity(raw json.RawMessage) (string, bool) {
	s := string(raw)
	if len(s) > 2 && s[0] == '"' {
		s = s[1 : len(s)-1]
		return s, idForm.MatchString(s)
	}
	return s, digitsForm.MatchString(s)
}

func (t *reading) deletion(id string) *event.Event {
	return &event.Event{
		Key: t.key(id), Version: event.VersionFinal, Network: "mastodon", Deleted: true, Audience: t.audience,
	}
}

func (t *reading) key(id string) string { return "mastodon:" + t.host + "/" + id }

func (t *reading) object(msg []byte, mayWrap bool) (*event.Event, error) {
	var fields shrinktest.Object
	if json.Unmarshal(msg, &fields) != nil || fields == nil {
		return nil, shrink.Reject(event.ReasonSyntax)
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { _, there := fields[name]; return there })
	}
	status := t.status(fields, 2)
	name := t.Str(fields["event"])
	switch {
	case has("event") && has("payload"):
		if !mayWrap {
			return nil, shrink.Reject(event.ReasonUnknown)
		}
		return t.envelope(name, fields["payload"])
	case has("content") && !shrinktest.IsObject(fields["account"]) && has("published_at", "starts_at", "reactions"):
		return nil, passedOver("announcement")
	case has("content"):
	case has("last_status", "unread"):
		return nil, passedOver("conversation")
	case has("type") && shrinktest.IsObject(fields["account"]):
		return nil, passedOver("notification")
	default:
		return nil, shrink.Reject(event.ReasonUnknown)
	}
	if t.Mismatch {
		return nil, shrink.Reject(event.ReasonBadField)
	}
	return t.post(status)
}

func (t *reading) envelope(name string, payload json.RawMessage) (*event.Event, error) {
	if slices.Contains(streamEvents, name) {
		return nil, passedOver(name)
	}
	if t.Mismatch {
		return nil, shrink.Reject(event.ReasonBadField)
	}
	if len(payload) > 0 && payload[0] == '"' {
		payload = []byte(t.Str(payload))
	}
	switch name {
	case "update", "status.update":
		if strings.TrimLeft(string(payload), " \t\r\n") == "" || strings.TrimLeft(string(payload), " \t\r\n")[0] != '{' {
			return nil, shrink.Reject(event.ReasonSyntax)
		}
		return t.object(payload, false)
	case "delete":
		id := strings.Trim(string(payload), `" `)
		if !idForm.MatchString(id) {
			return nil, shrink.Reject(event.ReasonNoID)
		}
		return t.deletion(id), nil
	}
	return nil, shrink.Reject(event.ReasonUnknown)
}

// statusRead is one status with all that is in it.
type statusRead struct {
	fields           shrinktest.Object
	strings          map[string]string
	account          accountRead
	mentions         []accountRead
	tags             []string
	media            []event.Media
	card             event.Media
	sensitive        bool
	reposted, quoted *statusRead
	quotedID         json.RawMessage
}

type accountRead struct {
	id              json.RawMessage
	acct, name, url string
	followers       int64
}

func (t *reading) status(fields shrinktest.Object, depth int) *statusRead {
	r := &statusRead{fields: fields, strings: map[string]string{}}
	for _, name := range []string{"created_at", "edited_at", "spoiler_text", "visibility", "language", "url", "uri", "content"} {
		r.strings[name] = t.Str(fields[name])
	}
	r.sensitive = t.Bool(fields["sensitive"])
	r.account = t.account(fields["account"])
	for _, element := range t.Array(fields["mentions"]) {
		r.mentions = append(r.mentions, t.account(element))
	}
	for _, element := range t.Array(fields["tags"]) {
		r.tags = append(r.tags, t.Str(t.Object(element)["name"]))
	}
	for _, element := range t.Array(fields["media_attachments"]) {
		o := t.Object(element)
		types := map[string]event.MediaType{"image": event.MediaImage, "video": event.MediaVideo, "gifv": event.MediaVideo, "audio": event.MediaAudio}
		typ, ok := types[t.Str(o["type"])]
		if !ok {
			typ = event.MediaLink
		}
		m := event.Media{Type: typ, URL: t.Str(o["url"]), Alt: t.Str(o["description"])}
		if remote := t.Str(o["remote_url"]); m.URL == "" {
			m.URL = remote
		}
		r.media = append(r.media, m)
	}
	card := t.Object(fields["card"])
	r.card = event.Media{Type: event.MediaLink, URL: t.Str(card["url"]), Alt: t.Str(card["title"])}
	if depth == 2 {
		r.reposted = t.inner(fields["reblog"], 1)
	}
	quote := t.Object(fields["quote"])
	if depth >= 1 {
		r.quoted = t.inner(quote["quoted_status"], 0)
	}
	r.quotedID = quote["quoted_status_id"]
	return r
}

func (t *reading) inner(raw json.RawMessage, depth int) *statusRead {
	fields := t.Object(raw)
	if fields == nil {
		return nil
	}
	return t.status(fields, depth)
}

func (t *reading) account(raw json.RawMessage) accountRead {
	o := t.Object(raw)
	a := accountRead{id: o["id"], acct: t.Str(o["acct"]), name: t.Str(o["display_name"]), url: t.Str(o["url"])}
	if n, ok := t.Int(o["followers_count"]); ok && n >= 0 && n < 1<<62 {
		a.followers = n + 1
	}
	return a
}

// handle makes an account's name whole.
func (t *reading) handle(a accountRead) string {
	acct := t.Short(a.acct)
	if acct == "" || strings.Contains(acct, "@") {
		return acct
	}
	host := t.host
	if m := regexp.MustCompile(`(?s)^.*?://([^/?#]+)`).FindStringSubmatch(a.url); m != nil && !strings.Contains(m[1], "@") {
		host = m[1]
	}
	return t.Short(acct + "@" + host)
}

var momentForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?$`)

func moment(s string) (int64, bool) {
	if !momentForm.MatchString(s) {
		return 0, false
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05", s)
	}
	return at.UnixMicro(), err == nil && at.UTC().Year() > 0 && at.UTC().Year() < 10000
}

func (t *reading) post(r *statusRead) (*event.Event, error) {
	id, ok := identity(r.fields["id"])
	if !ok {
		return nil, shrink.Reject(event.ReasonNoID)
	}
	author, ok := identity(r.account.id)
	if !ok {
		return nil, shrink.Reject(event.ReasonNoAuthor)
	}
	if v := r.strings["visibility"]; t.audience == nil && v != "" && v != "public" && v != "unlisted" {
		return nil, passedOver("not_public")
	}
	ev := &event.Event{
		Key: t.key(id), Version: event.VersionOnly, Network: "mastodon", Audience: t.audience,
		Author: event.Author{ID: author, Handle: t.handle(r.account), Name: t.Short(r.account.name), Followers: r.account.followers},
	}
	created, ok := moment(r.strings["created_at"])
	if ev.CreatedAt = event.TimeOf(time.UnixMicro(created)); !ok || ev.CreatedAt == 0 {
		return nil, shrink.Reject(event.ReasonBadTime)
	}
	if at := r.strings["edited_at"]; at != "" {
		edited, ok := moment(at)
		if !ok || edited < 2 {
			return nil, shrink.Reject(event.ReasonBadField)
		}
		ev.Version, ev.Revised = edited, true
	}
	t.content(ev, r)
	ev.Truncated = t.Truncated
	if ev.Text == "" && len(ev.Media) == 0 && ev.ReplyTo == nil && ev.RepostOf == nil && ev.QuoteOf == nil {
		return nil, shrink.Reject(event.ReasonEmpty)
	}
	return ev, nil
}

func (t *reading) content(ev *event.Event, r *statusRead) {
	content := r
	if r.reposted != nil {
		content = r.reposted
	}
	var quote event.Ref
	if content.quoted != nil {
		quote = t.ref(content.quoted)
		quote.Text, _ = t.text(content.quoted, false)
	}
	if id, ok := identity(content.quotedID); ok && quote.Key == "" {
		quote.Key = t.key(id)
	}
	ev.QuoteOf = shrinktest.Ref(quote)
	text, links := t.text(content, ev.QuoteOf != nil)
	ev.Text = text
	if ev.URL = t.Short(content.strings["url"]); ev.URL == "" {
		ev.URL = t.Short(content.strings["uri"])
	}
	ev.Sensitive = r.sensitive || content.sensitive
	if ev.Langs = t.Languages(r.strings["language"]); ev.Langs == nil {
		ev.Langs = t.Languages(content.strings["language"])
	}
	var mentions []string
	for _, a := range content.mentions {
		mentions = append(mentions, t.handle(a))
	}
	ev.Mentions, ev.Hashtags, ev.Cashtags = t.List(mentions), t.List(content.tags), t.List(cashtags(ev.Text))
	media := content.media
	if content.card.URL != "" {
		links, media = append(links, content.card.URL), append(media, content.card)
	}
	ev.Links, ev.Media = t.List(links), t.Media(media)
	reply := t.reply(r)
	switch {
	case r.reposted != nil:
		ref := t.ref(r.reposted)
		ref.Text = ev.Text
		ev.RepostOf, ev.Kind = shrinktest.Ref(ref), event.KindRepost
	case reply != nil:
		ev.ReplyTo, ev.Kind = reply, event.KindReply
	case ev.QuoteOf != nil:
		ev.Kind = event.KindQuote
	}
}

func (t *reading) reply(r *statusRead) *event.Ref {
	var ref event.Ref
	if id, ok := identity(r.fields["in_reply_to_id"]); ok {
		ref.Key = t.key(id)
	}
	if id, ok := identity(r.fields["in_reply_to_account_id"]); ok {
		ref.AuthorID = id
		for _, a := range append([]accountRead{r.account}, r.mentions...) {
			if own, ok := identity(a.id); ok && own == id && ref.AuthorHandle == "" {
				ref.AuthorHandle = t.handle(a)
			}
		}
	}
	return shrinktest.Ref(ref)
}

func (t *reading) ref(r *statusRead) event.Ref {
	ref := event.Ref{AuthorHandle: t.handle(r.account)}
	if id, ok := identity(r.fields["id"]); ok {
		ref.Key = t.key(id)
	}
	ref.AuthorID, _ = identity(r.account.id)
	return ref
}

func (t *reading) text(r *statusRead, withQuote bool) (string, []string) {
	text, links := plainText(r.strings["content"], withQuote)
	if warning := strings.Trim(r.strings["spoiler_text"], " \t\r\n\f"); warning != "" && text != "" {
		text = warning + "\n\n" + text
	} else if warning != "" {
		text = warning
	}
	return t.Long(text), links
}

// piece is a part of a text: characters, or a mark between them.
type piece struct {
	text   string
	breaks int // the lines to begin
	open   *html.Token
	close  bool
	hint   bool // part of an address that is not shown
}

// plainText reads HTML into pieces, then puts these together.
func plainText(content string, omitQuotes bool) (string, []string) {
	var pieces []piece
	hidden, depth, raw := "", 0, false
	z := html.NewTokenizer(strings.NewReader(strings.ReplaceAll(content, "\x00", "")))
	for z.Next() != html.ErrorToken {
		token := z.Token()
		inRaw := raw
		raw = false
		switch token.Type {
		case html.TextToken:
			if !inRaw && hidden == "" {
				pieces = append(pieces, piece{text: token.Data})
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			raw = slices.Contains(strings.Fields("script style textarea title iframe noembed noframes noscript plaintext xmp"), token.Data)
			switch {
			case hidden != "" && token.Data == hidden:
				depth++
			case hidden != "":
			case omitQuotes && slices.Contains(classes(token), "quote-inline"):
				hidden, depth = token.Data, 1
			default:
				pieces = append(pieces, opening(token)...)
			}
		case html.EndTagToken:
			switch {
			case hidden != "" && token.Data == hidden:
				if depth--; depth == 0 {
					hidden = ""
				}
			case hidden != "":
			case token.Data == "a":
				pieces = append(pieces, piece{close: true})
			default:
				pieces = append(pieces, piece{breaks: breaks(token.Data)})
			}
		}
	}
	return join(pieces)
}

func classes(token html.Token) []string { return strings.Fields(attribute(token, "class")) }

func attribute(token html.Token, name string) string {
	for _, a := range token.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func opening(token html.Token) []piece {
	switch token.Data {
	case "br":
		return []piece{{text: "\n"}}
	case "a":
		return []piece{{close: true}, {open: &token}}
	case "span":
		c := classes(token)
		return []piece{{hint: slices.Contains(c, "invisible") || slices.Contains(c, "ellipsis")}}
	}
	return []piece{{breaks: breaks(token.Data)}}
}

func breaks(name string) int {
	switch {
	case slices.Contains(strings.Fields("p blockquote pre ul ol h1 h2 h3 h4 h5 h6"), name):
		return 2
	case slices.Contains(strings.Fields("li div tr hr table dl dt dd section article figure figcaption"), name):
		return 1
	}
	return 0
}

const space = " \t\r\n\f"

func join(pieces []piece) (out string, links []string) {
	due := 0
	var link *html.Token
	start, address := -1, false
	for _, p := range append(pieces, piece{close: true}) {
		switch {
		case p.text != "":
			text := p.text
			if due > 0 || out == "" {
				if text = strings.TrimLeft(text, space); text == "" {
					continue
				}
				if out = strings.TrimRight(out, space); out != "" {
					out += strings.Repeat("\n", due)
				}
				due = 0
			}
			if link != nil && start < 0 {
				start = len(out)
			}
			out += text
		case p.open != nil:
			link, start, address = p.open, -1, false
		case p.hint:
			address = true
		case p.close && link != nil:
			if start < 0 || start > len(out) {
				start = len(out)
			}
			var shown string
			if out, shown = out[:start], out[start:]; linkOf(*link, shown) {
				href := attribute(*link, "href")
				links = append(links, href)
				if shown != "" && (address || shrink.Abbreviates(shown, href)) {
					shown = href
				}
			}
			out += shown
			link = nil
		case p.close:
		default:
			due = max(due, p.breaks)
		}
	}
	return strings.Trim(out, space), links
}

// linkOf says whether a link is one of the author's, not a mention or hashtag.
func linkOf(token html.Token, shown string) bool {
	href := attribute(token, "href")
	c := classes(token)
	return (strings.HasPrefix(href, "http://") || strings.HasPrefix(href, "https://")) &&
		!slices.Contains(c, "mention") && !slices.Contains(c, "hashtag") &&
		!strings.HasPrefix(shown, "@") && !strings.HasPrefix(shown, "#")
}

var (
	cashForm   = regexp.MustCompile(`^[A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?`)
	beforeCash = regexp.MustCompile(`(?:^|[\s\p{Z}\x{85}\v([{"'])$`)
	afterCash  = regexp.MustCompile(`^(?:$|[^\pL\p{Nd}_$])`)
)

// cashtags finds the $ signs one by one.
func cashtags(text string) (list []string) {
	for i := range len(text) {
		if text[i] != '$' || !beforeCash.MatchString(text[max(0, i-4):i]) {
			continue
		}
		symbol := cashForm.FindString(text[i+1:])
		if dot := strings.IndexAny(symbol, "._"); dot > 0 && !afterCash.MatchString(text[i+1+len(symbol):]) {
			symbol = symbol[:dot]
		}
		if symbol != "" && afterCash.MatchString(text[i+1+len(symbol):]) {
			list = append(list, symbol)
		}
	}
	return list
}
