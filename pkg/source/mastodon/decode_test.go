package mastodon_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
	"riffle/pkg/shrink/shrinktest"
	"riffle/pkg/source/mastodon"
)

const host = "town.example"

// TestStatuses compares the events of testdata/statuses.ndjson with those of
// statuses.want.ndjson, line by line.
func TestStatuses(t *testing.T) {
	t.Parallel()
	decoder := mastodon.NewDecoder(host)
	var got []string
	for _, msg := range shrinktest.Lines(t, "testdata/statuses.ndjson") {
		ev, err := shrinktest.Compare(t, decoder, twinOf(host), msg)
		if err != nil {
			t.Errorf("%v: %s", err, msg)
			continue
		}
		line := string(ev.AppendJSON(nil))
		if ev.Revised {
			line += " revised"
		}
		got = append(got, line)
	}
	want, err := os.ReadFile("testdata/statuses.want.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(string(want)), "\n"), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func checkPassedOver(t *testing.T, err error, want string, msg []byte) {
	t.Helper()
	if over, ok := errors.AsType[*event.PassedOverError](err); !ok || over.Kind != want {
		t.Errorf("got %v, want %s passed over: %s", err, want, msg)
	}
}

func TestWhatIsNoPostIsPassedOverByName(t *testing.T) {
	t.Parallel()
	decoder := mastodon.NewDecoder(host)
	for _, line := range shrinktest.Lines(t, "testdata/passed_over.ndjson") {
		var in struct {
			Want    string
			Message json.RawMessage
		}
		if err := json.Unmarshal(line, &in); err != nil {
			t.Fatal(err)
		}
		_, err := shrinktest.Compare(t, decoder, twinOf(host), in.Message)
		checkPassedOver(t, err, in.Want, in.Message)
	}
	for msg, want := range map[string]string{
		"": "blank", " \r\n": "blank", ":)": "heartbeat", ":thump\n": "heartbeat", ":": "heartbeat", "event: update": "sse_line", "id: 7": "sse_line", "retry: 100\r\n": "sse_line",
		"event: notification\ndata: {}\n\n": "notification", "data: undefined": "undefined", "event: filters_changed\ndata: undefined": "undefined",
	} {
		checkPassedOver(t, decoder.Decode(new(event.Event), []byte(msg)), want, []byte(msg))
	}
}

// TestServerSentEvents reads the same statuses as data of server-sent events.
func TestServerSentEvents(t *testing.T) {
	t.Parallel()
	decoder, framed := mastodon.NewDecoder(host), mastodon.NewDecoder(host)
	for _, msg := range shrinktest.Lines(t, "testdata/statuses.ndjson") {
		var want, got event.Event
		if err := decoder.Decode(&want, msg); err != nil {
			t.Fatal(err)
		}
		forms := []string{"data: %s", "data:%s\n", ":thump\nid: 5\ndata: %s\r\n\r\n"}
		switch {
		case strings.HasPrefix(string(msg), `{"id"`):
			forms = append(forms, "event: update\ndata: %s\n\n", ":)\nevent: status.update\ndata: %s\n\n")
		case want.Deleted && msg[0] != '{':
			forms = append(forms, "event: delete\ndata: %s\n\n")
		default:
			continue // envelopes are the other stream's
		}
		for _, form := range forms {
			if err := framed.Decode(&got, fmt.Appendf(nil, form, msg)); err != nil {
				t.Errorf("%q: %v", form, err)
				continue
			}
			if diff := shrinktest.Diff(&want, &got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", form, diff)
			}
		}
	}
	var got event.Event
	broken := "event: update\ndata: " + strings.Replace(status(), ",", ",\n", 1)
	if invalid, ok := errors.AsType[*event.InvalidError](framed.Decode(&got, []byte(broken))); !ok || invalid.Reason != event.ReasonSyntax {
		t.Errorf("an update in two lines: got %v, want it refused", invalid)
	}
	if err := framed.Decode(&got, []byte("event: delete\ndata: 01HZX-abc_9\n\n")); err != nil || got.Key != "mastodon:town.example/01HZX-abc_9" || !got.Deleted {
		t.Errorf("got %q, %v", got.Key, err)
	}
}

func TestAudience(t *testing.T) {
	t.Parallel()
	twin := twinOf(host, "mastodon:ann@town.example")
	decoder := mastodon.NewDecoder(host, "mastodon:ann@town.example")
	for _, visibility := range []string{"public", "private", "direct", "odd"} {
		ev, err := shrinktest.Compare(t, decoder, twin, []byte(status("visibility", `"`+visibility+`"`)))
		if err != nil || len(ev.Audience) != 1 {
			t.Errorf("%s: got %v, %v", visibility, ev.Audience, err)
		}
	}
	if ev, err := shrinktest.Compare(t, decoder, twin, []byte(`"12"`)); err != nil || len(ev.Audience) != 1 {
		t.Errorf("a deletion: got %v, %v", ev.Audience, err)
	}
	_, err := shrinktest.Compare(t, mastodon.NewDecoder(host), twinOf(host), []byte(status("visibility", `"odd"`)))
	checkPassedOver(t, err, "not_public", nil)
}

// status is the least that makes a status, with some fields replaced or, by an
// empty value, left out.
func status(fields ...string) string {
	all := map[string]string{
		"id": `"12"`, "content": `"<p>hello</p>"`, "created_at": `"2024-05-06T07:08:09.010Z"`, "account": `{"id":"7","acct":"ann"}`,
	}
	for i := 0; i < len(fields); i += 2 {
		all[fields[i]] = fields[i+1]
	}
	var parts []string
	for name, value := range all {
		if value != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", name, value))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestRejections(t *testing.T) {
	t.Parallel()
	tests := []struct {
		message string
		want    event.Reason
	}{
		{`{`, event.ReasonSyntax},
		{`[]`, event.ReasonSyntax},
		{`null`, event.ReasonSyntax},
		{`true`, event.ReasonSyntax},
		{`12 13`, event.ReasonSyntax},
		{`nonsense`, event.ReasonSyntax},
		{"data: 1\ndata: 2", event.ReasonSyntax},
		{"data: {", event.ReasonSyntax},
		{"event: update\ndata: 12", event.ReasonSyntax},
		{status() + `x`, event.ReasonSyntax},
		{status()[:40], event.ReasonSyntax},
		{status("content", `"\x"`), event.ReasonSyntax},
		{`{"event":"update","payload":"{"}`, event.ReasonSyntax},
		{`{"event":"update","payload":"\x"}`, event.ReasonSyntax},
		{`{}`, event.ReasonUnknown},
		{`{"error":"This endpoint requires an authenticated user"}`, event.ReasonUnknown},
		{`{"event":"odd","payload":"{}"}`, event.ReasonUnknown},
		{`{"event":"update","payload":"{\"event\":\"update\",\"payload\":\"{}\"}"}`, event.ReasonUnknown},
		{`"a b"`, event.ReasonNoID},
		{`1.5`, event.ReasonNoID},
		{`""`, event.ReasonNoID},
		{`{"event":"delete","payload":"a b"}`, event.ReasonNoID},
		{status("id", ``), event.ReasonNoID},
		{status("id", `"a/b"`), event.ReasonNoID},
		{status("id", `-4`), event.ReasonNoID},
		{status("id", `"`+strings.Repeat("1", 65)+`"`), event.ReasonNoID},
		{status("account", ``), event.ReasonNoAuthor},
		{status("account", `{"acct":"ann"}`), event.ReasonNoAuthor},
		{status("created_at", ``), event.ReasonBadTime},
		{status("created_at", `"Wed Apr 06 19:13:37 +0000 2011"`), event.ReasonBadTime},
		{status("edited_at", `"soon"`), event.ReasonBadField},
		{status("content", `5`), event.ReasonBadField},
		{status("tags", `["x"]`), event.ReasonBadField},
		{status("media_attachments", `{}`), event.ReasonBadField},
		{`{"event":5,"payload":"{}"}`, event.ReasonBadField},
		{status("content", `""`), event.ReasonEmpty},
		{status("content", `"<p> <br></p>"`), event.ReasonEmpty},
	}
	decoder := mastodon.NewDecoder(host)
	for _, test := range tests {
		_, err := shrinktest.Compare(t, decoder, twinOf(host), []byte(test.message))
		if invalid, ok := errors.AsType[*event.InvalidError](err); !ok || invalid.Reason != test.want {
			t.Errorf("got %v, want %v: %.200s", err, test.want, test.message)
		}
	}
	if err := decoder.Decode(new(event.Event), make([]byte, event.MaxMessage+1)); err == nil || !strings.Contains(err.Error(), "oversize") {
		t.Errorf("got %v of a message over the limit", err)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", event.MaxText/2+10)
	var tags, links []string
	for i := range event.MaxList + 5 {
		tags = append(tags, fmt.Sprintf(`{"name":"tag%d"}`, i))
		links = append(links, fmt.Sprintf(`<a href='https://example.org/%d'>x</a>`, i))
	}
	decoder := mastodon.NewDecoder(host)
	for _, msg := range []string{
		status("content", `"`+long+`"`),
		status("spoiler_text", `"`+long+`"`),
		status("tags", `[`+strings.Join(tags, ",")+`]`),
		status("content", `"`+strings.Join(links, "")+`"`),
		status("url", `"https://example.org/`+strings.Repeat("u", event.MaxShort)+`"`),
		status("media_attachments", `[{"url":"u","description":"`+long+`"}]`),
	} {
		if ev, err := shrinktest.Compare(t, decoder, twinOf(host), []byte(msg)); err != nil || !ev.Truncated {
			t.Errorf("got error %v, truncated %v: %.200s", err, ev.Truncated, msg)
		}
	}
}

func TestHTML(t *testing.T) {
	t.Parallel()
	tests := []struct{ content, want string }{
		{`plain`, "plain"},
		{`<p>a</p><p>b</p>`, "a\n\nb"},
		{`<p>a</p> <p>b</p>`, "a\n\nb"},
		{`<P>a<BR/>b<br />c</P>`, "a\nb\nc"},
		{"<p>a\nb\n\nc</p>", "a\nb\n\nc"},
		{"<p>a\r\nb\rc</p>", "a\nb\nc"},
		{`<ul><li>a</li><li>b</li></ul>c`, "a\nb\n\nc"},
		{`a<div>b</div>c`, "a\nb\nc"},
		{`<p></p><p><br></p><p>a</p><p></p>`, "a"},
		{`a &lt;b&gt; &amp;amp; &#39;&quot;&apos;&#x263A;&hellip; &notanentity; & &`, "a <b> &amp; '\"'☺… ¬anentity; & &"},
		{`a < b <`, "a < b <"},
		{`a <b`, "a"},
		{`a <a href="x`, "a"},
		{`a</>b</ x>c<?php x ?>d<!doctype html>e<!-- f -->g<!-->h<!--->i<!--j--!>k`, "abcdeghik"},
		{`a<!-- b`, "a"},
		{`a<!---!>b-->c<!--!>d-->e<!---->f<!----!>g<!--- -->h<!-- ---->i<!-- --- -->j<!--->k`, "acefghijk"},
		{`a<script>if (x < "</p>") {}</script >b<style>p{}</style>c`, "abc"},
		{`a<title>t</titlex></title>b<plaintext>c</p>`, "ab"},
		{`<a href="https://e.example/long/path" class="x"><span class="invisible">https://</span><span class="ellipsis">e.example/long</span><span class="invisible">/path</span></a>!`, "https://e.example/long/path!"},
		{`<a href='https://e.example/?a=1&amp;b=2&c=3'>e.example/?a=1&amp;b=2...</a>`, "https://e.example/?a=1&b=2&c=3"},
		{`<a href=https://e.example>here</a>`, "here"},
		{`<a href="https://e.example/">e.example`, "https://e.example/"},
		{`<a href="https://e.example/">e.example<a href="https://f.example/">f.example</a>`, "https://e.example/https://f.example/"},
		{`<p>x<a href="https://e.example/"><p>e.example</p></a></p>`, "x\n\nhttps://e.example/"},
		{`<a href="https://e.example/@ann" class="u-url mention">@<span>ann</span></a>`, "@ann"},
		{`<a href="https://e.example/tags/go">#go</a>`, "#go"},
		{`<a href="magnet:?x">e.example</a>`, "e.example"},
		{`<span class="quote-inline">RE: x</span>`, "RE: x"},
		{"\u00a0a\u00a0", "\u00a0a\u00a0"},
		{`<a / = "x>y" class=mention title='<p>' disabled href=https://e.example/>e.example</a>`, "y\" class=mention title='\n\n' disabled href=https://e.example/>e.example"},
		{`<a / title='<p>' DISABLED HREF = https://e.example/ href=https://f.example>e.example</a>`, "https://e.example/"},
	}
	decoder := mastodon.NewDecoder(host)
	for _, test := range tests {
		content, err := json.Marshal(test.content)
		if err != nil {
			t.Fatal(err)
		}
		ev, err := shrinktest.Compare(t, decoder, twinOf(host), []byte(status("content", string(content))))
		if err != nil || ev.Text != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.content, ev.Text, err, test.want)
		}
	}
}

// linkTails are what follows a link's address in captured statuses, and some that
// differ from them by little.
var linkTails = []string{
	` class="u-url mention">`, ` class="u-url mention" rel="nofollow noopener" target="_blank">`,
	` class="u-url mention" rel="nofollow noopener noreferrer" target="_blank">`,
	` class="mention hashtag">`, ` class="mention hashtag" rel="tag">`,
	` class="mention hashtag" rel="nofollow noopener" target="_blank">`,
	` class="mention hashtag" rel="nofollow noopener noreferrer" target="_blank">`,
	` target="_blank" rel="nofollow noopener" translate="no">`, ` target="_blank" rel="nofollow noopener noreferrer" translate="no">`,
	` target="_blank" rel="nofollow noopener noreferrer">`, ` rel="nofollow noopener" translate="no" target="_blank">`,
	` rel="nofollow noopener" target="_blank">`, ` rel="nofollow noopener noreferrer" target="_blank">`,
	`>`, ``, ` `, ` class="quote-inline">`, ` class="mention">`, ` class="mentioned">`, ` title=">" class="mention">`, ` rel="nofollow`,
}

// TestLinks compares decoder and twin on every usual link, alone and inside of
// what is left out.
func TestLinks(t *testing.T) {
	t.Parallel()
	decoder := mastodon.NewDecoder(host)
	for _, tail := range linkTails {
		link := `<a href="https://e.example/?a&amp;b=/long"` + tail
		for _, form := range []string{
			`%s<span>e.example</span></a>`, `%se.example/?a&amp;b=/l…</a> x`, `<span class="h-card" translate="no">%s@e</a></span><br>y`,
			`<span class="h-card">%s<span class="">#</span>e</a></span><br/>y`, `%s<span class="ellipsis">long</span></a>`,
			`<p class="quote-inline">RE: %sa</a><br /></p>b`, `<a href="https://f.example">%sb</a>`,
		} {
			content, err := json.Marshal(fmt.Sprintf(form, link))
			if err != nil {
				t.Fatal(err)
			}
			msg := status("content", string(content), "quote", `{"quoted_status_id":"1"}`)
			if _, err := shrinktest.Compare(t, decoder, twinOf(host), []byte(msg)); err != nil {
				t.Errorf("%s: %v", content, err)
			}
		}
	}
}

// TestMutations compares decoder and twin on messages that no network sends.
func TestMutations(t *testing.T) {
	t.Parallel()
	decoder := mastodon.NewDecoder(host)
	shrinktest.Mutations(t, 1, shrinktest.Lines(t, "testdata/statuses.ndjson"), 6000, func(msg []byte) {
		if decided(msg) {
			_, _ = shrinktest.Compare(t, decoder, twinOf(host), msg) // it fails where the two differ
		}
	})
}

// TestSharedData runs over captured statuses where they are.
func TestSharedData(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"mastodon-*.ndjson", "mastodon-stream-frames.sse"} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			var tally shrinktest.Tally
			decoder := mastodon.NewDecoder("mastodon.social")
			for _, msg := range shrinktest.SharedData(t, pattern) {
				_, err := shrinktest.Compare(t, decoder, twinOf("mastodon.social"), msg)
				if payload, ok := strings.CutPrefix(string(msg), "data: "); ok {
					_, bare := shrinktest.Compare(t, decoder, twinOf("mastodon.social"), []byte(payload))
					if fmt.Sprint(err) != fmt.Sprint(bare) {
						t.Errorf("as data %v, bare %v: %s", err, bare, msg)
					}
				}
				tally.Count(err)
			}
			if tally.Sum() != tally.Read || tally.Accepted == 0 || len(tally.Rejected) > 0 {
				t.Errorf("got %+v", tally)
			}
			t.Logf("%+v", tally)
		})
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	var messages [][]byte
	for _, msg := range shrinktest.Lines(t, "testdata/statuses.ndjson") {
		if !strings.Contains(string(msg), "&copy;") { // rare references are the standard library's
			messages = append(messages, msg)
		}
	}
	decoder := mastodon.NewDecoder(host)
	var ev event.Event
	round := func() {
		for _, msg := range messages {
			if err := decoder.Decode(&ev, msg); err != nil {
				t.Fatal(err)
			}
		}
	}
	round()
	if got := testing.AllocsPerRun(10, round); got > 0 {
		t.Errorf("got %v allocations for %d messages", got, len(messages))
	}
}

