package feed

import (
	"errors"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"riffle/pkg/event"
	"riffle/pkg/source/feed/feedtest"
	"riffle/pkg/source/native"
	"riffle/pkg/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func decoders() event.Decoder { return native.NewDecoder("feed") }

// configOf is that of a stream which only ann may read.
func configOf(scheme, host string) Config {
	return Config{
		Address: &url.URL{Scheme: scheme, Host: host, Path: "/stream", RawQuery: "key=key-of-ann"},
		User:    url.UserPassword("ann", feedtest.Password), Format: FormatAuto,
	}
}

//nolint:paralleltest // the suite's leak check must not see other tests
func TestConformance(t *testing.T) {
	const messages = 50
	for name, schemes := range map[string][2]string{"events": {"http", "https"}, "WebSocket": {"ws", "wss"}} {
		t.Run(name, func(t *testing.T) {
			open := func(faults ...sourcetest.Fault) func(t *testing.T) sourcetest.Source {
				return func(t *testing.T) sourcetest.Source {
					t.Helper()
					server := feedtest.New()
					server.FromStart = true
					for range messages {
						server.Post()
					}
					server.Misbehave(faults...)
					c := configOf(schemes[0], "stream.test")
					c.Client = server.Pipe(t)
					return New(c, decoders)
				}
			}
			sourcetest.Run(t, sourcetest.Harness{
				Open: open(), Messages: messages, Endless: true,
				Malformed: open(sourcetest.Fault{After: 20, Misdeed: sourcetest.Junk}), Junk: feedtest.JunkMessages,
			})
			sourcetest.RunNetwork(t, sourcetest.Network{
				NewServer: func(gzip bool) sourcetest.Server {
					server := feedtest.New()
					server.Gzip = gzip
					return server
				},
				Open: func(a sourcetest.Address) sourcetest.Source {
					c := configOf(schemes[0], a.Host)
					if a.TLS {
						c.Address.Scheme = schemes[1]
					}
					c.Client = a.Client
					return New(c, decoders)
				},
				Recovers:  name == "events",
				Gzip:      name == "events",
				Stall:     stallTime,
				Schedules: schedules(),
				Stops: map[int]string{
					400: "--source", 401: "USER:PASSWORD@HOST", 403: "USER:PASSWORD@HOST", 404: "path", 410: "no more",
				},
				Secrets: []string{feedtest.Password, "key-of-ann"},
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
	wait := func(faults []sourcetest.Fault, waits ...sourcetest.Span) sourcetest.Schedule {
		return sourcetest.Schedule{Faults: faults, Waits: waits}
	}
	return map[string]sourcetest.Schedule{
		"unavailable":                 wait(slices.Repeat([]sourcetest.Fault{refuse(503, "")}, 3), seconds(5, 7), seconds(10, 13), seconds(20, 25)),
		"as the server asks":          wait([]sourcetest.Fault{refuse(429, "90"), refuse(503, "1")}, seconds(90, 113), seconds(10, 13)),
		"not what it should be":       wait([]sourcetest.Fault{refuse(200, "")}, seconds(5, 7)),
		"drops before anything comes": wait(slices.Repeat([]sourcetest.Fault{drop(0)}, 3), seconds(0.1, 0.25), seconds(0.3, 0.5), seconds(0.7, 1)),
		"a good connection is made again at once": wait([]sourcetest.Fault{drop(0), drop(0), drop(30), drop(0)},
			seconds(0.1, 0.25), seconds(0.3, 0.5), seconds(0, 0), seconds(0.1, 0.25)),
	}
}

// TestGaps: messages without ids that came while there was no connection are
// told as a gap, after a restart too; those with ids come.
func TestGaps(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		scheme string
		noIDs  bool
		gap    bool
	}{
		"events with ids": {scheme: "http"}, "events without": {scheme: "http", noIDs: true, gap: true}, "WebSocket": {scheme: "ws", gap: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := feedtest.New()
				server.NoIDs = test.noIDs
				client := server.Pipe(t)
				open := func() *Source {
					c := configOf(test.scheme, "stream.test")
					c.Client = client
					return New(c, decoders)
				}
				s := open()
				cursor, gaps := readOne(t, s, server, "")
				if len(gaps) != 0 || s.Replays() == test.gap {
					t.Errorf("first connection: got gaps %v, replays: %v", gaps, s.Replays())
				}
				for _, s := range []*Source{s, open()} {
					from := time.Now()
					time.Sleep(time.Minute)
					_, gaps := readOne(t, s, server, cursor)
					switch {
					case !test.gap && len(gaps) == 0 && s.Replays():
					case test.gap && len(gaps) == 1 && gaps[0].To == event.TimeOf(time.Now()) && gaps[0].From <= event.TimeOf(from):
					default:
						t.Errorf("got gaps %v, replays: %v", gaps, s.Replays())
					}
				}
			})
		})
	}
}

// TestEmptyCursorTells: a buffer that lost all, and wants what came since the
// beginning, is told that nobody has it.
func TestEmptyCursorTells(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := feedtest.New()
		c := configOf("http", "stream.test")
		c.Client = server.Pipe(t)
		s := New(c, decoders)
		begun := event.TimeOf(time.Now())
		readOne(t, s, server, "")
		time.Sleep(time.Minute)
		_, gaps := readOne(t, s, server, "")
		if len(gaps) != 1 || gaps[0].From != begun || gaps[0].To != event.TimeOf(time.Now()) {
			t.Errorf("got gaps %v, want one from %v", gaps, begun)
		}
	})
}

// readOne reads until a message comes.
func readOne(t *testing.T, s *Source, server *feedtest.Server, cursor string) (next string, gaps []event.Gap) {
	t.Helper()
	enough := errors.New("enough")
	go func() {
		synctest.Wait()
		server.Post()
	}()
	err := s.Read(t.Context(), cursor, func(m event.Message) error {
		if m.Gap != nil {
			gaps = append(gaps, *m.Gap)
			return nil
		}
		next = string(m.Cursor)
		return enough
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	return next, gaps
}
