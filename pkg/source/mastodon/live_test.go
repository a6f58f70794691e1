package mastodon

import (
	"testing"

	"go.uber.org/goleak"

	"riffle/pkg/source/mastodon/mastodontest"
	"riffle/pkg/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

//nolint:paralleltest // the suite's leak check must not see other tests
func TestConformance(t *testing.T) {
	const messages = 50
	for name, socket := range map[string]bool{"events": false, "WebSocket": true} {
		t.Run(name, func(t *testing.T) {
			config := Config{Stream: streamPublic, WebSocket: socket, Token: mastodontest.Token}
			open := func(faults ...sourcetest.Fault) func(t *testing.T) sourcetest.Source {
				return func(t *testing.T) sourcetest.Source {
					t.Helper()
					server := mastodontest.New()
					server.FromStart = true
					for range messages {
						server.Post()
					}
					server.Misbehave(faults...)
					c := config
					c.Host, c.Plain, c.Client = "stream.test", true, server.Pipe(t)
					return New(c)
				}
			}
			sourcetest.Run(t, sourcetest.Harness{
				Open: open(), Messages: messages, Endless: true,
				Malformed: open(sourcetest.Fault{After: 20, Misdeed: sourcetest.Junk}), Junk: mastodontest.JunkMessages,
			})
			stall := eventsStall
			if socket {
				stall = socketStall
			}
			sourcetest.RunNetwork(t, sourcetest.Network{
				NewServer: func(gzip bool) sourcetest.Server {
					server := mastodontest.New()
					server.Gzip = gzip
					return server
				},
				Open: func(a sourcetest.Address) sourcetest.Source {
					c := config
					c.Host, c.Plain, c.Client = a.Host, !a.TLS, a.Client
					return New(c)
				},
				Recovers:  true,
				Gzip:      !socket,
				Stall:     stall,
				Schedules: sourcetest.Schedules(),
				Stops: map[int]string{
					400: "--source", 401: "does not take the token", 403: "scopes", 404: "stream", 422: "--source",
				},
				Secrets: []string{mastodontest.Token},
			})
		})
	}
}
