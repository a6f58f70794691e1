package api

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

// link makes a feed token of a user and gives the path of its feed.
func (w *world) link(t *testing.T, user auth.User, form string) string {
	t.Helper()
	secret := strings.TrimPrefix(w.token(t, user, auth.Feed).Get("Authorization"), "Bearer ")
	return "/v1/feeds/" + secret + "/" + form
}

// readAtom reads a feed by rules of its own: a plain walk over the elements.
func readAtom(t *testing.T, body string) (entries []map[string]string, links map[string]string) {
	t.Helper()
	links = map[string]string{}
	decoder := xml.NewDecoder(strings.NewReader(body))
	var at []string
	var entry map[string]string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return entries, links
		}
		if err != nil {
			t.Fatalf("got a feed that is not XML: %v\n%s", err, body)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Space != "http://www.w3.org/2005/Atom" {
				t.Errorf("got element %v outside of Atom", token.Name)
			}
			at = append(at, token.Name.Local)
			switch {
			case token.Name.Local == "entry":
				entry = map[string]string{}
				entries = append(entries, entry)
			case token.Name.Local == "link" && entry == nil:
				links[attr(token, "rel")] = attr(token, "href")
			case token.Name.Local == "link":
				entry["link "+attr(token, "rel")] = attr(token, "href")
			case token.Name.Local == "category":
				entry["category"] += attr(token, "term") + ";"
			}
		case xml.EndElement:
			at = at[:len(at)-1]
			if token.Name.Local == "entry" {
				entry = nil
			}
		case xml.CharData:
			if entry != nil && len(at) > 0 {
				entry[strings.Join(at[2:], "/")] += string(token)
			}
		}
	}
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func testFeeds(t *testing.T, w *world) {
	for i, key := range keys(feedLimit + 5) {
		keep(t, w.store, w.alice.ID, key, "text of "+key+" & <b>", []string{"a", "b c"}[i%2], 1)
	}
	keep(t, w.store, w.bob.ID, "test:other", "of another", "a", 1)
	keep(t, w.store, w.bob.ID, "test:plain", "by a rule without a tag", "", 1)
	if entries, _ := readAtom(t, w.do(t, nil, "GET "+w.link(t, w.bob, "atom"), "").want(t, http.StatusOK).body); len(entries) != 2 || entries[0]["category"] != "" {
		t.Errorf("got %v, want no category for a rule without a tag", entries)
	}
	atom := w.do(t, nil, "GET "+w.link(t, w.alice, "atom"), "").want(t, http.StatusOK)
	if got := atom.header.Get("Content-Type"); got != "application/atom+xml; charset=utf-8" {
		t.Errorf("got type %q", got)
	}
	entries, links := readAtom(t, atom.body)
	if len(entries) != feedLimit || links["next"] == "" || links["self"] == "" || links["alternate"] == "" {
		t.Fatalf("got %d entries and links %v, want %d and a next page", len(entries), links, feedLimit)
	}
	first := entries[0]
	if first["title"] != "text of test:54 & <b>" || first["content"] != first["title"] || first["author/name"] != "ann" || first["category"] != "a;" {
		t.Errorf("got entry %v", first)
	}
	for _, name := range []string{"updated", "published"} {
		if _, err := time.Parse(time.RFC3339, first[name]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(first["id"]) {
		t.Errorf("got id %q", first["id"])
	}
	next, err := url.Parse(links["next"])
	if err != nil {
		t.Fatal(err)
	}
	older, links := readAtom(t, w.do(t, nil, "GET "+next.RequestURI(), "").want(t, http.StatusOK).body)
	if len(older) != 5 || links["next"] != "" {
		t.Errorf("got %d older entries and links %v, want 5 and no next page", len(older), links)
	}

	answer := w.do(t, nil, "GET "+w.link(t, w.alice, "json")+"?tag=b+c", "").want(t, http.StatusOK)
	if got := answer.header.Get("Content-Type"); got != "application/feed+json; charset=utf-8" {
		t.Errorf("got type %q", got)
	}
	var feed struct {
		Version, Title string
		FeedURL        string `json:"feed_url"`
		Items          []struct {
			ID   string
			Text string   `json:"content_text"`
			Tags []string `json:"tags"`
		}
	}
	if err := json.Unmarshal([]byte(answer.body), &feed); err != nil {
		t.Fatalf("%v: %s", err, answer.body)
	}
	if feed.Version != "https://jsonfeed.org/version/1.1" || !strings.HasSuffix(feed.FeedURL, "?tag=b+c") || len(feed.Items) != 27 {
		t.Errorf("got %d items of %q at %s", len(feed.Items), feed.Version, feed.FeedURL)
	}
	if feed.Items[0].ID != entries[1]["id"] || feed.Items[0].Text != "text of test:53 & <b>" {
		t.Errorf("got item %+v, want the same entry as in Atom: %v", feed.Items[0], entries[1])
	}
}

func testFeedsNotModified(t *testing.T, w *world) {
	keep(t, w.store, w.alice.ID, "test:1", "first", "a", 1)
	var target string
	var conditional http.Header
	for _, form := range []string{"json", "atom"} {
		target = w.link(t, w.alice, form)
		tag := w.do(t, nil, "GET "+target, "").want(t, http.StatusOK).header.Get("ETag")
		conditional = http.Header{"If-None-Match": {tag}}
		w.do(t, conditional, "GET "+target, "").want(t, http.StatusNotModified)
	}
	forget(t, w.store, "test:1")
	answer := w.do(t, conditional, "GET "+target, "").want(t, http.StatusOK)
	if entries, _ := readAtom(t, answer.body); len(entries) != 0 {
		t.Errorf("got %v after the deletion, want nothing", entries)
	}
}

// testFeedTokens holds a feed's token to the feed, and other tokens off links.
func testFeedTokens(t *testing.T, w *world) {
	for _, scopes := range []auth.Scopes{auth.Read, auth.Read | auth.Write | auth.Admin, auth.Read | auth.Feed} {
		secret := strings.TrimPrefix(w.token(t, w.alice, scopes).Get("Authorization"), "Bearer ")
		for _, form := range []string{"atom", "json"} {
			w.do(t, nil, "GET /v1/feeds/"+secret+"/"+form, "").wantFailure(t, http.StatusForbidden, "forbidden")
		}
	}
	for _, secret := range []string{"x", auth.NewToken().Reveal(), auth.NewSession().Reveal()} {
		for _, form := range []string{"atom", "json"} {
			w.do(t, nil, "GET /v1/feeds/"+secret+"/"+form, "").wantFailure(t, http.StatusUnauthorized, "unauthorized")
		}
	}
	target := w.link(t, w.alice, "atom")
	w.do(t, nil, "GET "+target+"?limit=1", "").wantFailure(t, http.StatusBadRequest, "bad_parameter")
	w.do(t, nil, "GET "+target+"?before=x", "").wantFailure(t, http.StatusBadRequest, "bad_cursor")
	w.do(t, nil, "GET "+strings.TrimSuffix(target, "atom")+"rss", "").wantFailure(t, http.StatusNotFound, "not_found")
}

// TestFeedText holds what a network sends to plain text and web addresses.
func TestFeedText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 40)
	for name, test := range map[string]struct {
		event   event.Event
		title   string
		content string
	}{
		"short":   {event.Event{Text: "a\nb"}, "a b", "a\nb"},
		"long":    {event.Event{Text: long}, strings.TrimSpace(long[:80]) + "…", long},
		"no word": {event.Event{Text: strings.Repeat("あ", 100)}, strings.Repeat("あ", 80) + "…", strings.Repeat("あ", 100)},
		"nothing": {event.Event{Author: event.Author{Handle: "ann"}}, "Post by ann", ""},
		"markup":  {event.Event{Text: "<script>x</script> ]]> \x00\x1f"}, "<script>x</script> ]]> \x00\x1f", "<script>x</script> ]]> \x00\x1f"},
		"quote":   {event.Event{Text: "see", QuoteOf: &event.Ref{Text: "one\ntwo"}}, "see", "see\n\n> one\n> two"},
		"repost":  {event.Event{RepostOf: &event.Ref{Text: "of another"}}, "of another", "of another"},
		"alt":     {event.Event{Text: "t", Media: []event.Media{{Alt: "a cat", URL: "javascript:x"}}}, "t", "t\n\n[image: a cat]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.event.URL = "javascript:alert(1)"
			entry := feedEntry{event: &test.event}
			if got := entry.title(); got != test.title {
				t.Errorf("got title %q, want %q", got, test.title)
			}
			if got := entry.content(); got != test.content {
				t.Errorf("got content %q, want %q", got, test.content)
			}
			f := feed{entries: []feedEntry{entry}}
			body, err := f.atom()
			if err != nil {
				t.Fatal(err)
			}
			entries, _ := readAtom(t, string(body))
			if want := strings.Map(xmlRune, test.content); len(entries) != 1 || entries[0]["content"] != want {
				t.Errorf("got %q, want one entry with %q", entries, want)
			}
			item := entry.json()
			if strings.Contains(string(body), "javascript:") || item.URL != "" || item.Image != "" {
				t.Errorf("got an address that is no web page: %s %+v", body, item)
			}
		})
	}
}

// xmlRune replaces what XML cannot hold.
func xmlRune(r rune) rune {
	if r < ' ' && r != '\n' && r != '\t' {
		return '\uFFFD'
	}
	return r
}
