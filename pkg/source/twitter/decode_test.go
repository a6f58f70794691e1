package twitter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
	"riffle/pkg/shrink/shrinktest"
	"riffle/pkg/source/twitter"
)

// TestTweets compares the events of testdata/tweets.ndjson with those of
// tweets.want.ndjson, line by line.
func TestTweets(t *testing.T) {
	t.Parallel()
	messages := shrinktest.Lines(t, "testdata/tweets.ndjson")
	decoder := twitter.NewDecoder()
	var got strings.Builder
	for _, msg := range messages {
		ev, err := shrinktest.Compare(t, decoder, twin, msg)
		if err != nil {
			t.Errorf("%v: %s", err, msg)
			continue
		}
		got.Write(ev.AppendJSON(nil))
		for _, account := range ev.Audience { // the JSON of a deletion does not show it
			fmt.Fprintf(&got, " %s", account)
		}
		got.WriteByte('\n')
	}
	want, err := os.ReadFile("testdata/tweets.want.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoticesArePassedOverByName(t *testing.T) {
	t.Parallel()
	decoder := twitter.NewDecoder()
	for _, line := range shrinktest.Lines(t, "testdata/notices.ndjson") {
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
	for _, blank := range []string{"", "\r\n", " \t"} {
		_, err := shrinktest.Compare(t, decoder, twin, []byte(blank))
		if over, ok := errors.AsType[*event.PassedOverError](err); !ok || over.Kind != "blank" {
			t.Errorf("got %v of a blank line", err)
		}
	}
}

// tweet is the least that makes a tweet, with some fields replaced or, by an
// empty value, left out.
func tweet(fields ...string) string {
	all := map[string]string{
		"id": `12`, "text": `"hello"`, "created_at": `"Wed Apr 06 19:13:37 +0000 2011"`, "user": `{"id":7,"screen_name":"ann"}`,
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
		{`"x"`, event.ReasonSyntax},
		{`null`, event.ReasonSyntax},
		{`12`, event.ReasonSyntax},
		{tweet() + `x`, event.ReasonSyntax},
		{tweet()[:40], event.ReasonSyntax},
		{tweet("text", `"\x"`), event.ReasonSyntax},
		{tweet("text", `"\ud83"`), event.ReasonSyntax},
		{`{}`, event.ReasonUnknown},
		{`{"errors":[{"code":32}]}`, event.ReasonUnknown},
		{`{"delete":{}}`, event.ReasonUnknown},
		{`{"for_user":1}`, event.ReasonUnknown},
		{`{"for_user":"x","message":` + tweet() + `}`, event.ReasonUnknown},
		{`{"for_user":1,"message":{"for_user":2,"message":` + tweet() + `}}`, event.ReasonUnknown},
		{tweet("id", ``), event.ReasonNoID},
		{tweet("id", `1.5`), event.ReasonNoID},
		{tweet("id", `-5`), event.ReasonNoID},
		{tweet("id_str", `"abc"`), event.ReasonNoID},
		{tweet("id", `123456789012345678901`), event.ReasonNoID},
		{`{"delete":{"status":{"id_str":""}}}`, event.ReasonNoID},
		{`{"event":"user_delete"}`, event.ReasonNoID},
		{tweet("user", ``), event.ReasonNoAuthor},
		{tweet("user", `{}`), event.ReasonNoAuthor},
		{tweet("user", `{"id_str":"seven"}`), event.ReasonNoAuthor},
		{tweet("created_at", ``), event.ReasonBadTime},
		{tweet("created_at", `"2011-04-06T19:13:37Z"`), event.ReasonBadTime},
		{tweet("created_at", `"Wed Apr 31 19:13:37 +0000 2011"`), event.ReasonBadTime},
		{tweet("created_at", `"Wed anF 06 19:13:37 +0000 2011"`), event.ReasonBadTime},
		{tweet("created_at", `"Wed Apr 06 19:13:60 +0000 2011"`), event.ReasonBadTime},
		{tweet("text", `5`), event.ReasonBadField},
		{tweet("lang", `["en"]`), event.ReasonBadField},
		{tweet("entities", `{"hashtags":{"text":"x"}}`), event.ReasonBadField},
		{tweet("entities", `{"urls":["x"]}`), event.ReasonBadField},
		{tweet("retweeted_status", `1`), event.ReasonBadField},
		{`{"delete":12}`, event.ReasonBadField},
		{tweet("text", `""`), event.ReasonEmpty},
		{tweet("text", strings.Repeat(" ", event.MaxMessage)+`"x"`), event.ReasonOversize},
	}
	decoder := twitter.NewDecoder()
	for _, test := range tests {
		var err error
		if test.want == event.ReasonOversize { // the twin knows no limit
			err = decoder.Decode(new(event.Event), []byte(test.message))
		} else {
			_, err = shrinktest.Compare(t, decoder, twin, []byte(test.message))
		}
		if invalid, ok := errors.AsType[*event.InvalidError](err); !ok || invalid.Reason != test.want {
			t.Errorf("got %v, want %v: %.200s", err, test.want, test.message)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", event.MaxText/2+10)
	var tags []string
	for i := range event.MaxList + 5 {
		tags = append(tags, fmt.Sprintf(`{"text":"tag%d"}`, i))
	}
	links := `{"urls":[{"url":"http://t.co/a","expanded_url":"http://example.org/` + strings.Repeat("a", 3000) + `"}]}`
	messages := []string{
		tweet("text", `"`+long+`"`),
		tweet("text", `"x`+long+`"`),
		tweet("text", `"`+strings.Repeat(`\u00e9`, event.MaxText)+`"`),
		tweet("entities", `{"hashtags":[`+strings.Join(tags, ",")+`]}`),
		tweet("user", `{"id":7,"name":"`+strings.Repeat("n", event.MaxShort+1)+`"}`),
		tweet("text", `"see http://t.co/a"`, "entities", links),
		tweet("text", `"`+strings.Repeat("http://t.co/a &amp; ", 3000)+`"`, "entities", links),
		tweet("quoted_status", tweet("text", `"`+long+`"`)),
	}
	decoder := twitter.NewDecoder()
	for _, msg := range messages {
		if ev, err := shrinktest.Compare(t, decoder, twin, []byte(msg)); err != nil || !ev.Truncated {
			t.Errorf("got error %v, truncated %v: %.200s", err, ev.Truncated, msg)
		}
	}
	exact := tweet("text", `"`+strings.Repeat("x", event.MaxText)+`"`)
	if ev, err := shrinktest.Compare(t, decoder, twin, []byte(exact)); err != nil || ev.Truncated {
		t.Errorf("a text of the limit: got error %v, truncated %v", err, ev.Truncated)
	}
}

func TestBrokenUnicodeIsMended(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`a\ud83d b`: "a\ufffd b", `\ude00`: "\ufffd", "a\xffb": "a\ufffdb", `\u0000`: "\x00", `\ud83d\ude00`: "😀",
	} {
		ev, err := shrinktest.Compare(t, twitter.NewDecoder(), twin, []byte(tweet("text", `"`+text+`"`)))
		if err != nil || ev.Text != want {
			t.Errorf("got %q, %v, want %q", ev.Text, err, want)
		}
	}
}

// TestMutations compares decoder and twin on messages that no network sends.
func TestMutations(t *testing.T) {
	t.Parallel()
	decoder := twitter.NewDecoder()
	shrinktest.Mutations(t, 1, shrinktest.Lines(t, "testdata/tweets.ndjson"), 4000, func(msg []byte) {
		_, _ = shrinktest.Compare(t, decoder, twin, msg) // it fails where the two differ
	})
}

// TestSharedData runs over captured tweets where they are.
func TestSharedData(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		"tweets-sample-*", "tweets-filter-*", "tweets-en-*", "tweets-rumoureval*", "tweets-library-*", "stream-messages-twitter.ndjson",
	} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			var tally shrinktest.Tally
			decoder := twitter.NewDecoder()
			for _, msg := range shrinktest.SharedData(t, pattern) {
				_, err := shrinktest.Compare(t, decoder, twin, msg)
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
	messages := append(shrinktest.Lines(t, "testdata/tweets.ndjson"), []byte(`{"limit":{}}`), []byte(`{`), nil)
	decoder := twitter.NewDecoder()
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
	for _, file := range []string{"testdata/tweets.ndjson", "testdata/notices.ndjson"} {
		for _, line := range shrinktest.Lines(f, file) {
			f.Add(line)
		}
	}
	f.Add([]byte(tweet("text", `"&amp;amp; http://t.co/a http://t.co/ab &lt"`, "entities", `{"urls":[{"url":"http://t.co/a"},{"url":"http://t.co/ab","expanded_url":"http://x.example"}]}`)))
	decoder := twitter.NewDecoder()
	f.Fuzz(func(t *testing.T, msg []byte) {
		_, _ = shrinktest.Compare(t, decoder, twin, msg) // it fails where the two differ
	})
}

func BenchmarkDecoder(b *testing.B) {
	shrinktest.Bench(b, twitter.NewDecoder(), shrinktest.Lines(b, "testdata/tweets.ndjson"))
}

func BenchmarkSharedData(b *testing.B) {
	shrinktest.Bench(b, twitter.NewDecoder(), shrinktest.SharedData(b, "tweets-*.ndjson.gz"))
}

func BenchmarkSharedDataEncoded(b *testing.B) {
	shrinktest.BenchEncoded(b, twitter.NewDecoder(), shrinktest.SharedData(b, "tweets-*.ndjson.gz"))
}

// BenchmarkSharedDataSkipped is what looking at every byte costs by itself.
func BenchmarkSharedDataSkipped(b *testing.B) {
	messages := shrinktest.SharedData(b, "tweets-*.ndjson.gz")
	size := 0
	for _, msg := range messages {
		size += len(msg)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		for _, msg := range messages {
			if s := jsonscan.New(msg); len(s.Raw()) == 0 {
				b.Fatal("nothing skipped")
			}
		}
	}
}
