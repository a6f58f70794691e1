package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// whole has every field set.
func whole() *Event {
	return &Event{
		Key: "bluesky:did:plc:abc/app.bsky.feed.post/3l", Version: 7, Revised: true, Recorded: true,
		Audience: []string{"twitter:12", "twitter:13"}, Network: "bluesky", Source: "js", Kind: KindReply,
		Author: Author{ID: "did:plc:abc", Handle: "ann.example.org", Name: "Ann \"A\"", Followers: 1, Verified: true},
		Text:   "Tea \U0001F375\nor <coffee> & \\ \u2028", Langs: []string{"en", "pt-BR"},
		CreatedAt: 1_700_000_000_123, ReceivedAt: 1_700_000_001_000, URL: "https://example.org/1",
		Links: []string{"https://a.example/x?y=1"}, Hashtags: []string{"Tea"}, Cashtags: []string{"TEA"},
		Mentions: []string{"bob"}, Media: []Media{{MediaVideo, "https://v.example/1", "a cup"}, {Type: MediaLink}},
		ReplyTo: &Ref{Key: "k1", AuthorID: "a1", AuthorHandle: "h1"}, RepostOf: &Ref{Key: "k2"},
		QuoteOf: &Ref{Text: "quoted"}, Thread: "k0", Sensitive: true, Truncated: true,
	}
}

func randomEvent(r *rand.Rand) *Event {
	ev := whole()
	ev.Key = fmt.Sprint("twitter:", r.Uint64())
	ev.ReceivedAt += Time(r.IntN(1000) - 500)
	zero := []func(){
		func() { ev.Version = VersionOnly }, func() { ev.Revised = false }, func() { ev.Recorded = false }, func() { ev.Audience = nil },
		func() { ev.Author = Author{} }, func() { ev.Author.Followers = 0 }, func() { ev.Text = strings.Repeat("x", r.IntN(400)) },
		func() { ev.Langs = nil }, func() { ev.CreatedAt = 0 }, func() { ev.URL = "" }, func() { ev.Links = nil },
		func() { ev.Media = nil }, func() { ev.ReplyTo = nil }, func() { ev.RepostOf = nil }, func() { ev.QuoteOf = nil },
		func() { ev.Kind = Kind(r.IntN(4)) }, func() { ev.Source = "other" }, func() { ev.Thread = "" }, func() { ev.Version = VersionFinal },
	}
	for _, f := range zero {
		if r.IntN(2) == 0 {
			f()
		}
	}
	if r.IntN(8) == 0 {
		return &Event{Key: ev.Key, Version: ev.Version, Deleted: true, Network: ev.Network, Source: ev.Source, ReceivedAt: ev.ReceivedAt}
	}
	return ev
}

func TestFrameGivesBackWhatWasAppended(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	enc, reader := NewEncoder(), NewReader()
	for range 50 {
		var want []*Event
		oldest := Time(0)
		for i := range 1 + r.IntN(200) {
			ev := randomEvent(r)
			if i == 0 || ev.ReceivedAt < oldest {
				oldest = ev.ReceivedAt
			}
			want = append(want, ev)
			enc.Append(ev)
		}
		frame, err := enc.Frame()
		if err != nil {
			t.Fatal(err)
		}
		h, err := reader.Open(frame.Data)
		if err != nil {
			t.Fatal(err)
		}
		if h.ID != frame.ID || h.Events != len(want) || h.Oldest != oldest {
			t.Fatalf("got header %+v, want %d events of frame %v, oldest %d", h, len(want), frame.ID, oldest)
		}
		if diff := cmp.Diff(want, readAll(t, reader), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("events differ (-want +got):\n%s", diff)
		}
	}
}

func readAll(t *testing.T, r *Reader) []*Event {
	t.Helper()
	var all []*Event
	var ev Event
	for {
		more, err := r.Next(&ev)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return all
		}
		all = append(all, ev.Clone())
	}
}

func TestCloneSharesNothing(t *testing.T) {
	t.Parallel()
	enc, reader := NewEncoder(), NewReader()
	enc.Append(whole())
	frame, err := enc.Frame()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Open(frame.Data); err != nil {
		t.Fatal(err)
	}
	got := readAll(t, reader)[0]
	for i := range reader.body {
		reader.body[i] = '#'
	}
	if diff := cmp.Diff(whole(), got); diff != "" {
		t.Errorf("the clone changed with the reader's memory (-want +got):\n%s", diff)
	}
}

func TestDamagedFrames(t *testing.T) {
	t.Parallel()
	enc := NewEncoder()
	enc.Append(whole())
	frame, err := enc.Frame()
	if err != nil {
		t.Fatal(err)
	}
	reader := NewReader()
	for i := range frame.Data {
		bad := append([]byte(nil), frame.Data...)
		bad[i] ^= 0x10
		want := ErrFrameDamaged
		if i == offVersion {
			want = ErrFrameVersion
		}
		if _, err := reader.Open(bad); !errors.Is(err, want) {
			t.Errorf("byte %d changed: got %v, want %v", i, err, want)
		}
		if _, err := reader.Open(frame.Data[:i]); err == nil {
			t.Errorf("cut off after %d bytes: got no error", i)
		}
	}
}

// FuzzReader feeds bodies with a correct checksum, as only a broken writer
// would make them: a reader must neither panic nor loop.
func FuzzReader(f *testing.F) {
	enc := NewEncoder()
	enc.Append(whole())
	frame, err := enc.Frame()
	if err != nil {
		f.Fatal(err)
	}
	reader := NewReader()
	if _, err := reader.Open(frame.Data); err != nil {
		f.Fatal(err)
	}
	f.Add(append([]byte(nil), reader.body...), 1)
	f.Fuzz(func(t *testing.T, body []byte, events int) {
		r := NewReader()
		r.body = body
		if !r.split() {
			return
		}
		r.left = events & 0xff
		var ev Event
		for {
			more, err := r.Next(&ev)
			if err != nil || !more {
				return
			}
			if !json.Valid(ev.AppendJSON(nil)) {
				t.Fatalf("JSON is not valid: %s", ev.AppendJSON(nil))
			}
		}
	})
}

func BenchmarkFrame(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	events := make([]*Event, 512)
	for i := range events {
		events[i] = randomEvent(r)
	}
	enc, reader := NewEncoder(), NewReader()
	var frame Frame
	b.Run("encode", func(b *testing.B) {
		for range b.N {
			for _, ev := range events {
				enc.Append(ev)
			}
			frame, _ = enc.Frame()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
	})
	b.Run("decode", func(b *testing.B) {
		var ev Event
		for range b.N {
			if _, err := reader.Open(frame.Data); err != nil {
				b.Fatal(err)
			}
			for more := true; more; {
				more, _ = reader.Next(&ev)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
	})
}
