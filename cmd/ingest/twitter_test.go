package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/buffer/sqlite"
	"riffle/pkg/event"
	"riffle/pkg/source/sourcetest"
	"riffle/pkg/source/twitter/twittertest"
)

// keyFlags are the keys that the server knows.
func keyFlags() []string {
	return []string{
		"--twitter-consumer-key", twittertest.ConsumerKey, "--twitter-consumer-secret", twittertest.ConsumerSecret,
		"--twitter-access-token", twittertest.Token, "--twitter-access-token-secret", twittertest.TokenSecret,
	}
}

func TestKeysOfTwitter(t *testing.T) {
	t.Parallel()
	buffer := "sqlite:" + filepath.Join(t.TempDir(), "buffer.db")
	for name, tt := range map[string]struct {
		args []string
		want []string
	}{
		"none": {[]string{"--source", "twitter://sample"}, []string{
			"RIFFLE_TWITTER_CONSUMER_KEY,", "RIFFLE_TWITTER_CONSUMER_SECRET", "RIFFLE_TWITTER_ACCESS_TOKEN,", "RIFFLE_TWITTER_ACCESS_TOKEN_SECRET", "_FILE",
		}},
		"one missing": {append(keyFlags()[:6], "--source", "twitter://sample"), []string{"not set: RIFFLE_TWITTER_ACCESS_TOKEN_SECRET;"}},
		"of no account": {
			append(keyFlags(), "--twitter-access-token", "geheim", "--source", "twitter://user"), []string{"--audience twitter:NUMBER"},
		},
		"a stream that is none": {append(keyFlags(), "--source", "twitter://firehose"), []string{"twitter://sample"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stderr := ingestAll(t, "", append(tt.args, "--buffer", buffer, "--check-config")...)
			if status != 78 || strings.Contains(stderr, "geheim") {
				t.Errorf("got status %d: %s", status, stderr)
			}
			for _, want := range tt.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("got %q, want %q in it", stderr, want)
				}
			}
		})
	}
}

// Who is refused for good stops with a status that systemd does not restart, and
// asks once.
func TestRefusedKeysEndIngest(t *testing.T) {
	t.Parallel()
	server := twittertest.New()
	server.Misbehave(sourcetest.Fault{}, sourcetest.Fault{Status: 403})
	args := append(keyFlags(), "--twitter-consumer-secret", "geheim", "--buffer", "sqlite:"+filepath.Join(t.TempDir(), "buffer.db"),
		"--log", "debug", "--source", "twitter://filter?track=tea&endpoint=http://"+server.Listen(t))
	for i, want := range []string{"401 Unauthorized", "403 Forbidden"} {
		status, stderr := ingestAll(t, "", args...)
		if status != 78 || !strings.Contains(stderr, want) || strings.Contains(stderr, "geheim") || server.Streams() != i+1 {
			t.Errorf("got status %d after %d tries: %s", status, server.Streams(), stderr)
		}
	}
}

// What a user stream brings is for the account of its token, or as --audience
// says.
func TestUserStreamIsForItsAccount(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{"twitter:7001": nil, "twitter:12": {"--audience", "twitter:12"}, "mastodon:ann@town.example": {"--audience", "Mastodon:@Ann@Town.Example"}} {
		server := twittertest.New()
		path := filepath.Join(t.TempDir(), "buffer.db")
		args = append(append(keyFlags(), args...), "--buffer", "sqlite:"+path, "--source", "twitter://user?endpoint=http://"+server.Listen(t),
			"--debug-listen", "off", "--state", t.TempDir())
		var stdout, stderr bytes.Buffer
		done := make(chan int, 1)
		go func() { done <- run(t.Context(), args, nil, strings.NewReader(""), &stdout, &stderr) }()
		for {
			open, changed := server.Open()
			if open == 1 {
				break
			}
			<-changed
		}
		server.Send(string(twittertest.Tweet(1, 2, "hi")), `{"disconnect":{"code":6,"reason":"token revoked"}}`)
		if status := <-done; status != 78 || !strings.Contains(stderr.String(), "RIFFLE_TWITTER_ACCESS_TOKEN") {
			t.Errorf("got status %d: %s", status, stderr.String())
		}
		if diff := cmp.Diff([]string{want}, firstEvent(t, path).Audience); diff != "" {
			t.Errorf("audience (-want +got):\n%s", diff)
		}
	}
}

func firstEvent(t *testing.T, path string) *event.Event {
	t.Helper()
	b, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	deliveries, err := b.Take(t.Context(), 1)
	if err != nil || len(deliveries) == 0 {
		t.Fatalf("took %d frames: %v", len(deliveries), err)
	}
	r := event.NewReader()
	var ev event.Event
	if _, err := r.Open(deliveries[0].Data); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(&ev); err != nil {
		t.Fatal(err)
	}
	return &ev
}