// undecided is what golang.org/x/net/html reads otherwise in an attribute: a
// reference that nothing closes. And it knows how scripts hide comments.
var undecided = regexp.MustCompile(`&#?[A-Za-z0-9]+([^;A-Za-z0-9]|$)|(?i)<script`)

// decided reports whether decoder and twin must agree about msg and what it
// wraps.
func decided(msg []byte) bool {
	var envelope struct{ Payload any }
	if json.Unmarshal(msg, &envelope) == nil {
		payload, ok := envelope.Payload.(string)
		if ok && !shrinktest.Decidable([]byte(payload)) || undecided.MatchString(payload) {
			return false
		}
	}
	return !undecided.Match(msg)
}

func FuzzDecoder(f *testing.F) {
	for _, file := range []string{"testdata/statuses.ndjson", "testdata/passed_over.ndjson"} {
		for _, line := range shrinktest.Lines(f, file) {
			f.Add(line)
		}
	}
	f.Add([]byte(":)\nevent: update\ndata: " + status() + "\n\n"))
	decoder := mastodon.NewDecoder(host)
	f.Fuzz(func(t *testing.T, msg []byte) {
		if decided(msg) {
			_, _ = shrinktest.Compare(t, decoder, twinOf(host), msg) // it fails where the two differ
		}
	})
}

