package feed

import (
	"errors"
	"net/url"
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
				Schedules: sourcetest.Schedules(),
				Stops: map[int]string{
					400: "--source", 401: "USER:PASSWORD@HOST", 403: "USER:PASSWORD@HOST", 404: "path", 410: "no more",
				},
				Secrets: []string{feedtest.Password, "key-of-ann"},
			})
		})
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
