package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"riffle/pkg/event"
	"riffle/pkg/source/jetstream/jetstreamtest"
	"riffle/pkg/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func configOf(host string) Config {
	return Config{Host: host, Path: defaultPath, Plain: true, Collections: []string{defaultCollection}}
}

// fromStart is a source that was there before the first event, and says so to
// the server.
type fromStart struct{ *Source }

func (s fromStart) Read(ctx context.Context, cursor string, emit func(event.Message) error) error {
	if cursor == "" {
		cursor = fmt.Sprint(jetstreamtest.FirstTime)
	}
	return s.Source.Read(ctx, cursor, emit)
}

//nolint:paralleltest // the suite's leak check must not see other tests
func TestConformance(t *testing.T) {
	const messages = 50
	for name, newServer := range map[string]func() *jetstreamtest.Server{
		"by time": jetstreamtest.New, "by number": jetstreamtest.NewNumbered,
	} {
		t.Run(name, func(t *testing.T) {
			open := func(faults ...sourcetest.Fault) func(t *testing.T) sourcetest.Source {
				return func(t *testing.T) sourcetest.Source {
					t.Helper()
					server := newServer()
					server.Add(defaultCollection, messages)
					server.Misbehave(faults...)
					return fromStart{New(configOf(server.Listen(t)))}
				}
			}
			sourcetest.Run(t, sourcetest.Harness{
				Open: open(), Messages: messages, Endless: true, Rewinds: true,
				Malformed: open(sourcetest.Fault{After: 20, Misdeed: sourcetest.Junk}), Junk: 3,
			})
			sourcetest.RunNetwork(t, sourcetest.Network{
				NewServer: func(bool) sourcetest.Server { return newServer() },
				Open: func(a sourcetest.Address) sourcetest.Source {
					c := configOf(a.Host)
					c.Plain, c.Client = !a.TLS, a.Client
					return fromStart{New(c)}
				},
				Recovers:  true,
				Stall:     stallTime,
				Schedules: sourcetest.Schedules(),
				Stops:     map[int]string{400: "collections", 401: "another host", 403: "another host", 404: "/subscribe"},
			})
		})
	}
}

func piped(t *testing.T, server *jetstreamtest.Server) *Source {
	t.Helper()
	c := configOf("jetstream.test")
	c.Client = server.Pipe(t)
	return New(c)
}

func TestServerThatCannotBeReached(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	plain := jetstreamtest.New()
	for name, config := range map[string]Config{
		"nobody there":     configOf(l.Addr().String()),
		"no TLS":           {Host: plain.Listen(t), Path: defaultPath},
		"name not known":   configOf("jetstream.invalid"),
		"impossible proxy": {Host: "x", Path: "/", Client: &http.Client{Transport: failing{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := New(config)
			err := s.Read(t.Context(), "", func(event.Message) error { return nil })
			if err == nil || !strings.Contains(err.Error(), config.Host) {
				t.Errorf("got %v, want an error that names the host", err)
			}
			if wait, giveUp := s.Reconnect(err, false); giveUp != nil || wait == 0 || wait > time.Second {
				t.Errorf("wait %v, %v, want a short one: it may pass", wait, giveUp)
			}
		})
	}
}

type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no way") }

func TestForeignCursorStops(t *testing.T) {
	t.Parallel()
	s := New(configOf("jetstream.invalid"))
	err := s.Read(t.Context(), "12-ab", func(event.Message) error { return nil })
	if _, giveUp := s.Reconnect(err, false); giveUp == nil || !strings.Contains(giveUp.Error(), "--name") {
		t.Errorf("got %v, want to give up with advice", giveUp)
	}
}

func TestWhatTheServerIsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for cursor, want := range map[string]string{
			"": "", "1780000010000000": "1780000005000000", "12345": "12345", "1000000000000001": "1000000000000001",
		} {
			server := jetstreamtest.New()
			server.Misbehave(sourcetest.Fault{Status: 503})
			s := piped(t, server)
			s.config.Collections = []string{"app.bsky.feed.post", "app.bsky.feed.repost"}
			if err := s.Read(t.Context(), cursor, nil); err == nil {
				t.Fatal("no error")
			}
			asked := server.Asked()[0]
			if got := asked.Get("cursor"); got != want {
				t.Errorf("cursor %q: asked for %q, want %q", cursor, got, want)
			}
			if diff := cmp.Diff(s.config.Collections, asked["wantedCollections"]); diff != "" {
				t.Errorf("collections (-want +got):\n%s", diff)
			}
		}
	})
}

