package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the WebSocket handshake asks for it
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/source/jetstream"
	"riffle/pkg/source/mastodon"
)

// benchMastodon and benchJetstream read the wire of a network over loopback and
// make frames of it, as ingest does, with the server on the same core; the
// baseline reads the bytes.
func benchMastodon(ctx context.Context, b *bench) ([]result, error) {
	messages, origin, err := b.recorded("mastodon-*.ndjson", "pkg/source/mastodon/testdata/statuses.ndjson")
	if err != nil {
		return nil, err
	}
	var wire bytes.Buffer
	for _, m := range messages {
		fmt.Fprintf(&wire, "event: update\ndata: %s\n\n", m)
	}
	address, stop, err := serveMastodon(ctx, wire.Bytes())
	if err != nil {
		return nil, err
	}
	defer stop()
	config, err := mastodon.Parse("mastodon+http://" + address + "/public")
	if err != nil {
		return nil, err
	}
	return b.live(ctx, "Mastodon's wire, one core", "statuses/s", origin, func() liveSource { return mastodon.New(config) },
		"http://"+address+"/api/v1/streaming/public", float64(wire.Len())/float64(len(messages)))
}

func benchJetstream(ctx context.Context, b *bench) ([]result, error) {
	messages, origin, err := b.recorded("jetstream-*.ndjson.gz", "pkg/source/jetstream/testdata/messages.ndjson")
	if err != nil {
		return nil, err
	}
	var wire []byte
	for _, m := range messages {
		wire = append(appendHead(wire, len(m)), m...)
	}
	address, stop, err := serveJetstream(ctx, wire)
	if err != nil {
		return nil, err
	}
	defer stop()
	config, err := jetstream.Parse("jetstream+ws://" + address)
	if err != nil {
		return nil, err
	}
	return b.live(ctx, "Jetstream's wire, one core", "events/s", origin, func() liveSource { return jetstream.New(config) },
		"http://"+address+"/bare", float64(len(wire))/float64(len(messages)))
}

// liveSource is a network's source.
type liveSource interface {
	Read(ctx context.Context, cursor string, emit func(event.Message) error) error
	NewDecoder() event.Decoder
}

// live measures a source against its bytes alone.
func (b *bench) live(ctx context.Context, what, unit, origin string, open func() liveSource, bare string, size float64) ([]result, error) {
	var memory heapWatch
	accepted := 0.0
	medians, err := pairs(b.rounds(),
		onOneCore(func() (float64, error) {
			rate, share, err := makeFrames(ctx, open(), b.slice())
			accepted = share
			memory.look()
			return rate, err
		}),
		onOneCore(func() (float64, error) {
			rate, err := drop(ctx, bare, b.slice())
			return rate / size, err
		}))
	if err != nil {
		return nil, err
	}
	return []result{{
		what: what, unit: unit, aim: 60_000, reached: medians[0], baseline: medians[1], baselineWhat: "its bytes read and dropped",
		note: fmt.Sprintf("%s, %.0f bytes each on the wire, %.0f %% of them events; %s", origin, size, 100*accepted, &memory),
	}}, nil
}

// makeFrames reads a stream and makes frames for so long, and gives the messages
// per second, and which share of them became events.
func makeFrames(ctx context.Context, source liveSource, d time.Duration) (rate, share float64, err error) {
	decoder, encoder := source.NewDecoder(), event.NewEncoder()
	var ev event.Event
	read, accepted, start := 0, 0, time.Now()
	err = source.Read(ctx, "", func(m event.Message) error {
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
		return 0, 0, err
	}
	return float64(read) / time.Since(start).Seconds(), float64(accepted) / float64(read), nil
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

// repeat writes wire over and over.
func repeat(w io.Writer, wire []byte) {
	for {
		if _, err := w.Write(wire); err != nil {
			return
		}
	}
}

func serveMastodon(ctx context.Context, wire []byte) (address string, stop func(), err error) {
	return serveLive(ctx, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/timelines/") {
			fmt.Fprint(w, "[]")
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		repeat(w, wire)
	})
}

func serveJetstream(ctx context.Context, wire []byte) (address string, stop func(), err error) {
	return serveLive(ctx, func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Sec-WebSocket-Key")
		if key == "" {
			repeat(w, wire)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as RFC 6455 says
		out := bufio.NewWriterSize(conn, 64<<10)
		fmt.Fprintf(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			base64.StdEncoding.EncodeToString(sum[:]))
		repeat(out, wire)
	})
}

func serveLive(ctx context.Context, handler http.HandlerFunc) (address string, stop func(), err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: handler}
	go func() { _ = server.Serve(l) }()
	return l.Addr().String(), func() { _ = server.Close() }, nil
}

// appendHead appends the head of an unmasked WebSocket text message.
func appendHead(b []byte, size int) []byte {
	const text = 0x81
	switch {
	case size < 126:
		return append(b, text, byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, text, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(b, text, 127), uint64(size))
}
