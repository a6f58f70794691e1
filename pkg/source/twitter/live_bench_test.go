package twitter

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	gotwitter "github.com/dghubble/go-twitter/twitter" //nolint:staticcheck // what is compared with

	"riffle/pkg/event"
	"riffle/pkg/source/twitter/twittertest"
)

// BenchmarkWire reads tweets over loopback, from a server on the same machine:
// the bytes alone, by this package as messages and as events, and by
// go-twitter's typed channel (docs/adr/0005). An operation is a tweet.
func BenchmarkWire(b *testing.B) {
	tweets := benchTweets(b)
	bytes := 0
	for _, tweet := range tweets {
		bytes += len(tweet) + 2
	}
	for _, packed := range []bool{false, true} {
		suffix, server := "", twittertest.New()
		if packed {
			suffix, server = "/gzip", twittertest.NewGzip()
		}
		server.Repeat(tweets)
		config := Config{Stream: streamSample, Endpoint: &url.URL{Scheme: "http", Host: server.Listen(b)}, Keys: testKeys}
		for _, way := range []struct {
			name string
			read func(ctx context.Context, s *Source, tweets, mean int) error
		}{{"bytes", readBytes}, {"messages", readMessages}, {"events", readEvents}, {"go-twitter", readTyped}} {
			b.Run(way.name+suffix, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(bytes / len(tweets)))
				before := processorTime(b)
				if err := way.read(b.Context(), New(config), b.N, bytes/len(tweets)); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tweets/s")
				b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// processorTime is what this process has used, server and reader alike: on a busy
// machine it says more than a clock.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func readBytes(ctx context.Context, s *Source, tweets, mean int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(unpack(resp), int64(tweets)*int64(mean)), make([]byte, readSize))
	return err
}

func readMessages(ctx context.Context, s *Source, tweets, _ int) error {
	return enough(s.Read(ctx, "", func(event.Message) error { return countdown(&tweets) }))
}

func readEvents(ctx context.Context, s *Source, tweets, _ int) error {
	decoder := s.NewDecoder()
	var ev event.Event
	return enough(s.Read(ctx, "", func(m event.Message) error {
		if err := decoder.Decode(&ev, m.Data); err != nil {
			return err
		}
		return countdown(&tweets)
	}))
}

// readTyped lets go-twitter read and decode.
func readTyped(ctx context.Context, s *Source, tweets, _ int) error {
	client := gotwitter.NewClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		r = s.request(ctx, r)
		r.Header.Del("Accept-Encoding") // net/http unpacks for it
		return s.client.Transport.RoundTrip(r)
	})})
	stream, err := s.config.open(client.Streams)
	if err != nil {
		return err
	}
	defer stream.Stop()
	for m := range stream.Messages {
		if _, ok := m.(*gotwitter.Tweet); !ok {
			return errors.New("no tweet")
		}
		if countdown(&tweets) != nil {
			return nil
		}
	}
	return errors.New("the stream ended")
}

func countdown(n *int) error {
	if *n--; *n <= 0 {
		return errEnough
	}
	return nil
}

func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// benchTweets are captured ones, or some that are made.
func benchTweets(b *testing.B) (tweets [][]byte) {
	b.Helper()
	dir := os.Getenv("SHARED_DATA")
	if dir == "" {
		dir = "../../../../shared/data"
	}
	f, err := os.Open(filepath.Join(dir, "tweets-sample-stream-2016-04.ndjson.gz"))
	if err != nil {
		b.Log("no captured data: made tweets, which are shorter")
		for i := range 1000 {
			tweets = append(tweets, twittertest.Tweet(i, i, "tweet"))
		}
		return tweets
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if strings.Contains(line, `"retweet_count"`) {
			tweets = append(tweets, []byte(line))
		}
	}
	return tweets
}