// A server moves a cursor that is older than what it keeps up to its oldest
// event without a word; that is a gap from the one to the other.
func TestGapWhereTheServerKeepsNoLonger(t *testing.T) {
	t.Parallel()
	const begin = jetstreamtest.FirstTime / 1000
	for name, test := range map[string]struct {
		forgets  int
		away     time.Duration
		numbered bool // read before by this Source, since a number tells no time
		want     []event.Gap
	}{
		"kept":              {0, 48 * time.Hour, false, nil},
		"forgotten":         {7200, 48 * time.Hour, false, []event.Gap{{From: begin, To: begin + 7_200_000}}},
		"quiet, and kept":   {7200, time.Hour, false, nil},
		"forgotten, number": {7200, 48 * time.Hour, true, []event.Gap{{From: begin, To: begin + 7_200_000}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.UnixMicro(jetstreamtest.FirstTime)))
				server := jetstreamtest.New()
				if test.numbered {
					server = jetstreamtest.NewNumbered()
				}
				server.Add(defaultCollection, 8000)
				s, enough := piped(t, server), errors.New("enough")
				if test.numbered {
					if err := s.Read(t.Context(), "1", func(event.Message) error { return enough }); !errors.Is(err, enough) {
						t.Fatal(err)
					}
				}
				time.Sleep(test.away)
				server.Forget(test.forgets)
				cursor := fmt.Sprint(jetstreamtest.FirstTime)
				if test.numbered {
					cursor = "1"
				}
				var got []event.Gap
				err := s.Read(t.Context(), cursor, func(m event.Message) error {
					if m.Gap == nil {
						return enough
					}
					got = append(got, *m.Gap)
					return nil
				})
				if diff := cmp.Diff(test.want, got, cmpopts.IgnoreFields(event.Gap{}, "Why")); diff != "" || !errors.Is(err, enough) {
					t.Errorf("%v; gaps (-want +got):\n%s", err, diff)
				}
			})
		})
	}
}

// Without a cursor a source begins now; read without one once more, it goes back
// to where it began, so that a buffer which lost everything loses nothing.
func TestEmptyCursorMeansTheFirstMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := jetstreamtest.New()
		server.Add(defaultCollection, 100)
		go func() {
			time.Sleep(time.Second)
			server.Add(defaultCollection, 3)
		}()
		s := piped(t, server)
		var times []position
		enough := errors.New("enough")
		for range 2 {
			err := s.Read(t.Context(), "", func(m event.Message) error {
				at, _ := scanPosition(m.Data)
				times = append(times, at-jetstreamtest.FirstTime)
				if at == jetstreamtest.FirstTime+102_000_000 {
					return enough
				}
				return nil
			})
			if !errors.Is(err, enough) {
				t.Fatal(err)
			}
		}
		want := []position{100e6, 101e6, 102e6, 95e6, 96e6, 97e6, 98e6, 99e6, 100e6, 101e6, 102e6}
		if diff := cmp.Diff(want, times); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestScanPosition(t *testing.T) {
	t.Parallel()
	for msg, want := range map[string]position{
		`{"did":"did:plc:a","time_us":1780000000000000,"kind":"commit"}`:                      1780000000000000,
		`{"did":"did:plc:a","time_us":1780000000000000,"cursor":77,"kind":"commit"}`:          77,
		`{"did":"did:plc:a","time_us":1780000000000000,"kind":"commit","cursor":77}`:          1780000000000000,
		`{"kind":"commit","commit":{"time_us":1},"time_us":1780000000000000}`:                 1780000000000000,
		`{"kind":"commit","commit":{"cursor":1},"cursor":78,"time_us":1780000000000000}`:      78,
		` { "time_us" : 1780000000000000 , "did" : "did:plc:a" } `:                            1780000000000000,
		`{"did":"did:plc:a\",\"time_us\":5,\"kind\":","time_us":1780000000000000,"kind":"x"}`: 1780000000000000,
		`{"did":"did:plc:a","time_us":"1780000000000000","kind":"commit"}`:                    0,
		`{"did":"did:plc:a","time_us":-5,"kind":"commit"}`:                                    0,
		`{"did":"did:plc:a","time_us":1780000000000000000000,"kind":"commit"}`:                0,
		`{"did":"did:plc:a","kind":"commit"}`:                                                 0,
		`[1780000000000000]`:                                                                  0,
		`{"time_us":1780000000000000`:                                                         0,
		`junk`:                                                                                0,
		``:                                                                                    0,
	} {
		got, found := scanPosition([]byte(msg))
		if got != want || found != (want != 0) {
			t.Errorf("%s: got %d, %v, want %d", msg, got, found, want)
		}
	}
}

