package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/source/jetstream"
	"riffle/pkg/source/mastodon"
	"riffle/pkg/source/twitter"
)

// wire is a network's stream, read over loopback and made frames of on one core,
// as ingest does. The baseline reads its bytes and drops them.
type wire struct {
	what, unit string
	aim        float64
	origin     string // of the messages
	server     string // name of the network's server
	bytes      []byte
	size       float64 // of a message, in bytes, unpacked
	// open makes the source that reads the server at an address; bare is where
	// the server sends the bytes alone.
	open func(address string) (liveSource, error)
	bare string

	bareWhat string
}

// liveSource is a network's source.
type liveSource interface {
	Read(ctx context.Context, cursor string, emit func(event.Message) error) error
	NewDecoder() event.Decoder
}

func benchTwitter(ctx context.Context, b *bench) ([]result, error) {
	c, err := b.corpus(ctx)
	if err != nil {
		return nil, err
	}
	plain := wire{
		what: "Twitter's wire, one core", unit: "tweets/s", aim: 40_000, server: "twitter", origin: "tweets",
		bytes: append(bytes.Join(c.messages, []byte("\r\n")), "\r\n"...),
		open: func(address string) (liveSource, error) {
			config, err := twitter.Parse("twitter://sample?endpoint=" + url.QueryEscape("http://"+address))
			return twitter.New(config), err
		},
		bareWhat: "its bytes read and dropped",
	}
	plain.size = float64(len(plain.bytes)) / float64(len(c.messages))
	packed := plain
	packed.what, packed.server, packed.bareWhat = plain.what+", gzip", "twitter-gzip", "the same, unpacked by net/http"
	if packed.bytes, err = pack(plain.bytes); err != nil {
		return nil, err
	}
	return b.wires(ctx, plain, packed)
}

func benchMastodon(ctx context.Context, b *bench) ([]result, error) {
	messages, origin, err := b.recorded("mastodon-*.ndjson", "pkg/source/mastodon/testdata/statuses.ndjson")
	if err != nil {
		return nil, err
	}
	var stream bytes.Buffer
	for _, m := range messages {
		fmt.Fprintf(&stream, "event: update\ndata: %s\n\n", m)
	}
	return b.wires(ctx, wire{
		what: "Mastodon's wire, one core", unit: "statuses/s", aim: 60_000, server: "mastodon", origin: origin,
		bytes: stream.Bytes(), size: float64(stream.Len()) / float64(len(messages)),
		open: func(address string) (liveSource, error) {
			config, err := mastodon.Parse("mastodon+http://" + address + "/public")
			return mastodon.New(config), err
		},
		bare: "/api/v1/streaming/public", bareWhat: "its bytes read and dropped",
	})
}

func benchJetstream(ctx context.Context, b *bench) ([]result, error) {
	messages, origin, err := b.recorded("jetstream-*.ndjson.gz", "pkg/source/jetstream/testdata/messages.ndjson")
	if err != nil {
		return nil, err
	}
	var stream []byte
	for _, m := range messages {
		stream = append(appendHead(stream, len(m)), m...)
	}
	return b.wires(ctx, wire{
		what: "Jetstream's wire, one core", unit: "events/s", aim: 60_000, server: "jetstream", origin: origin,
		bytes: stream, size: float64(len(stream)) / float64(len(messages)),
		open: func(address string) (liveSource, error) {
			config, err := jetstream.Parse("jetstream+ws://" + address)
			return jetstream.New(config), err
		},
		bare: "/bare", bareWhat: "its bytes read and dropped",
	})
}

func (b *bench) wires(ctx context.Context, wires ...wire) ([]result, error) {
	var results []result
	for _, w := range wires {
		r, err := b.wire(ctx, w)
		if err != nil {
			return results, err
		}
		results = append(results, r)
	}
	return results, nil
}

