package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"riffle/pkg/buffer/redis"
	"riffle/pkg/event"
	"riffle/pkg/source/twitter"
)

// benchMemory pushes the tweets in full frames and asks Redis how much memory
// they take.
func benchMemory(ctx context.Context, b *bench) ([]result, error) {
	c, err := b.corpus(ctx)
	if err != nil {
		return nil, err
	}
	buffer, err := b.emptyBuffer(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = buffer.Close() }()
	before, err := usedMemory(ctx, buffer.Client())
	if err != nil {
		return nil, err
	}
	const rounds = 5 // so that what one frame costs once does not count much
	events, bytes, err := pushTweets(ctx, buffer, c, rounds)
	if err != nil {
		return nil, err
	}
	after, err := usedMemory(ctx, buffer.Client())
	if err != nil {
		return nil, err
	}
	return []result{{
		what: "Redis memory, frames of " + strconv.Itoa(frameEvents), unit: "bytes/tweet", aim: 150, now: 150, atMost: true,
		reached: (after - before) / float64(events), note: fmt.Sprintf("of which frames %.0f", float64(bytes)/float64(events)),
	}}, nil
}

// pushTweets pushes all tweets rounds times.
func pushTweets(ctx context.Context, buffer *redis.Buffer, c *corpus, rounds int) (events, bytes int, err error) {
	writer := buffer.Writer("bench", "bench")
	position, err := writer.Position(ctx)
	if err != nil {
		return 0, 0, err
	}
	decoder, encoder := twitter.NewDecoder(), event.NewEncoder()
	var ev event.Event
	push := func() error {
		frame, err := encoder.Frame()
		if err != nil {
			return err
		}
		events, bytes = events+frame.Events, bytes+len(frame.Data)
		err = writer.Push(ctx, event.Push{Frame: frame, Prev: position.Frame, Cursor: strconv.Itoa(events)})
		position.Frame = frame.ID
		return err
	}
	for range rounds {
		for _, m := range c.messages {
			if err := decoder.Decode(&ev, m); err != nil {
				return events, bytes, err
			}
			ev.Source, ev.ReceivedAt = "bench", event.TimeOf(time.Now())
			encoder.Append(&ev)
			if encoder.Len() == frameEvents {
				if err := push(); err != nil {
					return events, bytes, err
				}
			}
		}
	}
	return events, bytes, nil
}

// emptyBuffer empties Redis and opens a buffer on it.
func (b *bench) emptyBuffer(ctx context.Context) (*redis.Buffer, error) {
	s, err := b.startServers(ctx)
	if err != nil {
		return nil, err
	}
	buffer, err := redis.Open(ctx, s.redis, redis.Options{})
	if err != nil {
		return nil, err
	}
	return buffer, buffer.Client().FlushAll(ctx).Err()
}

func usedMemory(ctx context.Context, client goredis.UniversalClient) (float64, error) {
	info, err := client.Info(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(info, "used_memory:")
	value, _, _ := strings.Cut(rest, "\r\n")
	return strconv.ParseFloat(value, 64)
}

// benchRecord lets riffle-ingest read tweets from a file in the page cache, over
// and over, and counts what arrives in Redis.
func benchRecord(ctx context.Context, b *bench) ([]result, error) {
	c, err := b.corpus(ctx)
	if err != nil {
		return nil, err
	}
	buffer, err := b.emptyBuffer(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = buffer.Close() }()
	bare, err := barePushes(ctx, buffer.Client(), b.slice())
	if err != nil {
		return nil, err
	}
	file := filepath.Join(b.dir, "tweets.ndjson")
	if err := writeLines(file, c.messages); err != nil {
		return nil, err
	}
	ingest, err := b.start(ctx, "riffle-ingest", "--buffer", b.servers.redis, "--source", "file:"+file+"?format=twitter&loop=1", "--name", "bench")
	if err != nil {
		return nil, err
	}
	time.Sleep(time.Second)
	ingest.profile(ctx, b, "record", min(b.length, 20*time.Second))
	used, err := b.watch(ctx, buffer, ingest)
	if err != nil {
		return nil, err
	}
	if err := ingest.stop(); err != nil {
		return nil, err
	}
	memory, err := usedMemory(ctx, buffer.Client())
	if err != nil {
		return nil, err
	}
	depth, err := depthOf(ctx, buffer)
	if err != nil {
		return nil, err
	}
	return []result{{
		what: "file to ingest to Redis, " + b.length.String(), unit: "events/s", aim: 143_199, now: 100_000, reached: used.rate,
		baseline: bare, baselineWhat: "pipelined pushes of 200 bytes",
		note: fmt.Sprintf("ingest %.1f µs/event, %.0f MB; Redis %.0f bytes/event", 1e6*used.cpu, used.rss/1e6, memory/depth),
	}}, buffer.Client().FlushAll(ctx).Err()
}

// use is what a process did and took.
type use struct {
	rate float64 // events/s
	cpu  float64 // seconds an event
	rss  float64 // bytes at the peak
}

// watch measures what arrives in the buffer while nobody takes.
func (b *bench) watch(ctx context.Context, buffer *redis.Buffer, p *process) (use, error) {
	first, err := depthOf(ctx, buffer)
	if err != nil {
		return use{}, err
	}
	cpuBefore, err := cpu(p.cmd.Process.Pid)
	if err != nil {
		return use{}, err
	}
	start := time.Now()
	select {
	case <-time.After(b.length):
	case <-p.done:
		return use{}, p.failed("ended")
	}
	last, err := depthOf(ctx, buffer)
	if err != nil {
		return use{}, err
	}
	took := time.Since(start).Seconds()
	cpuAfter, err := cpu(p.cmd.Process.Pid)
	if err != nil {
		return use{}, err
	}
	rss, err := peak(p.cmd.Process.Pid)
	return use{rate: (last - first) / took, cpu: (cpuAfter - cpuBefore) / (last - first), rss: rss}, err
}

func depthOf(ctx context.Context, buffer *redis.Buffer) (float64, error) {
	depths, err := buffer.Depths(ctx)
	events := 0.0
	for _, d := range depths {
		events += float64(d.Events)
	}
	return events, err
}

// barePushes counts what Redis takes of bare elements, pipelined.
func barePushes(ctx context.Context, client goredis.UniversalClient, d time.Duration) (float64, error) {
	element := strings.Repeat("x", 200)
	rate, err := perSecond(ctx, d, func() (int, error) {
		pipe := client.Pipeline()
		for range frameEvents {
			pipe.RPush(ctx, "bare", element)
		}
		_, err := pipe.Exec(ctx)
		return frameEvents, err
	})
	if err != nil {
		return 0, err
	}
	return rate, client.Del(ctx, "bare").Err()
}
