package e2e

import (
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// message is one version of a post as these tests think of it, before it takes
// the form of a network.
type message struct {
	network  string // twitter, bluesky, mastodon or demo
	id       int
	author   int
	text     string
	tags     []string
	lang     string
	link     string
	at       time.Time
	version  int // counts edits from 0
	deleted  bool
	account  bool   // the author's account is deleted
	audience string // twitter:ID
	repost   bool   // the text is that of another post, reposted
}

// The vocabulary: words of rules among words that nobody asks for.
var vocabulary = strings.Fields("coffee decaf green tea rain snow cake matcha golang river stone paper cloud window " +
	"morning garden violin train bridge lamp salt copper winter summer letter music island harbor market candle")

// world makes messages from a seed, always the same.
type world struct {
	random   *rand.Rand
	messages []message
	begin    time.Time
	id       int
}

func newWorld(seed uint64) *world {
	return &world{random: rand.New(rand.NewPCG(seed, 1)), begin: time.Date(2024, 11, 21, 16, 0, 0, 0, time.UTC)}
}

func (w *world) text() (string, []string) {
	var parts, tags []string
	for range 4 + w.random.IntN(9) {
		word := vocabulary[w.random.IntN(len(vocabulary))]
		switch w.random.IntN(12) {
		case 0:
			tags = append(tags, word)
			word = "#" + word
		case 1:
			word += ","
		case 2:
			word = strings.ToUpper(word)
		}
		parts = append(parts, word)
	}
	return strings.Join(parts, " "), tags
}

// add makes n posts of a network; some are edited, deleted or meant for an
// audience afterwards.
func (w *world) add(network string, n int) {
	for range n {
		w.id++
		m := message{network: network, id: w.id, author: w.random.IntN(20), lang: []string{"en", "de"}[w.random.IntN(2)]}
		m.at = w.begin.Add(time.Duration(w.id) * time.Second)
		m.text, m.tags = w.text()
		if w.random.IntN(5) == 0 {
			m.link = fmt.Sprintf("https://example.org/%d", w.id)
		}
		if network == "twitter" && w.random.IntN(8) == 0 {
			m.audience = "twitter:77"
		}
		m.repost = network == "twitter" && w.random.IntN(8) == 0
		w.messages = append(w.messages, m)
		w.change(m)
	}
}

// change appends later versions of a post, now and then.
func (w *world) change(m message) {
	if m.network != "twitter" && w.random.IntN(6) == 0 {
		edit := m
		edit.version++
		edit.text, edit.tags = w.text()
		w.messages = append(w.messages, edit)
		m = edit
	}
	if w.random.IntN(9) == 0 {
		w.messages = append(w.messages, message{
			network: m.network, id: m.id, author: m.author, version: m.version + 1, deleted: true, at: m.at, audience: m.audience,
		})
	}
}

// deleteAccount appends the deletion of an author's account.
func (w *world) deleteAccount(network string, author int) {
	w.id++
	w.messages = append(w.messages, message{
		network: network, id: w.id, author: author, deleted: true, account: true, at: w.begin.Add(24 * time.Hour),
	})
}

// lines gives the messages in the forms of their networks, with duplicates and
// junk between them, and how many lines are of which sort.
func (w *world) lines(tb testing.TB) (lines []string, posts, passedOver, rejected int) {
	tb.Helper()
	for i, m := range w.messages {
		line := m.line(tb)
		lines = append(lines, line)
		posts++
		switch i % 10 {
		case 3:
			lines = append(lines, line)
			posts++
		case 5:
			lines = append(lines, junk[i/10%len(junk)])
			rejected++
		case 7:
			lines = append(lines, notices[i/10%len(notices)])
			passedOver++
		}
	}
	return lines, posts, passedOver, rejected
}

// junk is lines that can't be used, notices such as are known and no posts.
var (
	junk = []string{
		`{"text":"cut off`, `coffee`, `[1,2]`, `{"id_str":"5","text":"coffee without an author","created_at":"Thu Nov 21 16:00:00 +0000 2024"}`,
		"{\"text\":\"coffee\x00\"}", `{"this":"is nothing that anyone knows"}`,
	}
	notices = []string{
		`{"limit":{"track":12}}`,
		`{"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa","time_us":1732204800000000,"kind":"commit","commit":{"rev":"3lbhtytnn2k2f","operation":"create","collection":"app.bsky.feed.like","rkey":"3lbhtytnn2k2a","record":{"$type":"app.bsky.feed.like"},"cid":"x"}}`,
		`{"warning":{"code":"FALLING_BEHIND","message":"coffee","percent_full":60}}`,
	}
)

func (m message) handle() string { return fmt.Sprintf("author%d", m.author) }

func (m message) did() string { return fmt.Sprintf("did:plc:author%018d", m.author) }

// key is the identity that docs/events.md gives the post.
func (m message) key() string {
	switch m.network {
	case "twitter":
		return "twitter:" + m.tweetID()
	case "bluesky":
		return "bluesky:" + m.did() + "/app.bsky.feed.post/" + tid(m.at)
	case "mastodon":
		return fmt.Sprintf("mastodon:unknown/%d", m.id) // a file does not say which server told it
	}
	return fmt.Sprintf("demo:%d", m.id)
}

func (m message) tweetID() string { return fmt.Sprint(1_850_000_000_000_000_000 + m.id) }

// shown is the text as the network shows it.
func (m message) shown() string {
	if m.link != "" {
		return m.text + " " + m.link
	}
	return m.text
}

func (m message) line(tb testing.TB) string {
	tb.Helper()
	var value any
	if m.account {
		// By hand, since the first field tells the network, and Go sorts them.
		return fmt.Sprintf(`{"did":%[1]q,"time_us":%[2]d,"kind":"account","account":{"active":false,"did":%[1]q,"seq":%[3]d,"status":"deleted","time":%[4]q}}`,
			m.did(), m.at.UnixMicro(), m.id, m.at.Format(time.RFC3339))
	}
	switch m.network {
	case "twitter":
		value = m.twitter()
	case "bluesky":
		value = m.bluesky()
	case "mastodon":
		value = m.mastodon()
	default:
		value = m.demo()
	}
	data, err := json.Marshal(value)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// object is a JSON object.
type object = map[string]any

func (m message) twitter() object {
	tweet := m.tweet()
	if m.audience != "" {
		return object{"for_user": strings.TrimPrefix(m.audience, "twitter:"), "message": tweet}
	}
	return tweet
}

func (m message) tweet() object {
	if m.deleted {
		return object{"delete": object{"status": object{"id_str": m.tweetID(), "user_id_str": fmt.Sprint(m.author + 1)}}}
	}
	tweet := object{
		"id_str": m.tweetID(), "created_at": m.at.Format("Mon Jan 02 15:04:05 +0000 2006"), "lang": m.lang,
		"user": object{"id_str": fmt.Sprint(m.author + 1), "screen_name": m.handle(), "name": "Author"},
		"text": html.EscapeString(m.shown()), "entities": m.entities(),
	}
	if !m.repost {
		return tweet
	}
	tweet["text"] = "RT @other: coffee that was cut off and stands in no full text…"
	tweet["entities"] = object{}
	tweet["retweeted_status"] = object{
		"id_str": fmt.Sprint(1_840_000_000_000_000_000 + m.id), "created_at": m.at.Format("Mon Jan 02 15:04:05 +0000 2006"),
		"user": object{"id_str": "999", "screen_name": "other"}, "text": "cut off…", "truncated": true,
		"extended_tweet": object{"full_text": html.EscapeString(m.shown()), "entities": m.entities()},
	}
	return tweet
}

func (m message) entities() object {
	tags, urls := []object{}, []object{}
	for _, tag := range m.tags {
		tags = append(tags, object{"text": tag})
	}
	if m.link != "" {
		start := len(m.shown()) - len(m.link)
		urls = append(urls, object{"url": m.link, "expanded_url": m.link, "indices": []int{start, len(m.shown())}})
	}
	return object{"hashtags": tags, "urls": urls, "user_mentions": []object{}, "symbols": []object{}}
}

func (m message) bluesky() object {
	at := m.at.Add(time.Duration(m.version) * time.Minute)

	commit := object{"rev": tid(at), "collection": "app.bsky.feed.post", "rkey": tid(m.at), "operation": "delete"}
	if !m.deleted {
		commit["operation"] = "create"
		if m.version > 0 {
			commit["operation"] = "update"
		}
		commit["record"] = m.record()
		commit["cid"] = "bafyreib"
	}
	return object{"did": m.did(), "time_us": at.UnixMicro(), "kind": "commit", "commit": commit}
}

func (m message) record() object {
	facets := []object{}
	for _, tag := range m.tags {
		start := strings.Index(m.text, "#"+tag)
		facets = append(facets, object{
			"features": []object{{"$type": "app.bsky.richtext.facet#tag", "tag": tag}},
			"index":    object{"byteStart": start, "byteEnd": start + 1 + len(tag)},
		})
	}
	if m.link != "" {
		facets = append(facets, object{
			"features": []object{{"$type": "app.bsky.richtext.facet#link", "uri": m.link}},
			"index":    object{"byteStart": len(m.text) + 1, "byteEnd": len(m.shown())},
		})
	}
	return object{
		"$type": "app.bsky.feed.post", "createdAt": m.at.Format(time.RFC3339Nano), "langs": []string{m.lang}, "text": m.shown(), "facets": facets,
	}
}

func (m message) mastodon() object {
	if m.deleted {
		return object{"event": "delete", "payload": fmt.Sprint(m.id)}
	}
	content := "<p>" + html.EscapeString(m.text)
	if m.link != "" {
		content += ` <a href="` + m.link + `">` + m.link + `</a>`
	}
	tags := []object{}
	for _, tag := range m.tags {
		tags = append(tags, object{"name": tag})
	}
	status := object{
		"id": fmt.Sprint(m.id), "uri": fmt.Sprintf("https://social.example/users/%s/statuses/%d", m.handle(), m.id),
		"url": fmt.Sprintf("https://social.example/@%s/%d", m.handle(), m.id), "created_at": m.at.Format(time.RFC3339),
		"edited_at": nil, "content": content + "</p>", "language": m.lang, "visibility": "public", "sensitive": false,
		"spoiler_text": "", "reblog": nil, "tags": tags, "mentions": []object{}, "media_attachments": []object{},
		"account": object{"id": fmt.Sprint(m.author + 1), "acct": m.handle(), "username": m.handle(), "display_name": "Author",
			"url": "https://social.example/@" + m.handle()},
	}
	if m.version > 0 {
		status["edited_at"] = m.at.Add(time.Duration(m.version) * time.Minute).Format(time.RFC3339)
	}
	return status
}

func (m message) demo() object {
	if m.deleted {
		return object{"key": m.key(), "version": m.version + 1, "network": "demo", "source": "demo", "deleted": true}
	}
	links := []string{}
	if m.link != "" {
		links = append(links, m.link)
	}
	return object{
		"key": m.key(), "version": m.version + 1, "network": "demo", "source": "demo", "kind": "post",
		"author": object{"id": fmt.Sprint(m.author + 1), "handle": m.handle()}, "text": m.shown(), "hashtags": m.tags, "links": links,
		"langs": []string{m.lang}, "created_at": m.at.Format(time.RFC3339Nano),
	}
}

// tid writes a time as Bluesky does in record keys and revisions.
func tid(at time.Time) string {
	const digits = "234567abcdefghijklmnopqrstuvwxyz"
	var b [13]byte
	v := at.UnixMicro() << 10
	for i := 12; i >= 0; i-- {
		b[i] = digits[v&31]
		v >>= 5
	}
	return string(b[:])
}
