package native_test

import (
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
	"riffle/pkg/shrink"
	"riffle/pkg/shrink/shrinktest"
	"riffle/pkg/source/native"
)

// twin reads event JSON by encoding/json.
func twin(msg []byte) (*event.Event, error) {
	if strings.Trim(string(msg), " \t\r\n") == "" {
		return nil, shrink.Blank
	}
	var fields shrinktest.Object
	if json.Unmarshal(msg, &fields) != nil || fields == nil {
		return nil, shrink.Reject(event.ReasonSyntax)
	}
	t := &reading{fields: fields}
	ev := t.event()
	if t.Mismatch {
		return nil, shrink.Reject(event.ReasonBadField)
	}
	if network, id, _ := strings.Cut(ev.Key, ":"); network == "" || id == "" || len(ev.Key) > event.MaxShort {
		return nil, shrink.Reject(event.ReasonNoID)
	}
	if t.badTime {
		return nil, shrink.Reject(event.ReasonBadTime)
	}
	if ev.Account && !ev.Deleted {
		return nil, shrink.Reject(event.ReasonBadField)
	}
	for i, account := range ev.Audience {
		network, id, _ := strings.Cut(account, ":")
		if network = strings.ToLower(network); network == "mastodon" {
			id = strings.ToLower(strings.TrimPrefix(id, "@"))
		}
		if network == "" || id == "" || len(network)+1+len(id) > event.MaxShort {
			return nil, shrink.Reject(event.ReasonBadField)
		}
		ev.Audience[i] = network + ":" + id
	}
	if ev.Network == "" {
		ev.Network, _, _ = strings.Cut(ev.Key, ":")
	}
	if ev.Deleted {
		return t.deletion(ev), nil
	}
	return t.post(ev)
}

type reading struct {
	shrinktest.Plain
	shrinktest.Limits

	fields  shrinktest.Object
	version int64
	kind    string
	badTime bool
}

func (t *reading) event() *event.Event {
	f := t.fields
	t.version = t.readVersion(f["version"])
	if !shrinktest.Absent(f["kind"]) {
		t.kind = t.Str(f["kind"])
		if _, ok := event.ParseKind(t.kind); !ok {
			t.Mismatch = true
		}
	}
	ev := &event.Event{
		Deleted: t.Bool(f["deleted"]), Account: t.Bool(f["account"]), Audience: t.texts(f["audience"], ""),
		Network: t.Short(t.Str(f["network"])), Source: t.Short(t.Str(f["source"])),
		Text: t.Long(t.Str(f["text"])), URL: t.Short(t.Str(f["url"])),
		Links: t.texts(f["links"], ""), Hashtags: t.texts(f["hashtags"], "#"), Cashtags: t.texts(f["cashtags"], "$"),
		Mentions: t.texts(f["mentions"], "@"), Media: t.media(f["media"]),
		ReplyTo: t.ref(f["reply_to"]), RepostOf: t.ref(f["repost_of"]), QuoteOf: t.ref(f["quote_of"]),
		Thread: t.Short(t.Str(f["thread"])), Sensitive: t.Bool(f["sensitive"]),
	}
	var langs []string
	for _, element := range t.Array(f["langs"]) {
		langs = append(langs, t.Str(element))
	}
	ev.Langs = t.Languages(langs...)
	author := t.Object(f["author"])
	ev.Author = event.Author{
		ID: t.Short(t.id(author["id"])), Handle: strings.TrimPrefix(t.Short(t.Str(author["handle"])), "@"),
		Name: t.Short(t.Str(author["name"])), Verified: t.Bool(author["verified"]),
	}
	if n, ok := t.Int(author["followers"]); ok {
		if n < 0 || n >= 1<<62 {
			t.Mismatch = true
		}
		ev.Author.Followers = n + 1
	}
	ev.CreatedAt = t.time(f["created_at"], &t.badTime)
	ev.ReceivedAt = t.time(f["received_at"], &t.Mismatch)
	ev.Truncated = t.Bool(f["truncated"])
	source := ev.Source
	if source == "" {
		source = "feed"
	}
	id := t.id(f["id"])
	if ev.Key = t.Str(f["key"]); ev.Key == "" {
		ev.Key = source + ":" + id
	}
	return ev
}

// readVersion gives 0 where there is none.
func (t *reading) readVersion(raw json.RawMessage) int64 {
	if shrinktest.Absent(raw) {
		return 0
	}
	n, ok := t.Int(raw)
	if raw[0] == '"' {
		t.Mismatch = false
		n, ok = versionText(t.Str(raw))
	}
	if !ok || n < 1 {
		t.Mismatch = true
		return 0
	}
	return n
}

