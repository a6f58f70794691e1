package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"syscall"
	"time"

	"riffle/pkg/source/twitter"
)

// benchTwitter reads Twitter's wire over loopback and makes frames of it, as
// ingest does, with the server on the same core; the baseline reads the bytes.
func benchTwitter(ctx context.Context, b *bench) ([]result, error) {
	c, err := b.corpus(ctx)
	if err != nil {
		return nil, err
	}
	var results []result
	for _, packed := range []bool{false, true} {
		r, err := b.twitterWire(ctx, c, packed)
		if err != nil {
			return results, err
		}
		results = append(results, r)
	}
	return results, nil
}

func (b *bench) twitterWire(ctx context.Context, c *corpus, packed bool) (result, error) {
	wire, err := onWire(c, packed)
	if err != nil {
		return result{}, err
	}
	address, stop, err := serveLive(ctx, func(w http.ResponseWriter, _ *http.Request) {
		if packed {
			w.Header().Set("Content-Encoding", "gzip") // packed beforehand: gzip is not what is measured
		}
		repeat(w, wire)
	})
	if err != nil {
		return result{}, err
	}
	defer stop()
	config, err := twitter.Parse("twitter://sample?endpoint=" + url.QueryEscape("http://"+address))
	if err != nil {
		return result{}, err
	}
	var memory heapWatch
	var costs []float64 // µs of processor time a tweet
	medians, err := pairs(b.rounds(),
		onOneCore(func() (float64, error) {
			begun, before := time.Now(), ownTime()
			rate, _, err := makeFrames(ctx, twitter.New(config), b.slice())
			costs = append(costs, float64((ownTime()-before).Microseconds())/(rate*time.Since(begun).Seconds()))
			memory.look()
			return rate, err
		}),
		onOneCore(func() (float64, error) {
			rate, err := drop(ctx, "http://"+address, b.slice())
			return rate / (float64(c.bytes)/float64(len(c.messages)) + 2), err
		}))
	if err != nil {
		return result{}, err
	}
	what, bare := "Twitter's wire, one core", "its bytes read and dropped"
	if packed {
		what, bare = what+", gzip", "the same, unpacked by net/http"
	}
	return result{
		what: what, unit: "tweets/s", aim: 40_000, reached: medians[0], baseline: medians[1],
		baselineWhat: bare, note: fmt.Sprintf("%.1f µs of processor time each, the server's included; %s", median(costs), &memory),
	}, nil
}

// heapWatch follows the memory in use from one measurement to the next.
type heapWatch struct{ first, last uint64 }

func (h *heapWatch) look() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.last = m.HeapAlloc
	if h.first == 0 {
		h.first = h.last
	}
}

func (h *heapWatch) String() string {
	return fmt.Sprintf("heap in use grew by %.1f MB from the first round to the last", float64(int64(h.last)-int64(h.first))/1e6)
}

// onWire gives the messages as a stream sends them.
func onWire(c *corpus, packed bool) ([]byte, error) {
	wire := append(bytes.Join(c.messages, []byte("\r\n")), "\r\n"...)
	if !packed {
		return wire, nil
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(wire)
	err = errors.Join(err, w.Close())
	return out.Bytes(), err
}

// ownTime is the processor time that this process has used.
func ownTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // of a process about itself
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
