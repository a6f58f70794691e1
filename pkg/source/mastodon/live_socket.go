package mastodon

import (
	"context"
	"net/http"

	"github.com/coder/websocket"

	"riffle/pkg/socket"
)

func (c *connection) openSocket(ctx context.Context) (func(context.Context) error, error) {
	s := c.source
	//nolint:bodyclose // websocket.Dial closes it
	conn, resp, err := websocket.Dial(ctx, s.config.socket(), &websocket.DialOptions{
		HTTPClient: s.config.Client,
		HTTPHeader: s.header(),
		OnPingReceived: func(context.Context, []byte) bool {
			c.hear()
			c.wait(true) // a ping may stand in the middle of a message
			return true
		},
	})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			err = s.refusal(resp, s.config.advice())
		}
		return nil, err
	}
	conn.SetReadLimit(-1) // readMessage keeps to a limit without losing the connection
	return func(ctx context.Context) error {
		// Whatever ends the reading, there is nothing to say to the server. One
		// watch serves the whole connection: the library would set one up, and
		// allocate for it, with each read.
		defer func() { _ = conn.CloseNow() }()
		defer context.AfterFunc(ctx, func() { _ = conn.CloseNow() })()
		return c.readSocket(context.WithoutCancel(ctx), conn)
	}, nil
}

// readSocket hands on the messages of a connection until it ends.
func (c *connection) readSocket(ctx context.Context, conn *websocket.Conn) error {
	var buf, scratch, id []byte
	for {
		var err error
		c.wait(false)
		if buf, err = socket.Read(ctx, conn, buf); err != nil {
			return err
		}
		c.hear()
		id, scratch = envelopeID(buf, scratch)
		if err := c.told(buf, id); err != nil {
			return err
		}
	}
}
