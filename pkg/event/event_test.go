package event

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestJSONIsThatOfTheSpecification(t *testing.T) {
	t.Parallel()
	want := `{"key":"bluesky:did:plc:abc/app.bsky.feed.post/3l","version":"7","audience":["twitter:12","twitter:13"],` +
		`"network":"bluesky","source":"js","kind":"reply","author":{"id":"did:plc:abc","handle":"ann.example.org",` +
		`"name":"Ann \"A\"","followers":0,"verified":true},"text":"Tea ` + "\U0001F375" + `\nor <coffee> & \\ ` + "\u2028" + `",` +
		`"langs":["en","pt-BR"],"created_at":"2023-11-14T22:13:20.123Z","received_at":"2023-11-14T22:13:21.000Z",` +
		`"url":"https://example.org/1","links":["https://a.example/x?y=1"],"hashtags":["Tea"],"cashtags":["TEA"],` +
		`"mentions":["bob"],"media":[{"type":"video","url":"https://v.example/1","alt":"a cup"},{"type":"link"}],` +
		`"reply_to":{"key":"k1","author":{"id":"a1","handle":"h1"}},"repost_of":{"key":"k2"},"quote_of":{"text":"quoted"},` +
		`"thread":"k0","sensitive":true,"truncated":true}`
	if diff := cmp.Diff(want, string(whole().AppendJSON(nil))); diff != "" {
		t.Errorf("JSON differs (-want +got):\n%s", diff)
	}
}

func TestParseJSONReadsWhatAppendJSONWrote(t *testing.T) {
	t.Parallel()
	want := whole()
	want.Revised, want.Recorded = false, false // no fields of the JSON form: only a source knows them
	got, err := ParseJSON(whole().AppendJSON(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event differs (-want +got):\n%s", diff)
	}
}

func TestDeletionCarriesIdentityAlone(t *testing.T) {
	t.Parallel()
	ev := whole()
	ev.Deleted = true
	want := `{"key":"bluesky:did:plc:abc/app.bsky.feed.post/3l","version":"7","deleted":true}`
	if got := string(ev.AppendJSON(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPermalink(t *testing.T) {
	t.Parallel()
	tests := []struct {
		ev   Event
		want string
	}{
		{Event{Key: "twitter:20", Author: Author{Handle: "jack"}}, "https://twitter.com/jack/status/20"},
		{Event{Key: "twitter:20"}, "https://twitter.com/i/web/status/20"},
		{Event{Key: "bluesky:did:plc:a/app.bsky.feed.post/3l"}, "https://bsky.app/profile/did:plc:a/post/3l"},
		{Event{Key: "bluesky:did:plc:a/app.bsky.feed.repost/3l"}, ""},
		{Event{Key: "mastodon:example.org/1", URL: "https://example.org/@a/1"}, "https://example.org/@a/1"},
		{Event{Key: "twitter:20", Account: true, Deleted: true}, ""},
		{Event{Key: "sim:1"}, ""},
	}
	for _, tt := range tests {
		if got := tt.ev.Permalink(); got != tt.want {
			t.Errorf("Permalink of %s: got %q, want %q", tt.ev.Key, got, tt.want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	tests := []struct {
		s     string
		limit int
		want  string
		cut   bool
	}{
		{"abc", 3, "abc", false},
		{"abcd", 3, "abc", true},
		{"aé", 2, "a", true},
		{"\U0001F375", 3, "", true},
	}
	for _, tt := range tests {
		if got, cut := Cut(tt.s, tt.limit); got != tt.want || cut != tt.cut {
			t.Errorf("Cut(%q, %d): got %q %v, want %q %v", tt.s, tt.limit, got, cut, tt.want, tt.cut)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("plain")
	f.Add("longer than eight bytes \" and é\\ and \x1f\xff so on")
	f.Add("q\"\\\n\x00\x1f\x7f\xff\u2028é")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil {
			t.Fatal(err)
		}
		if want := string([]rune(s)); got != want || !utf8.ValidString(got) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestAppendTime(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, at := range []Time{1, -1, 999, 1000, 951782400000 - 1, 951782400000, 1479424501057, -62167219200000, 253402300799999} {
		if got, want := string(appendTime(nil, at)), at.Std().Format(TimeLayout); got != want {
			t.Errorf("%d: got %s, want %s", at, got, want)
		}
	}
	for range 10_000 {
		at := Time(random.Int64N(253402300799999))
		if got, want := string(appendTime(nil, at)), at.Std().Format(TimeLayout); got != want {
			t.Fatalf("%d: got %s, want %s", at, got, want)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	ev := whole()
	var out []byte
	for b.Loop() {
		out = ev.AppendJSON(out[:0])
	}
	b.SetBytes(int64(len(out)))
}