func versionText(s string) (int64, bool) {
	if n, err := strconv.ParseUint(s, 10, 63); err == nil {
		return int64(n), true
	}
	const digits = "234567abcdefghijklmnopqrstuvwxyz"
	if len(s) == 13 && strings.Trim(s, digits) == "" && s[0] < 'c' {
		var n int64
		for _, c := range s {
			n = n*32 + int64(strings.IndexRune(digits, c))
		}
		return n, true
	}
	at, ok := moment(s)
	return at.UnixMicro(), ok
}

func moment(s string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05", s)
	}
	return at, err == nil && at.Year() > 0 && at.UTC().Year() < 10000
}

func (t *reading) time(raw json.RawMessage, bad *bool) event.Time {
	s := t.Str(raw)
	if s == "" {
		return 0
	}
	at, ok := moment(s)
	if !ok {
		*bad = true
		return 0
	}
	return event.TimeOf(at)
}

func (t *reading) id(raw json.RawMessage) string {
	if len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		if strings.Trim(string(raw), "0123456789") != "" {
			t.Mismatch = true
		}
		return string(raw)
	}
	return t.Str(raw)
}

func (t *reading) texts(raw json.RawMessage, sign string) []string {
	var list []string
	for _, element := range t.Array(raw) {
		list = append(list, strings.TrimPrefix(t.Short(t.Str(element)), sign))
	}
	return t.List(list)
}

func (t *reading) media(raw json.RawMessage) []event.Media {
	var list []event.Media
	for _, element := range t.Array(raw) {
		o := t.Object(element)
		m := event.Media{Type: event.MediaLink, URL: t.Str(o["url"]), Alt: t.Str(o["alt"])}
		if name := t.Str(o["type"]); name != "" {
			typ, ok := event.ParseMediaType(name)
			t.Mismatch = t.Mismatch || !ok
			m.Type = typ
		}
		list = append(list, m)
	}
	return t.Media(list)
}

func (t *reading) ref(raw json.RawMessage) *event.Ref {
	o := t.Object(raw)
	author := t.Object(o["author"])
	return shrinktest.Ref(event.Ref{
		Key: t.Short(t.Str(o["key"])), Text: t.Long(t.Str(o["text"])), AuthorID: t.Short(t.id(author["id"])),
		AuthorHandle: strings.TrimPrefix(t.Short(t.Str(author["handle"])), "@"),
	})
}

func (t *reading) deletion(ev *event.Event) *event.Event {
	if t.version == 0 {
		t.version = event.VersionFinal
	}
	return &event.Event{
		Key: ev.Key, Version: t.version, Deleted: true, Account: ev.Account, Audience: ev.Audience,
		Network: ev.Network, Source: ev.Source, ReceivedAt: ev.ReceivedAt,
	}
}

func (t *reading) post(ev *event.Event) (*event.Event, error) {
	ev.Version = max(t.version, event.VersionOnly)
	ev.Revised = ev.Version > 1
	ev.Truncated = ev.Truncated || t.Truncated
	given := ev.URL
	ev.URL = ""
	if ev.Permalink() != given {
		ev.URL = given
	}
	switch {
	case t.kind != "":
		ev.Kind, _ = event.ParseKind(t.kind)
	case ev.RepostOf != nil:
		ev.Kind = event.KindRepost
	case ev.ReplyTo != nil:
		ev.Kind = event.KindReply
	case ev.QuoteOf != nil:
		ev.Kind = event.KindQuote
	}
	if ev.Text == "" && len(ev.Media) == 0 && ev.ReplyTo == nil && ev.RepostOf == nil && ev.QuoteOf == nil {
		return nil, shrink.Reject(event.ReasonEmpty)
	}
	return ev, nil
}

