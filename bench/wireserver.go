package main

import (
	"bufio"
	"context"
	"crypto/sha1" //nolint:gosec // the WebSocket handshake asks for it
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// wireCommand makes this binary the server of a network: bench wire-server NETWORK
// FILE. It sends what the file holds over and over, and prints its address first.
// It is a process of its own, so that its cost is not taken for the reader's.
const wireCommand = "wire-server"

// wireServers are the networks, as what sends their wire.
var wireServers = map[string]func(http.ResponseWriter, *http.Request, []byte){
	"twitter": func(w http.ResponseWriter, _ *http.Request, wire []byte) { repeat(w, wire) },
	"twitter-gzip": func(w http.ResponseWriter, _ *http.Request, wire []byte) {
		w.Header().Set("Content-Encoding", "gzip") // packed beforehand: packing is not what is measured
		repeat(w, wire)
	},
	"mastodon":  sendEvents,
	"jetstream": sendSocket,
}

func serveWire(ctx context.Context, network, file string) error {
	wire, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	send, known := wireServers[network]
	if !known {
		return fmt.Errorf("there is no network %q", network)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, l.Addr())
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { send(w, r, wire) })}
	return server.Serve(l)
}

// startWire runs the server of a network.
func (b *bench) startWire(ctx context.Context, network string, wire []byte) (address string, stop func(), err error) {
	file := filepath.Join(b.dir, network+".wire")
	if err := os.WriteFile(file, wire, 0o600); err != nil {
		return "", nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, self, wireCommand, network, file)
	cmd.Stderr = b.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("the server of %s ended at its start: %w", network, err)
	}
	return strings.TrimSpace(line), stop, nil
}

func sendEvents(w http.ResponseWriter, r *http.Request, wire []byte) {
	if strings.Contains(r.URL.Path, "/timelines/") {
		fmt.Fprint(w, "[]")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	repeat(w, wire)
}

func sendSocket(w http.ResponseWriter, r *http.Request, wire []byte) {
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
}

// repeat writes wire over and over.
func repeat(w io.Writer, wire []byte) {
	for {
		if _, err := w.Write(wire); err != nil {
			return
		}
	}
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
