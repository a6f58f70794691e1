package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"riffle/pkg/event"
	"riffle/pkg/source/sim"
	"riffle/pkg/source/twitter"
)

// corpus is the tweets that rows read: messages of Twitter's stream, one tweet
// each.
type corpus struct {
	origin   string
	messages [][]byte
	bytes    int
}

// corpus loads the captured tweets, or makes some in their shape.
func (b *bench) corpus(ctx context.Context) (*corpus, error) {
	if b.tweets != nil {
		return b.tweets, nil
	}
	dir := os.Getenv("SHARED_DATA")
	if dir == "" {
		dir = filepath.Join(b.root, "..", "shared", "data")
	}
	messages, err := readTweets(dir)
	origin := "captured tweets"
	if err == nil && len(messages) == 0 {
		origin = "no captured data: generated posts in the shape of tweets"
		messages, err = makeTweets(ctx, 8000)
	}
	if err != nil {
		return nil, err
	}
	c := &corpus{messages: distinct(messages)}
	for _, m := range c.messages {
		c.bytes += len(m)
	}
	c.origin = fmt.Sprintf("%s: %d, %d bytes in the mean", origin, len(c.messages), c.bytes/max(1, len(c.messages)))
	b.tweets = c
	b.say("%s", c.origin)
	return c, nil
}

// readTweets reads all files of tweets in dir; none where there are no files.
func readTweets(dir string) ([][]byte, error) {
	files, err := filepath.Glob(filepath.Join(dir, "tweets-*.ndjson.gz"))
	if err != nil {
		return nil, err
	}
	var messages [][]byte
	for _, name := range files {
		lines, err := readLines(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		messages = append(messages, lines...)
	}
	return messages, nil
}

func readLines(name string) ([][]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(bytes.Split(data, []byte("\n")), func(line []byte) bool { return len(line) == 0 }), nil
}

// distinct keeps the messages that are tweets, each key once.
func distinct(messages [][]byte) [][]byte {
	seen := make(map[string]bool, len(messages))
	decoder := twitter.NewDecoder()
	var ev event.Event
	var kept [][]byte
	for _, m := range messages {
		if decoder.Decode(&ev, m) != nil || ev.Deleted || seen[ev.Key] {
			continue
		}
		seen[strings.Clone(ev.Key)] = true
		kept = append(kept, m)
	}
	return kept
}

// errEnough ends the reading of the generated stream.
var errEnough = errors.New("enough")

// makeTweets writes posts of the generated stream as Twitter would, with as much
// around them as a tweet has.
func makeTweets(ctx context.Context, n int) ([][]byte, error) {
	config, err := sim.Parse(fmt.Sprintf("sim:?seed=1&count=%d", 2*n))
	if err != nil {
		return nil, err
	}
	source, err := sim.New(config)
	if err != nil {
		return nil, err
	}
	decoder := source.NewDecoder()
	var ev event.Event
	var messages [][]byte
	err = source.Read(ctx, "", func(m event.Message) error {
		if err := decoder.Decode(&ev, m.Data); err != nil || ev.Deleted || ev.Text == "" {
			return nil //nolint:nilerr // what is no post is left out
		}
		messages = append(messages, tweet(&ev, len(messages)))
		if len(messages) == n {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return messages, err
}

// tweet gives ev the shape of a tweet in compatibility mode.
func tweet(ev *event.Event, number int) []byte {
	id := fmt.Sprint(1_300_000_000_000_000_000 + int64(number)*4096)
	user := map[string]any{"id_str": fmt.Sprint(1000 + number%5000), "screen_name": ev.Author.Handle, "name": ev.Author.Name, "followers_count": number % 5000, "verified": false}
	for i := range 40 { // colours, counts and addresses that nobody reads
		user[fmt.Sprintf("profile_attribute_%02d", i)] = fmt.Sprintf("https://example.org/profile/%s/%d", id, i)
	}
	lang := "und"
	if len(ev.Langs) > 0 {
		lang = ev.Langs[0]
	}
	data, err := json.Marshal(map[string]any{
		"created_at": "Thu Nov 17 23:15:01 +0000 2016", "id_str": id, "text": ev.Text, "lang": lang, "user": user,
		"source": `<a href="https://example.org" rel="nofollow">Example for Web</a>`, "truncated": false,
		"entities":       map[string]any{"hashtags": []any{}, "urls": []any{}, "user_mentions": []any{}, "symbols": []any{}},
		"favorite_count": 0, "retweet_count": 0, "filter_level": "low", "timestamp_ms": "1479424501000",
	})
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return data
}

// writeLines writes messages to a file.
func writeLines(name string, messages [][]byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for _, m := range messages {
		_, _ = w.Write(m)
		_ = w.WriteByte('\n')
	}
	return errors.Join(w.Flush(), f.Close())
}