func TestEvents(t *testing.T) {
	t.Parallel()
	decoder := native.NewDecoder("feed")
	var got []string
	for _, msg := range shrinktest.Lines(t, "testdata/events.ndjson") {
		ev, err := shrinktest.Compare(t, decoder, twin, msg)
		if err != nil {
			t.Errorf("%v: %s", err, msg)
			continue
		}
		got = append(got, string(ev.AppendJSON(nil)))
	}
	want, err := os.ReadFile("testdata/events.want.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(string(want)), "\n"), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAudience: accounts come as links are written, however they are spelled.
func TestAudience(t *testing.T) {
	t.Parallel()
	msg := []byte(`{"key":"x:1","text":"a","audience":["Mastodon:@Ann@Town.Example","TWITTER:12","bluesky:did:plc:Abc"]}`)
	ev, err := shrinktest.Compare(t, native.NewDecoder("feed"), twin, msg)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"mastodon:ann@town.example", "twitter:12", "bluesky:did:plc:Abc"}
	if diff := cmp.Diff(want, ev.Audience); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRoundTrip reads what AppendJSON writes: nothing of an event is lost.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	decoder := native.NewDecoder("feed")
	for _, msg := range shrinktest.Lines(t, "testdata/events.ndjson") {
		var first, second event.Event
		if err := decoder.Decode(&first, msg); err != nil {
			t.Fatal(err)
		}
		want := first.Clone()
		want.Truncated = first.Truncated
		if err := decoder.Decode(&second, want.AppendJSON(nil)); err != nil {
			t.Fatal(err)
		}
		if want.Deleted { // the JSON form of a deletion has identity and version alone
			want.Audience, want.Source, want.ReceivedAt = nil, "", 0
			want.Network, _, _ = strings.Cut(want.Key, ":")
		}
		if diff := shrinktest.Diff(want, &second); diff != "" {
			t.Errorf("%s (-want +got):\n%s", msg, diff)
		}
	}
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
		{`{"key":"x:1","text":"a"}{`, event.ReasonSyntax},
		{`{"key":"x:1","text":"\q"}`, event.ReasonSyntax},
		{`{"key":"x:1\q","text":"a"}`, event.ReasonSyntax},
		{`{"text":"a"}`, event.ReasonNoID},
		{`{"key":"x","text":"a"}`, event.ReasonNoID},
		{`{"key":":x","text":"a"}`, event.ReasonNoID},
		{`{"key":"x:","text":"a"}`, event.ReasonNoID},
		{`{"key":"x:` + strings.Repeat("k", event.MaxShort) + `","text":"a"}`, event.ReasonNoID},
		{`{"key":"x:1"}`, event.ReasonEmpty},
		{`{"key":"x:1","text":"a","created_at":"yesterday"}`, event.ReasonBadTime},
		{`{"key":"x:1","text":"a","created_at":17}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","received_at":"yesterday"}`, event.ReasonBadField},
		{`{"key":1,"text":"a"}`, event.ReasonBadField},
		{`{"id":1.5,"text":"a"}`, event.ReasonBadField},
		{`{"key":"x:1","text":["a"]}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","version":0}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","version":1.5}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","version":"new"}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","version":""}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","version":"9223372036854775808"}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","version":true}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","kind":"note"}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","author":"ann"}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","author":{"followers":-1}}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","links":"http://example.org"}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","media":[{"type":"smell","url":"u"}]}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","audience":["me"]}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","account":true}`, event.ReasonBadField},
		{`{"key":"x:1","text":"a","reply_to":"x:0"}`, event.ReasonBadField},
	}
	decoder := native.NewDecoder("")
	for _, test := range tests {
		_, err := shrinktest.Compare(t, decoder, func([]byte) (*event.Event, error) {
			return nil, shrink.Reject(test.want)
		}, []byte(test.message))
		if invalid, ok := errors.AsType[*event.InvalidError](err); !ok || invalid.Reason != test.want {
			t.Errorf("got %v, want %v: %.200s", err, test.want, test.message)
		}
	}
	if err := decoder.Decode(new(event.Event), make([]byte, event.MaxMessage+1)); err == nil || !strings.Contains(err.Error(), "oversize") {
		t.Errorf("got %v of a message over the limit", err)
	}
}

// TestMutations compares decoder and twin on events that nobody writes.
func TestMutations(t *testing.T) {
	t.Parallel()
	decoder := native.NewDecoder("feed")
	shrinktest.Mutations(t, 1, shrinktest.Lines(t, "testdata/events.ndjson"), 8000, func(msg []byte) {
		_, _ = shrinktest.Compare(t, decoder, twin, msg) // it fails where the two differ
	})
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	var messages [][]byte
	for _, msg := range shrinktest.Lines(t, "testdata/events.ndjson") {
		// To learn whether a permalink follows from the key, it is made.
		if !strings.Contains(string(msg), `"key":"twitter:`) && !strings.Contains(string(msg), `"key":"bluesky:`) {
			messages = append(messages, msg)
		}
	}
	decoder := native.NewDecoder("feed")
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

func FuzzDecoder(f *testing.F) {
	for _, line := range shrinktest.Lines(f, "testdata/events.ndjson") {
		f.Add(line)
	}
	decoder := native.NewDecoder("feed")
	f.Fuzz(func(t *testing.T, msg []byte) {
		_, _ = shrinktest.Compare(t, decoder, twin, msg) // it fails where the two differ
	})
}

func BenchmarkDecoder(b *testing.B) {
	shrinktest.Bench(b, native.NewDecoder("feed"), shrinktest.Lines(b, "testdata/events.ndjson"))
}
