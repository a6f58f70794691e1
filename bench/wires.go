package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"syscall"
	"time"

	"riffle/pkg/event"
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
	address, stop, err := serveWire(ctx, wire, packed)
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
			rate, cost, err := readTwitter(ctx, twitter.New(config), b.slice())
			costs = append(costs, cost)
			memory.look()
			return rate, err
		}),
		onOneCore(func() (float64, error) {
			rate, err := readBare(ctx, address, b.slice())
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

// serveWire serves a stream that never ends: wire, over and over.
func serveWire(ctx context.Context, wire []byte, packed bool) (address string, stop func(), err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if packed {
			w.Header().Set("Content-Encoding", "gzip") // packed beforehand: gzip is not what is measured
		}
		for r.Context().Err() == nil {
			if _, err := w.Write(wire); err != nil {
				return
			}
		}
	})}
	go func() { _ = server.Serve(l) }()
	return l.Addr().String(), func() { _ = server.Close() }, nil
}

// readTwitter reads a stream and makes frames for so long, and gives the tweets
// per second, and the processor time of each in µs.
func readTwitter(ctx context.Context, source *twitter.Source, d time.Duration) (rate, cost float64, err error) {
	decoder, encoder := source.NewDecoder(), event.NewEncoder()
	var ev event.Event
	n, start := 0, time.Now()
	before, err := ownTime()
	if err != nil {
		return 0, 0, err
	}
	err = source.Read(ctx, "", func(m event.Message) error {
		if err := decoder.Decode(&ev, m.Data); err != nil {
			return err
		}
		encoder.Append(&ev)
		n++
		if encoder.Len() < frameEvents {
			return nil
		}
		if _, err := encoder.Frame(); err != nil {
			return err
		}
		if time.Since(start) >= d {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		return 0, 0, err
	}
	after, err := ownTime()
	return float64(n) / time.Since(start).Seconds(), float64((after - before).Microseconds()) / float64(n), err
}

// ownTime is the processor time that this process has used.
func ownTime() (time.Duration, error) {
	var usage syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), err
}

// readBare reads the same bytes for so long, and gives them per second, unpacked.
func readBare(ctx context.Context, address string, d time.Duration) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	n, start, buf := 0, time.Now(), make([]byte, 64<<10)
	for time.Since(start) < d {
		got, err := io.ReadFull(answer.Body, buf)
		if err != nil {
			return 0, err
		}
		n += got
	}
	return float64(n) / time.Since(start).Seconds(), nil
}
