// Package socket reads messages of WebSockets, for the sources that are read over
// one.
package socket

import (
	"context"
	"errors"
	"io"

	"github.com/coder/websocket"

	"riffle/pkg/event"
)

// Read reads one message into buf and gives that, grown where it had to be. Of a
// message longer than event.MaxMessage bytes it keeps as much as tells so.
//
// Errors: those of the connection, which is of no use after one.
func Read(ctx context.Context, conn *websocket.Conn, buf []byte) ([]byte, error) {
	_, r, err := conn.Reader(ctx)
	if err != nil {
		return buf, err
	}
	buf = buf[:0]
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):min(cap(buf), event.MaxMessage+1)])
		buf = buf[:len(buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return buf, err
		case len(buf) > event.MaxMessage:
			_, err := io.Copy(io.Discard, r)
			return buf, err
		}
	}
}
