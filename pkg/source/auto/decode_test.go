package auto_test

import (
	"errors"
	"testing"

	"riffle/pkg/event"
	"riffle/pkg/shrink/shrinktest"
	"riffle/pkg/source/auto"
	"riffle/pkg/source/jetstream"
	"riffle/pkg/source/mastodon"
	"riffle/pkg/source/native"
	"riffle/pkg/source/twitter"
)

func decoders() auto.Decoders {
	return auto.Decoders{
		Twitter: twitter.NewDecoder(), Jetstream: jetstream.NewDecoder(),
		Mastodon: mastodon.NewDecoder("mastodon.example"), Native: native.NewDecoder("feed"),
	}
}

// checkSame fails unless a network's own decoder makes the same of a message.
func checkSame(t *testing.T, all, own event.Decoder, msg []byte) {
	t.Helper()
	var got, want event.Event
	err, wantErr := all.Decode(&got, msg), own.Decode(&want, msg)
	if !errors.Is(err, wantErr) {
		t.Errorf("got %v, want %v: %.300s", err, wantErr, msg)
		return
	}
	if err == nil {
		if diff := shrinktest.Diff(&want, &got); diff != "" {
			t.Errorf("%.300s (-want +got):\n%s", msg, diff)
		}
	}
}

func TestEachNetworkIsRecognised(t *testing.T) {
	t.Parallel()
	all, own := auto.NewDecoder(decoders()), decoders()
	for file, decoder := range map[string]event.Decoder{
		"../twitter/testdata/tweets.ndjson":     own.Twitter,
		"../jetstream/testdata/messages.ndjson": own.Jetstream,
		"../mastodon/testdata/statuses.ndjson":  own.Mastodon,
		"../native/testdata/events.ndjson":      own.Native,
	} {
		for _, msg := range shrinktest.Lines(t, file) {
			if msg[0] == '{' {
				checkSame(t, all, decoder, msg)
			}
		}
	}
}

func TestFewFieldsTell(t *testing.T) {
	t.Parallel()
	own := decoders()
	for msg, decoder := range map[string]event.Decoder{
		`{"limit":{"track":1}}`:                                          own.Twitter,
		`{"delete":{"status":{"id":5}}}`:                                 own.Twitter,
		`{"event":"follow","source":{},"target":{}}`:                     own.Twitter,
		`{"text":"x","source":"web","truncated":false,"favorited":true}`: own.Twitter,
		`{"kind":"identity","did":"did:plc:ann"}`:                        own.Jetstream,
		`{"account":{"active":false,"did":"did:plc:ann","status":"deleted"},"kind":"account","did":"did:plc:ann","time_us":1780000000000000}`: own.Jetstream,
		`{"account":{"id":"1","acct":"ann"},"id":"5","created_at":"2026-05-28T20:26:40.000Z","content":"x"}`:                                  own.Mastodon,
		`{"account":{},"type":"follow","id":"5"}`:  own.Mastodon,
		`{"event":"delete","payload":"12"}`:        own.Mastodon,
		`{"id":"5","type":"mention","account":{}}`: own.Mastodon,
		"data: 12":      own.Mastodon,
		":thump":        own.Mastodon,
		`event: update`: own.Mastodon,
		`{"id":5,"text":"x","created_at":"yesterday"}`: own.Native,
		`{"key":"x:1","deleted":true,"account":true}`:  own.Native,
		`{"account":true,"deleted":true,"id":1}`:       own.Native,
		"\r\n":                                         own.Native, // blank
	} {
		checkSame(t, auto.NewDecoder(decoders()), decoder, []byte(msg))
	}
}

func TestRejections(t *testing.T) {
	t.Parallel()
	decoder := auto.NewDecoder(decoders())
	for msg, want := range map[string]event.Reason{
		`{`: event.ReasonSyntax, `[]`: event.ReasonSyntax, `null`: event.ReasonSyntax, `"x"`: event.ReasonSyntax, `123`: event.ReasonSyntax,
		`nonsense`: event.ReasonSyntax, `date: x`: event.ReasonSyntax, `{"x":1}{`: event.ReasonSyntax, `{"x"}`: event.ReasonSyntax,
		`{}`: event.ReasonUnknown, `{"id":1,"name":"x"}`: event.ReasonUnknown, `{"errors":[]}`: event.ReasonUnknown,
		string(make([]byte, event.MaxMessage+1)): event.ReasonOversize,
	} {
		err := decoder.Decode(new(event.Event), []byte(msg))
		if invalid, ok := errors.AsType[*event.InvalidError](err); !ok || invalid.Reason != want {
			t.Errorf("got %v, want %v: %.100s", err, want, msg)
		}
	}
}

// TestSharedData runs over captured messages where they are.
func TestSharedData(t *testing.T) {
	t.Parallel()
	for pattern, decoder := range map[string]event.Decoder{
		"tweets-*.gz": decoders().Twitter, "stream-messages-twitter.ndjson": decoders().Twitter,
		"jetstream-*.gz":    decoders().Jetstream,
		"mastodon-*.ndjson": decoders().Mastodon, "mastodon-*.sse": decoders().Mastodon,
	} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			all := auto.NewDecoder(decoders())
			for _, msg := range shrinktest.SharedData(t, pattern) {
				checkSame(t, all, decoder, msg)
			}
		})
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	messages := shrinktest.Lines(t, "../twitter/testdata/tweets.ndjson")
	decoder := auto.NewDecoder(decoders())
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
	for _, file := range []string{
		"../twitter/testdata/tweets.ndjson", "../jetstream/testdata/messages.ndjson", "../mastodon/testdata/statuses.ndjson",
		"../native/testdata/events.ndjson",
	} {
		for _, line := range shrinktest.Lines(f, file) {
			f.Add(line)
		}
	}
	decoder := auto.NewDecoder(decoders())
	f.Fuzz(func(t *testing.T, msg []byte) {
		var ev event.Event
		err := decoder.Decode(&ev, msg)
		_, invalid := errors.AsType[*event.InvalidError](err)
		_, over := errors.AsType[*event.PassedOverError](err)
		if err != nil && !invalid && !over {
			t.Errorf("got %v: %q", err, msg)
		}
	})
}

func BenchmarkSharedData(b *testing.B) {
	shrinktest.Bench(b, auto.NewDecoder(decoders()), shrinktest.SharedData(b, "tweets-*.ndjson.gz"))
}