func (b *bench) wire(ctx context.Context, w wire) (result, error) {
	address, stop, err := b.startWire(ctx, w.server, w.bytes)
	if err != nil {
		return result{}, err
	}
	defer stop()
	var memory heapWatch
	var last reading
	var costs []float64
	stopProfile, err := b.profileSelf(w.server)
	if err != nil {
		return result{}, err
	}
	defer stopProfile()
	medians, err := pairs(b.rounds(),
		onOneCore(func() (float64, error) {
			source, err := w.open(address)
			if err != nil {
				return 0, err
			}
			last, err = makeFrames(ctx, source, b.slice())
			costs = append(costs, last.cost)
			memory.look()
			return last.rate, err
		}),
		onOneCore(func() (float64, error) {
			rate, err := drop(ctx, "http://"+address+w.bare, b.slice())
			return rate / w.size, err
		}))
	if err != nil {
		return result{}, err
	}
	return result{
		what: w.what, unit: w.unit, aim: w.aim, reached: medians[0], baseline: medians[1], baselineWhat: w.bareWhat,
		note: fmt.Sprintf("%.1f µs of processor time each; %s of %.0f bytes, %.0f %% of them events; %s",
			median(costs), w.origin, w.size, 100*last.share, &memory),
	}, nil
}

// reading is what reading a stream came to.
type reading struct {
	rate  float64 // messages per second
	share float64 // of the messages that became events
	cost  float64 // µs of processor time a message
}

// makeFrames reads a stream and makes frames for so long.
func makeFrames(ctx context.Context, source liveSource, d time.Duration) (reading, error) {
	decoder, encoder := source.NewDecoder(), event.NewEncoder()
	var ev event.Event
	read, accepted, start, before := 0, 0, time.Now(), ownTime()
	err := source.Read(ctx, "", func(m event.Message) error {
		read++
		if read%frameEvents == 0 && time.Since(start) >= d {
			return errEnough
		}
		err := decoder.Decode(&ev, m.Data)
		if _, over := errors.AsType[*event.PassedOverError](err); over {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %.200s", err, m.Data)
		}
		accepted++
		encoder.Append(&ev)
		if encoder.Len() == frameEvents {
			_, err = encoder.Frame()
		}
		return err
	})
	if !errors.Is(err, errEnough) {
		return reading{}, err
	}
	n := float64(read)
	return reading{
		rate: n / time.Since(start).Seconds(), share: float64(accepted) / n, cost: float64((ownTime() - before).Microseconds()) / n,
	}, nil
}

// drop reads an endless answer for so long, and gives its bytes per second.
func drop(ctx context.Context, address string, d time.Duration) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
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

// recorded reads captured messages, or where there are none those of the tests.
func (b *bench) recorded(pattern, instead string) (messages [][]byte, origin string, err error) {
	dir := os.Getenv("SHARED_DATA")
	if dir == "" {
		dir = filepath.Join(b.root, "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	origin = "captured messages"
	if err == nil && len(files) == 0 {
		files, origin = []string{filepath.Join(b.root, instead)}, "messages of the tests"
	}
	for _, file := range files {
		lines, readErr := linesOf(file)
		err = errors.Join(err, readErr)
		for _, line := range lines {
			if len(line) > 0 && line[0] == '{' {
				messages = append(messages, line)
			}
		}
	}
	if err == nil && len(messages) == 0 {
		err = fmt.Errorf("no messages in %s", strings.Join(files, ", "))
	}
	return messages, origin, err
}

// linesOf reads the lines of a file, packed or not.
func linesOf(file string) ([][]byte, error) {
	if strings.HasSuffix(file, ".gz") {
		return readLines(file)
	}
	data, err := os.ReadFile(file)
	return bytes.Split(data, []byte("\n")), err
}

// pack packs a stream as Twitter does.
func pack(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(data)
	err = errors.Join(err, w.Close())
	return out.Bytes(), err
}

// profileSelf keeps a CPU profile of this process when one is asked for.
func (b *bench) profileSelf(label string) (stop func(), err error) {
	if b.profile == "" {
		return func() {}, nil
	}
	f, err := os.Create(filepath.Join(b.profile, label+".pprof"))
	if err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, pprof.StartCPUProfile(f)
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

// ownTime is the processor time that this process has used.
func ownTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // of a process about itself
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
