package api

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"riffle/pkg/auth"
)

// hostile is text that has broken out of where it stood somewhere, sometime.
var hostile = []string{
	// Markup.
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'-alert(1)-'`, `</script><svg/onload=alert(1)>`,
	`javascript:alert(1)`, `<!--<script>`, `]]><script>alert(1)</script>`, `{{constructor.constructor('x')()}}`,
	`&lt;script&gt;`, `<a href="data:text/html,x">`, "\u2028alert(1)\u2029", `<style>@import'x'</style>`, `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>&b;`,
	// SQL.
	`' OR '1'='1`, `'; DROP TABLE matches; -- `, `" OR ""="`, `1; SELECT SLEEP(5)`, `\'; DROP TABLE users; #`, "\\", `%' AND 1=1 /*`,
	"\xbf' OR 1=1 -- "[1:], `'||(SELECT 1)||'`, `admin'/*`, `0x27204f5220313d31`,
	// Headers and lines.
	"a\r\nSet-Cookie: riffle_session=x", "a\nevent: delete\ndata: {}\n\n", "a\r\n\r\n<html>", "a%0d%0aX: y", "\u0085\u000b\u000c",
	// Text itself.
	"\x01\x1b[31m\x7f", "\u202egnp.exe", "\ufeff", "a\u0300\u0301", "日本語 🤷🏽‍♀️", "%s%n%x", "${jndi:ldap://x}", "../../etc/passwd", "\U0010ffff",
}

// testHostileText keeps hostile posts and reads them back over every output: the
// text is what it was, in data, and under a type that nobody runs.
func testHostileText(t *testing.T, w *world) {
	for i, text := range hostile {
		keep(t, w.store, w.alice.ID, fmt.Sprintf("test:hostile%d", i), text, "a", 1)
	}
	reader := w.token(t, w.alice, auth.Read)
	page := w.do(t, reader, "GET /v1/matches?limit=200", "").want(t, http.StatusOK)
	var got []string
	for _, m := range into[[]matchForm](t, page.Data) {
		got = append(got, into[struct{ Text string }](t, *m.Event).Text)
	}
	slices.Reverse(got)
	if !slices.Equal(got, hostile) {
		t.Errorf("matches: got %q, want %q", got, hostile)
	}
	safe(t, "matches", page.header)
	feed := w.do(t, nil, "GET "+w.link(t, w.alice, "json"), "").want(t, http.StatusOK)
	safe(t, "JSON feed", feed.header)
	var items struct{ Items []jsonItem }
	if err := json.Unmarshal([]byte(feed.body), &items); err != nil || len(items.Items) != len(hostile) {
		t.Fatalf("JSON feed: got %d items, %v", len(items.Items), err)
	}
	for i := range items.Items {
		if want := hostile[len(hostile)-1-i]; items.Items[i].ContentText != want {
			t.Errorf("JSON feed: got %q, want %q", items.Items[i].ContentText, want)
		}
	}
	atom := w.do(t, nil, "GET "+w.link(t, w.alice, "atom"), "").want(t, http.StatusOK)
	safe(t, "Atom", atom.header)
	onlyAtom(t, atom.body)
}

// safe checks what keeps a browser from running an answer.
func safe(t *testing.T, what string, header http.Header) {
	t.Helper()
	kind := header.Get("Content-Type")
	if !strings.Contains(kind, "json") && !strings.Contains(kind, "atom+xml") {
		t.Errorf("%s: got type %q", what, kind)
	}
	if header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%s: got header %v, want nosniff and a policy that allows nothing", what, header)
	}
	if header.Get("Set-Cookie") != "" {
		t.Errorf("%s: got a cookie %q", what, header.Get("Set-Cookie"))
	}
}

// onlyAtom makes sure that no text has become an element.
func onlyAtom(t *testing.T, body string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(body))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("got a feed that is not XML: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Space != "http://www.w3.org/2005/Atom" {
				t.Errorf("got element %v in the feed", token.Name)
			}
		case xml.Directive:
			t.Errorf("got directive %s in the feed", token)
		}
	}
}

// testHostileInput puts hostile text wherever a client can put text. Each answer
// is an envelope, nothing is a mistake of ours, and what is stored comes back as
// it was.
func testHostileInput(t *testing.T, w *world) {
	keep(t, w.store, w.bob.ID, "test:1", "of another", "a", 1)
	owner := w.token(t, w.alice, auth.Read|auth.Write|auth.Admin)
	own := func(call, body string) *response {
		t.Helper()
		answer := w.do(t, owner, call, body)
		if answer.status >= 500 || answer.Error == nil && answer.Data == nil {
			t.Errorf("%.100q %.100q: got %d %.200s", call, body, answer.status, answer.body)
		}
		safe(t, call, answer.header)
		if strings.Contains(answer.body, "of another") {
			t.Errorf("%.100q: got what is another's: %s", call, answer.body)
		}
		return answer
	}
	for _, text := range hostile {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		escaped := url.QueryEscape(text)
		for _, name := range append(slices.Clone(matchParameters), escaped) {
			own("GET /v1/matches?"+name+"="+escaped, "")
		}
		for _, path := range []string{"matches", "rules", "users"} {
			own("GET /v1/"+path+"/"+url.PathEscape("x"+text), "").want(t, http.StatusNotFound)
		}
		for _, field := range []string{"value", "tag", "action"} {
			own("POST /v1/rules", fmt.Sprintf(`{"value":"hostile%d",%q:%s}`, len(text), field, quoted))
		}
		own("POST /v1/rules/validate", fmt.Sprintf(`{"value":%s}`, quoted))
		own("POST /v1/rules/preview", fmt.Sprintf(`{"value":"%s","tag":%s}`, "x", quoted))
		own("POST /v1/rules/explain", fmt.Sprintf(`{"value":%s,"match":%s}`, quoted, quoted))
		own("POST /v1/tokens", fmt.Sprintf(`{"scopes":[%s],"expires_at":%s}`, quoted, quoted))
		own("POST /v1/users", fmt.Sprintf(`{"name":%s}`, quoted))
		own("POST /v1/session", fmt.Sprintf(`{"code":%s}`, quoted))
		own("POST /v1/stages/filter/pause", fmt.Sprintf(`{"for":%s}`, quoted))
	}
	rules := into[[]ruleAnswer](t, own("GET /v1/rules", "").Data)
	kept := 0
	for _, r := range rules {
		if slices.Contains(hostile, r.Value) || slices.Contains(hostile, r.Tag) {
			kept++
		}
	}
	if kept == 0 {
		t.Errorf("got %d rules, want some with hostile text as it was sent", len(rules))
	}
	if got := into[[]matchForm](t, w.do(t, w.token(t, w.bob, auth.Read), "GET /v1/matches", "").Data); len(got) != 1 {
		t.Errorf("got %d matches of the other user, want the one untouched", len(got))
	}
	testHostileHeaders(t, w)
}

// testHostileHeaders puts the same into headers, as far as the server lets a
// client send it.
func testHostileHeaders(t *testing.T, w *world) {
	t.Helper()
	for _, text := range hostile {
		line := strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, text)
		for _, name := range []string{"Authorization", "Cookie", "If-None-Match", "Last-Event-ID", "Origin", "Accept-Encoding", "X-Forwarded-Proto", "Content-Type", "X-Request-Id"} {
			header := w.token(t, w.alice, auth.Read)
			header.Set(name, line)
			answer := w.do(t, header, "GET /v1/matches", "")
			if answer.status >= 500 || answer.header.Get("Set-Cookie") != "" || strings.Contains(answer.header.Get("Access-Control-Allow-Origin"), line) {
				t.Errorf("%s: %q: got %d %v", name, line, answer.status, answer.header)
			}
		}
	}
}

// TestStrangeRequests sends what no client of ours would.
func TestStrangeRequests(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	keep(t, m, w.alice.ID, "test:1", "hers", "a", 1)
	header := w.token(t, w.alice, auth.Read)
	for _, value := range []string{"bytes=0-10", "bytes=-1", "bytes=0-,1-,2-", "items=0-1", "bytes=9999999999999999999-", "x"} {
		header.Set("Range", value)
		if got := w.do(t, header, "GET /v1/matches", ""); got.status != http.StatusOK || got.header.Get("Content-Range") != "" {
			t.Errorf("Range %q: got %d, want the whole", value, got.status)
		}
	}
	for name, value := range map[string]string{
		"If-Match": `"x"`, "If-Modified-Since": "Thu, 01 Jan 2099 00:00:00 GMT", "If-Range": `"x"`, "X-HTTP-Method-Override": "DELETE",
	} {
		header := w.token(t, w.alice, auth.Read)
		header.Set(name, value)
		if got := w.do(t, header, "GET /v1/matches", ""); got.status != http.StatusOK {
			t.Errorf("%s: got %d, want it passed over", name, got.status)
		}
	}
}
