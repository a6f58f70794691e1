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
			open := func(faults ...jetstreamtest.Fault) func(t *testing.T) sourcetest.Source {
				return func(t *testing.T) sourcetest.Source {
					t.Helper()
					server := newServer()
					server.Post(messages)
					server.Misbehave(faults...)
					return fromStart{New(configOf(server.Listen(t)))}
				}
			}
			sourcetest.Run(t, sourcetest.Harness{
				Open: open(), Messages: messages, Endless: true, Rewinds: true,
				Malformed: open(jetstreamtest.Fault{After: 20, Misdeed: jetstreamtest.Junk}), Junk: 3,
			})
		})
	}
}

// follower reads a source as ingest does: again and again, as it says, each time
// from the newest message.
type follower struct {
	source *Source
	waits  []time.Duration
	seen   []string // rkeys, once each
	err    error
}

// follow reads until last has come, or the source gives up.
func (f *follower) follow(ctx context.Context, last int) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cursor := fmt.Sprint(jetstreamtest.FirstTime)
	for {
		gotData := false
		err := f.source.Read(ctx, cursor, func(m event.Message) error {
			gotData = true
			cursor = string(m.Cursor)
			f.note(m.Data)
			if len(f.seen) == last {
				cancel()
			}
			return ctx.Err()
		})
		if ctx.Err() != nil {
			return
		}
		wait, giveUp := f.source.Reconnect(err, gotData)
		f.waits = append(f.waits, wait)
		if giveUp != nil {
			f.err = giveUp
			return
		}
		time.Sleep(wait)
	}
}

func (f *follower) note(msg []byte) {
	var post struct {
		Commit struct{ Rkey string }
	}
	if json.Unmarshal(msg, &post) == nil && post.Commit.Rkey != "" && !slices.Contains(f.seen, post.Commit.Rkey) {
		f.seen = append(f.seen, post.Commit.Rkey)
	}
}

func rkeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("3lb%010d", i)
	}
	return keys
}

func newFollower(t *testing.T, server *jetstreamtest.Server) *follower {
	t.Helper()
	c := configOf("jetstream.test")
	c.Client = server.Pipe(t)
	return &follower{source: New(c)}
}

// Whatever a connection does, all events arrive, in order.
func TestMisdeeds(t *testing.T) {
	t.Parallel()
	for name, misdeed := range map[string]jetstreamtest.Misdeed{
		"drop": jetstreamtest.Drop, "leave": jetstreamtest.Leave, "half": jetstreamtest.Half,
		"stall": jetstreamtest.Stall, "junk": jetstreamtest.Junk, "oversize": jetstreamtest.Oversize,
		"duplicate": jetstreamtest.Duplicate,
	} {
		for _, numbered := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " numbered ", numbered), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					server := jetstreamtest.New()
					if numbered {
						server = jetstreamtest.NewNumbered()
					}
					server.Post(30)
					for _, after := range []int{0, 1, 7, 20} {
						server.Misbehave(jetstreamtest.Fault{After: after, Misdeed: misdeed})
					}
					f := newFollower(t, server)
					f.follow(t.Context(), 30)
					if diff := cmp.Diff(rkeys(30), f.seen); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
					if misdeed >= jetstreamtest.Junk && len(f.waits) > 0 {
						t.Errorf("connected again after %v, want the stream to go on", f.waits)
					}
				})
			})
		}
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	refuse := func(status int, after string) jetstreamtest.Fault {
		return jetstreamtest.Fault{Status: status, RetryAfter: after}
	}
	type span struct{ least, most float64 } // in seconds
	for name, test := range map[string]struct {
		faults []jetstreamtest.Fault
		want   []span
	}{
		"unavailable": {
			slices.Repeat([]jetstreamtest.Fault{refuse(503, "")}, 8),
			[]span{{5, 7}, {10, 13}, {20, 25}, {40, 50}, {80, 100}, {160, 200}, {300, 375}, {300, 375}},
		},
		"as the server asks": {
			[]jetstreamtest.Fault{refuse(429, "90"), refuse(503, "1"), refuse(429, "100000"), refuse(500, "soon")},
			[]span{{90, 113}, {10, 13}, {3600, 4500}, {40, 50}},
		},
		"drops before anything comes": {
			slices.Repeat([]jetstreamtest.Fault{{Misdeed: jetstreamtest.Drop}}, 9),
			[]span{{0, 1}, {0, 1}, {0, 1}, {1, 2}, {3, 4}, {6, 8}, {12, 16}, {22, 30}, {22, 30}},
		},
		// What a rewound connection brings at once does not make it good.
		"drops after some messages": {
			slices.Repeat([]jetstreamtest.Fault{{After: 3, Misdeed: jetstreamtest.Drop}}, 9),
			[]span{{0, 1}, {0, 1}, {0, 1}, {1, 2}, {3, 4}, {6, 8}, {12, 16}, {22, 30}, {22, 30}},
		},
		"not what it should be": {[]jetstreamtest.Fault{refuse(200, "")}, []span{{5, 7}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := jetstreamtest.New()
				server.Post(30)
				server.Misbehave(test.faults...)
				f := newFollower(t, server)
				f.follow(t.Context(), 30)
				if f.err != nil || len(f.waits) != len(test.want) {
					t.Fatalf("gave up with %v after waits %v, want %d waits", f.err, f.waits, len(test.want))
				}
				for i, want := range test.want {
					if got := f.waits[i].Seconds(); got < want.least || got > want.most {
						t.Errorf("wait %d is %vs, want %vs to %vs", i, got, want.least, want.most)
					}
				}
			})
		})
	}
}

func TestGoodConnectionIsMadeAgainAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := jetstreamtest.New()
		server.Post(3)
		// Two failures, then a connection that brings messages for long enough.
		server.Misbehave(jetstreamtest.Fault{Misdeed: jetstreamtest.Drop}, jetstreamtest.Fault{Misdeed: jetstreamtest.Drop},
			jetstreamtest.Fault{After: 5, Misdeed: jetstreamtest.Drop}, jetstreamtest.Fault{Misdeed: jetstreamtest.Drop})
		go func() {
			time.Sleep(settledTime + time.Second)
			server.Post(7)
		}()
		f := newFollower(t, server)
		f.follow(t.Context(), 10)
		if len(f.waits) != 4 || f.waits[2] != 0 || f.waits[3] == 0 || f.waits[3] > failedFirst {
			t.Errorf("waits %v, want two short ones, none after the good connection, then the first again", f.waits)
		}
	})
}

func TestStallIsNoticedInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := jetstreamtest.New()
		server.Post(2)
		server.Misbehave(jetstreamtest.Fault{After: 2, Misdeed: jetstreamtest.Stall})
		f := newFollower(t, server)
		start := time.Now()
		err := f.source.Read(t.Context(), fmt.Sprint(jetstreamtest.FirstTime), func(event.Message) error { return nil })
		if !errors.Is(err, errStalled) || time.Since(start) != stallTime {
			t.Errorf("got %v after %v, want %v after %v", err, time.Since(start), errStalled, stallTime)
		}
	})
}

// A buffer that is away for an hour holds the receiver, and that is no stall.
func TestSlowReceiverIsNoStall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := jetstreamtest.New()
		server.Post(5)
		f, n := newFollower(t, server), 0
		enough := errors.New("enough")
		err := f.source.Read(t.Context(), fmt.Sprint(jetstreamtest.FirstTime), func(event.Message) error {
			time.Sleep(time.Hour)
			if n++; n == 5 {
				return enough
			}
			return nil
		})
		if !errors.Is(err, enough) {
			t.Errorf("got %v after %d messages, want %v after 5", err, n, enough)
		}
	})
}

func TestPermanentRefusalStops(t *testing.T) {
	t.Parallel()
	for status, advice := range map[int]string{400: "collections", 401: "another host", 403: "another host", 404: "/subscribe"} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := jetstreamtest.New()
				server.Misbehave(jetstreamtest.Fault{Status: status})
				f := newFollower(t, server)
				f.follow(t.Context(), 1)
				if len(f.waits) != 1 || f.err == nil {
					t.Fatalf("tried %d times, want once", len(f.waits))
				}
				for _, want := range []string{fmt.Sprint(status), advice, "jetstream.test", "service not ready"} {
					if !strings.Contains(f.err.Error(), want) {
						t.Errorf("error %q does not tell %q", f.err, want)
					}
				}
			})
		})
	}
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
			if wait, giveUp := s.Reconnect(err, false); giveUp != nil || wait == 0 || wait > failedFirst {
				t.Errorf("wait %v, %v, want up to %v: it may pass", wait, giveUp, failedFirst)
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
			server.Misbehave(jetstreamtest.Fault{Status: 503})
			f := newFollower(t, server)
			f.source.config.Collections = []string{"app.bsky.feed.post", "app.bsky.feed.repost"}
			if err := f.source.Read(t.Context(), cursor, nil); err == nil {
				t.Fatal("no error")
			}
			asked := server.Asked()[0]
			if got := asked.Get("cursor"); got != want {
				t.Errorf("cursor %q: asked for %q, want %q", cursor, got, want)
			}
			if diff := cmp.Diff(f.source.config.Collections, asked["wantedCollections"]); diff != "" {
				t.Errorf("collections (-want +got):\n%s", diff)
			}
		}
	})
}

// Without a cursor a source begins now; read without one once more, it goes back
// to where it began, so that a buffer which lost everything loses nothing.
func TestEmptyCursorMeansTheFirstMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := jetstreamtest.New()
		server.Post(100)
		go func() {
			time.Sleep(time.Second)
			server.Post(3)
		}()
		f := newFollower(t, server)
		var times []position
		enough := errors.New("enough")
		for range 2 {
			err := f.source.Read(t.Context(), "", func(m event.Message) error {
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
	server.Post(messages)
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
