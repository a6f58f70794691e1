package mastodon

import (
	"slices"
	"testing"
	"time"

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
				Schedules: schedules(),
				Stops: map[int]string{
					400: "--source", 401: "does not take the token", 403: "scopes", 404: "stream", 422: "--source",
				},
				Secrets: []string{mastodontest.Token},
			})
		})
	}
}

// schedules are what docs/sources.md says.
func schedules() map[string]sourcetest.Schedule {
	refuse := func(status int, after string) sourcetest.Fault {
		return sourcetest.Fault{Status: status, RetryAfter: after}
	}
	drop := func(after int) sourcetest.Fault { return sourcetest.Fault{After: after, Misdeed: sourcetest.Drop} }
	seconds := func(least, most float64) sourcetest.Span {
		return sourcetest.Span{Least: time.Duration(least * 1e9), Most: time.Duration(most * 1e9)}
	}
	broken := []sourcetest.Span{
		seconds(0.1, 0.25), seconds(0.3, 0.5), seconds(0.7, 1), seconds(1.5, 2), seconds(3, 4), seconds(6, 8), seconds(12, 16),
		seconds(22.5, 30), seconds(22.5, 30),
	}
	wait := func(faults []sourcetest.Fault, waits ...sourcetest.Span) sourcetest.Schedule {
		return sourcetest.Schedule{Faults: faults, Waits: waits}
	}
	return map[string]sourcetest.Schedule{
		"unavailable": wait(slices.Repeat([]sourcetest.Fault{refuse(503, "")}, 8), seconds(5, 7), seconds(10, 13),
			seconds(20, 25), seconds(40, 50), seconds(80, 100), seconds(160, 200), seconds(300, 375), seconds(300, 375)),
		"as the server asks":          wait([]sourcetest.Fault{refuse(429, "90"), refuse(503, "1")}, seconds(90, 113), seconds(10, 13)),
		"drops before anything comes": wait(slices.Repeat([]sourcetest.Fault{drop(0)}, 9), broken...),
		"drops after some messages":   wait(slices.Repeat([]sourcetest.Fault{drop(3)}, 9), broken...),
		"a good connection is made again at once": wait([]sourcetest.Fault{drop(0), drop(0), drop(30), drop(0)},
			seconds(0.1, 0.25), seconds(0.3, 0.5), seconds(0, 0), seconds(0.1, 0.25)),
	}
}