func FuzzHTML(f *testing.F) {
	for _, line := range shrinktest.Lines(f, "testdata/statuses.ndjson") {
		var in struct{ Content string }
		if json.Unmarshal(line, &in) == nil {
			f.Add(in.Content)
		}
	}
	f.Add(`a</>b</ x>c<?php x ?>d<!doctype html>e<!-- f -->g<!-->h<!--->i<!--j--!>k`)
	f.Add(`<a / = "x>y" class=mention title='<p>' disabled href=https://e.example/>e.example</a>`)
	for _, tail := range linkTails {
		f.Add(`<p>a <span class="h-card" translate="no"><a href="https://e.example/b"` + tail + `@<span>b</span></a></span><br/>c</p>`)
	}
	decoder := mastodon.NewDecoder(host)
	f.Fuzz(func(t *testing.T, content string) {
		quoted, err := json.Marshal(content)
		if err != nil || undecided.MatchString(content) {
			return
		}
		msg := status("content", string(quoted), "quote", `{"quoted_status_id":"1"}`)
		_, _ = shrinktest.Compare(t, decoder, twinOf(host), []byte(msg)) // it fails where the two differ
	})
}

func BenchmarkDecoder(b *testing.B) {
	shrinktest.Bench(b, mastodon.NewDecoder(host), shrinktest.Lines(b, "testdata/statuses.ndjson"))
}

func BenchmarkSharedData(b *testing.B) {
	shrinktest.Bench(b, mastodon.NewDecoder(host), shrinktest.SharedData(b, "mastodon-*.ndjson"))
}
