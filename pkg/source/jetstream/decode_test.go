package jetstream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
	"riffle/pkg/shrink/shrinktest"
	"riffle/pkg/source/jetstream"
)

// TestMessages compares the events of testdata/messages.ndjson with those of
// messages.want.ndjson, line by line.
func TestMessages(t *testing.T) {
	t.Parallel()
	decoder := jetstream.NewDecoder()
	var got []string
	for _, msg := range shrinktest.Lines(t, "testdata/messages.ndjson") {
		ev, err := shrinktest.Compare(t, decoder, twin, msg)
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
	want, err := os.ReadFile("testdata/messages.want.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(string(want)), "\n"), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsNoPostIsPassedOverByName(t *testing.T) {
	t.Parallel()
	decoder := jetstream.NewDecoder()
	for _, line := range shrinktest.Lines(t, "testdata/passed_over.ndjson") {
		var in struct {
			Want    string
			Message json.RawMessage
		}
		if err := json.Unmarshal(line, &in); err != nil {
			t.Fatal(err)
		}
		_, err := shrinktest.Compare(t, decoder, twin, in.Message)
		over, ok := errors.AsType[*event.PassedOverError](err)
		if !ok || over.Kind != in.Want {
			t.Errorf("got %v, want %s passed over: %s", err, in.Want, in.Message)
		}
	}
	_, err := shrinktest.Compare(t, decoder, twin, []byte("\r\n"))
	if over, ok := errors.AsType[*event.PassedOverError](err); !ok || over.Kind != "blank" {
		t.Errorf("got %v of a blank line", err)
	}
}

// message is a new post with some of its parts replaced or, by an empty value,
// left out.
func message(parts ...string) string {
	all := map[string]string{
		"did": `"did:plc:ann"`, "time_us": `1732206349000000`, "kind": `"commit"`, "rev": `"3lbhuvbqued2c"`,
		"operation": `"create"`, "collection": `"app.bsky.feed.post"`, "rkey": `"3lbhuvaaaaa2a"`,
		"text": `"hello"`, "createdAt": `"2024-11-21T16:25:48.604Z"`,
	}
	for i := 0; i < len(parts); i += 2 {
		all[parts[i]] = parts[i+1]
	}
	join := func(names ...string) string {
		var fields []string
		for _, name := range names {
			if all[name] != "" {
				fields = append(fields, fmt.Sprintf("%q:%s", name, all[name]))
			}
		}
		return "{" + strings.Join(fields, ",") + "}"
	}
	if all["record"] == "" {
		all["record"] = join("text", "createdAt", "langs", "facets", "embed", "reply", "tags", "labels")
	}
	if all["commit"] == "" {
		all["commit"] = join("rev", "operation", "collection", "rkey", "record")
	}
	return join("did", "time_us", "kind", "commit", "account")
}

func TestRejections(t *testing.T) {
	t.Parallel()
	tests := []struct {
		message string
		want    event.Reason
	}{
		{`{`, event.ReasonSyntax},
		{`[]`, event.ReasonSyntax},
		{message() + "}", event.ReasonSyntax},
		{message()[:100], event.ReasonSyntax},
		{message("text", `"\u12"`), event.ReasonSyntax},
		{message("did", `"\x"`), event.ReasonSyntax},
		{`{}`, event.ReasonUnknown},
		{message("kind", ``), event.ReasonUnknown},
		{message("kind", `"odd"`), event.ReasonUnknown},
		{message("operation", `"merge"`), event.ReasonUnknown},
		{message("operation", ``), event.ReasonUnknown},
		{message("collection", ``), event.ReasonUnknown},
		{message("commit", `null`), event.ReasonUnknown},
		{message("did", ``), event.ReasonNoID},
		{message("did", `"ann.example.org"`), event.ReasonNoID},
		{message("did", `"did:plc:"`), event.ReasonNoID},
		{message("did", `"did:plc:a/b"`), event.ReasonNoID},
		{message("rkey", ``), event.ReasonNoID},
		{message("rkey", `"a b"`), event.ReasonNoID},
		{message("rkey", `"`+strings.Repeat("k", event.MaxShort)+`"`), event.ReasonNoID},
		{message("record", `null`), event.ReasonBadField},
		{message("operation", `"update"`, "record", `null`), event.ReasonBadField},
		{message("rev", ``, "time_us", ``), event.ReasonBadField},
		{message("text", `5`), event.ReasonBadField},
		{message("langs", `"en"`), event.ReasonBadField},
		{message("time_us", `"soon"`), event.ReasonBadField},
		{message("facets", `[{"index":{"byteStart":1.5},"features":[]}]`), event.ReasonBadField},
		{message("embed", `{"$type":"app.bsky.embed.images","images":{}}`), event.ReasonBadField},
		{message("createdAt", `"soon"`, "time_us", ``), event.ReasonBadTime},
		{message("kind", `"account"`, "time_us", ``, "account", `{"status":"deleted"}`), event.ReasonBadTime},
		{message("text", `""`), event.ReasonEmpty},
		{message("collection", `"app.bsky.feed.repost"`), event.ReasonEmpty},
	}
	decoder := jetstream.NewDecoder()
	for _, test := range tests {
		_, err := shrinktest.Compare(t, decoder, twin, []byte(test.message))
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
	link := `{"index":{"byteStart":%d,"byteEnd":%d},"features":[{"$type":"app.bsky.richtext.facet#link","uri":"https://example.org/%s"}]}`
	var links, tags []string
	for i := range event.MaxList + 20 {
		links = append(links, fmt.Sprintf(link, 4*i, 4*i+4, strings.Repeat("x", 1000)+fmt.Sprint(i)))
		tags = append(tags, fmt.Sprintf(`"tag%d"`, i))
	}
	images := strings.Repeat(`{"image":{"ref":{"$link":"bafk"}}},`, event.MaxList+1) + `{"alt":"x"}`
	decoder := jetstream.NewDecoder()
	for _, msg := range []string{
		message("text", `"`+long+`"`),
		message("text", `"`+strings.Repeat("e...", 200)+`"`, "facets", "["+strings.Join(links, ",")+"]"),
		message("tags", "["+strings.Join(tags, ",")+"]"),
		message("embed", `{"$type":"app.bsky.embed.images","images":[`+images+`]}`),
		message("facets", "["+fmt.Sprintf(link, 0, 5, strings.Repeat("y", 3000))+"]"),
	} {
		if ev, err := shrinktest.Compare(t, decoder, twin, []byte(msg)); err != nil || !ev.Truncated {
			t.Errorf("got error %v, truncated %v: %.300s", err, ev.Truncated, msg)
		}
	}
}

func TestLinksInText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text       string
		start, end int
		uri, want  string
	}{
		{"see example.org/a... ok", 4, 20, "https://example.org/abc", "see https://example.org/abc ok"},
		{"see example.org/a… ok", 4, 20, "https://example.org/abc", "see https://example.org/abc ok"},
		{"see Example.ORG ok", 4, 15, "https://www.example.org/", "see https://www.example.org/ ok"},
		{"see example.org ok", 4, 15, "https://example.organic", "see example.org ok"},
		{"see here ok", 4, 8, "https://example.org", "see here ok"},
		{"see ... ok", 4, 7, "https://example.org", "see ... ok"},
		{"é example.org", 1, 14, "https://example.org", "é example.org"}, // cuts a rune
		{"é example.org", 3, 14, "https://example.org", "é https://example.org"},
		{"example.org", 0, 12, "https://example.org", "example.org"}, // runs over the end
		{"example.org", 3, 3, "https://example.org", "example.org"},
		{"example.org", -1, 11, "https://example.org", "example.org"},
	}
	decoder := jetstream.NewDecoder()
	for _, test := range tests {
		facet := fmt.Sprintf(`[{"index":{"byteStart":%d,"byteEnd":%d},"features":[{"$type":"app.bsky.richtext.facet#link","uri":%q}]}]`, test.start, test.end, test.uri)
		ev, err := shrinktest.Compare(t, decoder, twin, []byte(message("text", fmt.Sprintf("%q", test.text), "facets", facet)))
		if err != nil || ev.Text != test.want || len(ev.Links) != 1 {
			t.Errorf("got %q, links %q, %v, want %q", ev.Text, ev.Links, err, test.want)
		}
	}
}

// TestMutations compares decoder and twin on messages that no network sends.
func TestMutations(t *testing.T) {
	t.Parallel()
	decoder := jetstream.NewDecoder()
	shrinktest.Mutations(t, 1, shrinktest.Lines(t, "testdata/messages.ndjson"), 8000, func(msg []byte) {
		_, _ = shrinktest.Compare(t, decoder, twin, msg) // it fails where the two differ
	})
}

// TestSharedData runs over captured messages where they are.
func TestSharedData(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"jetstream-captured-*.gz", "jetstream-reenveloped-*.gz"} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			var tally shrinktest.Tally
			decoder := jetstream.NewDecoder()
			for _, msg := range shrinktest.SharedData(t, pattern) {
				_, err := shrinktest.Compare(t, decoder, twin, msg)
				tally.Count(err)
			}
			if tally.Sum() != tally.Read || tally.Accepted == 0 {
				t.Errorf("got %+v", tally)
			}
			t.Logf("%+v", tally)
		})
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	messages := shrinktest.Lines(t, "testdata/messages.ndjson")
	decoder := jetstream.NewDecoder()
	var ev event.Event
	round := func() {
		for _, msg := range messages {
			_ = decoder.Decode(&ev, msg) // the results are those of the other tests
		}
	}
	round()
	if got := testing.AllocsPerRun(10, round); got > 0 {
		t.Errorf("got %v allocations for %d messages", got, len(messages))
	}
}

func FuzzDecoder(f *testing.F) {
	for _, file := range []string{"testdata/messages.ndjson", "testdata/passed_over.ndjson"} {
		for _, line := range shrinktest.Lines(f, file) {
			f.Add(line)
		}
	}
	decoder := jetstream.NewDecoder()
	f.Fuzz(func(t *testing.T, msg []byte) {
		_, _ = shrinktest.Compare(t, decoder, twin, msg) // it fails where the two differ
	})
}

func BenchmarkDecoder(b *testing.B) {
	shrinktest.Bench(b, jetstream.NewDecoder(), shrinktest.Lines(b, "testdata/messages.ndjson"))
}

func BenchmarkSharedData(b *testing.B) {
	shrinktest.Bench(b, jetstream.NewDecoder(), shrinktest.SharedData(b, "jetstream-*.ndjson.gz"))
}