// FuzzScanPosition compares with encoding/json: where both read a position, it
// is the same one.
func FuzzScanPosition(f *testing.F) {
	f.Add([]byte(`{"did":"did:plc:a","time_us":1780000000000000,"cursor":77,"kind":"commit"}`))
	f.Add([]byte(`{"commit":{"time_us":1},"time_us":1780000000000000}`))
	f.Fuzz(func(t *testing.T, msg []byte) {
		got, found := scanPosition(msg)
		var want struct {
			TimeUS *json.Number `json:"time_us"`
			Cursor *json.Number `json:"cursor"`
		}
		if !found || json.Unmarshal(msg, &want) != nil || want.TimeUS == nil {
			return
		}
		for _, n := range []*json.Number{want.TimeUS, want.Cursor} {
			if n != nil && n.String() == fmt.Sprint(got) {
				return
			}
		}
		if n := strings.Count(strings.ToLower(string(msg)), "time_us") + strings.Count(string(msg), `\u`); n == 1 {
			t.Errorf("%q: got %d, want %v or %v", msg, got, want.TimeUS, want.Cursor)
		}
	})
}

func TestParse(t *testing.T) {
	t.Parallel()
	post := []string{"app.bsky.feed.post"}
	for spec, want := range map[string]Config{
		"jetstream://jetstream2.us-east.bsky.network": {Host: "jetstream2.us-east.bsky.network", Path: "/subscribe", Collections: post},
		"jetstream+ws://127.0.0.1:6008/":              {Host: "127.0.0.1:6008", Path: "/subscribe", Plain: true, Collections: post},
		"jetstream://h/x/subscribe?collections=a.b,c.*": {
			Host: "h", Path: "/x/subscribe", Collections: []string{"a.b", "c.*"},
		},
		"jetstream://h?collections=app.bsky.feed.*&collections=app.bsky.graph.follow": {
			Host: "h", Path: "/subscribe", Collections: []string{"app.bsky.feed.*", "app.bsky.graph.follow"},
		},
	} {
		got, err := Parse(spec)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", spec, err, diff)
		}
	}
	for spec, want := range map[string]string{
		"jetstream:":                            "form",
		"jetstream:///subscribe":                "form",
		"jetstream://user:secret@h":             "form",
		"wss://h":                               "neither",
		"jetstream://h?collection=a.b":          `"collection" is unknown`,
		"jetstream://h?collections=":            `""`,
		"jetstream://h?collections=post":        `"post"`,
		"jetstream://h?collections=a.b,,c.d":    `""`,
		"jetstream://h?collections=a.b%20c":     "NSID",
		"jetstream://h?%zz":                     "%zz",
		"jetstream://h:port":                    "port",
		"jetstream://h?" + manyCollections(101): "100",
	} {
		_, err := Parse(spec)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want something with %q", spec, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %q tells the password", spec, err)
		}
	}
}

func manyCollections(n int) string {
	return "collections=" + strings.Join(slices.Repeat([]string{"a.b"}, n), ",")
}

// BenchmarkRead reads over loopback; the server writes on the same machine.
func BenchmarkRead(b *testing.B) {
	server := jetstreamtest.New()
	const messages = 100_000
	server.Add(defaultCollection, messages)
	s := New(configOf(server.Listen(b)))
	enough := errors.New("enough")
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		left := messages
		err := s.Read(b.Context(), fmt.Sprint(jetstreamtest.FirstTime), func(event.Message) error {
			if left--; left == 0 {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) {
			b.Fatal(err)
		}
		n += messages
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
