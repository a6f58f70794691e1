package twitter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"riffle/pkg/event"
	"riffle/pkg/reconnect"
	"riffle/pkg/shrink/shrinktest"
	"riffle/pkg/source/sourcetest"
	"riffle/pkg/source/twitter/twittertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testKeys = Keys{twittertest.ConsumerKey, twittertest.ConsumerSecret, twittertest.Token, twittertest.TokenSecret}

// open makes a source of a server with the suite's keys.
func open(host string, tls bool, client *http.Client) *Source {
	endpoint := &url.URL{Scheme: "http", Host: host}
	if tls {
		endpoint.Scheme = "https"
	}
	return New(Config{Stream: streamFilter, Track: []string{"tea", "green coffee"}, Endpoint: endpoint, Keys: testKeys, Client: client})
}

func exactly(d time.Duration) sourcetest.Span { return sourcetest.Span{Least: d, Most: d} }

func seconds(all ...float64) (waits []sourcetest.Span) {
	for _, s := range all {
		waits = append(waits, exactly(time.Duration(s*float64(time.Second))))
	}
	return waits
}

func refuse(status, times int) []sourcetest.Fault {
	return slices.Repeat([]sourcetest.Fault{{Status: status}}, times)
}

//nolint:paralleltest // the suite's leak check must not see other tests
func TestConformance(t *testing.T) {
	drop := sourcetest.Fault{Misdeed: sourcetest.Drop}
	dropLater := sourcetest.Fault{Misdeed: sourcetest.Drop, After: 15}
	sourcetest.RunNetwork(t, sourcetest.Network{
		NewServer: func(gzip bool) sourcetest.Server {
			if gzip {
				return twittertest.NewGzip()
			}
			return twittertest.New()
		},
		Open:  func(a sourcetest.Address) sourcetest.Source { return open(a.Host, a.TLS, a.Client) },
		Gzip:  true,
		Stall: stallTime,
		Schedules: map[string]sourcetest.Schedule{
			"connections that break": {
				Faults: slices.Repeat([]sourcetest.Fault{drop}, 66),
				Waits:  append(steps(0.25, 64), exactly(failedMost), exactly(failedMost)),
			},
			"unavailable":                     {Faults: refuse(503, 8), Waits: seconds(5, 10, 20, 40, 80, 160, 320, 320)},
			"limited":                         {Faults: refuse(420, 7), Waits: seconds(60, 120, 240, 480, 960, 960, 960)},
			"limited, in the words of others": {Faults: refuse(429, 2), Waits: seconds(60, 120)},
			"as the server asks": {
				Faults: []sourcetest.Fault{{Status: 503, RetryAfter: "90"}, {Status: 429, RetryAfter: "3"}, {Status: 420, RetryAfter: "99999"}},
				Waits:  seconds(90, 60, 3600),
			},
			"other answers that are no stream": {
				Faults: slices.Concat(refuse(500, 1), refuse(302, 1), refuse(204, 1), refuse(413, 1)), Waits: seconds(5, 10, 20, 40),
			},
			"each by itself": {
				Faults: slices.Concat(refuse(503, 2), []sourcetest.Fault{drop, drop}, refuse(420, 1), refuse(503, 1), []sourcetest.Fault{drop}),
				Waits:  seconds(5, 10, 0.25, 0.5, 60, 20, 0.75),
			},
			"good connections": {
				Faults: []sourcetest.Fault{dropLater, dropLater, dropLater}, Waits: seconds(0, 0, 0),
			},
			"reset by data alone": {
				Faults: slices.Concat(refuse(503, 3), refuse(420, 2), []sourcetest.Fault{drop, drop, dropLater}, refuse(503, 2), refuse(420, 1), []sourcetest.Fault{drop}),
				Waits:  seconds(5, 10, 20, 60, 120, 0.25, 0.5, 0, 5, 10, 60, 0.25),
			},
			"short ones are not hammered": {
				Faults: slices.Repeat([]sourcetest.Fault{{Misdeed: sourcetest.Drop, After: 1}}, 4), Waits: seconds(0, 0.25, 0.25, 0.25),
			},
			"half a tweet proves nothing": {
				Faults: []sourcetest.Fault{{Misdeed: sourcetest.Half}, {Misdeed: sourcetest.Half}}, Waits: seconds(0.25, 0.5),
			},
		},
		Stops: map[int]string{401: "RIFFLE_TWITTER_CONSUMER_KEY", 403: "account", 404: "endpoint", 406: "track"},
		Secrets: []string{
			twittertest.ConsumerKey, twittertest.ConsumerSecret, twittertest.Token, twittertest.TokenSecret, "geheim",
		},
	})
}

// steps are n waits, each one step longer than the one before.
func steps(step float64, n int) (waits []sourcetest.Span) {
	for i := range n {
		waits = append(waits, seconds(step*float64(i+1))...)
	}
	return waits
}

// pipe is a source of a server in memory.
func pipe(t *testing.T, server *twittertest.Server) *Source {
	t.Helper()
	return open("stream.test", false, server.Pipe(t))
}

// talk sends messages to the stream that is asked for next.
func talk(server *twittertest.Server, messages ...string) {
	go func() {
		synctest.Wait()
		server.Send(messages...)
	}()
}

var errEnough = errors.New("enough")

// collect reads a connection until it ends, or until so many messages have come.
func collect(ctx context.Context, s *Source, cursor string, want int) (got []string, gaps []event.Gap, err error) {
	err = s.Read(ctx, cursor, func(m event.Message) error {
		if m.Gap != nil {
			gaps = append(gaps, *m.Gap)
			return nil
		}
		if got = append(got, string(m.Data)); len(got) == want {
			return errEnough
		}
		return nil
	})
	return got, gaps, err
}

func TestWhatIsAsked(t *testing.T) {
	t.Parallel()
	words := make([]string, 400)
	for i := range words {
		words[i] = fmt.Sprintf("some word %d & ünïcode", i)
	}
	track := strings.Join(words, ",")
	for spec, want := range map[string]twittertest.Request{
		"twitter://filter?track=" + url.QueryEscape(track): {
			Method: "POST", Path: "/1.1/statuses/filter.json", Body: url.Values{"track": {track}, "stall_warnings": {"true"}},
		},
		"twitter://filter?follow=12,%2013&track=tea&track=milk,sugar&language=en,de": {
			Method: "POST", Path: "/1.1/statuses/filter.json", Body: url.Values{
				"follow": {"12,13"}, "track": {"tea,milk,sugar"}, "language": {"en,de"}, "stall_warnings": {"true"},
			},
		},
		"twitter://sample?language=ja":    {Method: "GET", Path: "/1.1/statuses/sample.json", Query: "language=ja&stall_warnings=true"},
		"twitter://user?track=tea":        {Method: "GET", Path: "/1.1/user.json", Query: "stall_warnings=true&track=tea"},
		"twitter://site?follow=7001,7002": {Method: "GET", Path: "/1.1/site.json", Query: "follow=7001%2C7002&stall_warnings=true"},
	} {
		t.Run(spec[:min(len(spec), 40)], func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, err := Parse(spec)
				if err != nil {
					t.Fatal(err)
				}
				server := twittertest.New()
				c.Endpoint, c.Keys, c.Client = &url.URL{Scheme: "http", Host: "stream.test"}, testKeys, server.Pipe(t)
				talk(server, `{"limit":{"track":1}}`)
				if _, _, err := collect(t.Context(), New(c), "", 1); !errors.Is(err, errEnough) {
					t.Fatal(err)
				}
				got := server.Asked()[0]
				want.At, want.UserAgent = got.At, "riffle"
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Twitter's own hosts are asked over TLS where no endpoint is given.
func TestTwittersOwnHosts(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"twitter://filter?track=x": "https://stream.twitter.com/1.1/statuses/filter.json",
		"twitter://sample":         "https://stream.twitter.com/1.1/statuses/sample.json?stall_warnings=true",
		"twitter://user":           "https://userstream.twitter.com/1.1/user.json?stall_warnings=true",
		"twitter://site?follow=1":  "https://sitestream.twitter.com/1.1/site.json?follow=1&stall_warnings=true",
	} {
		c, err := Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		var got *http.Request
		c.Keys, c.Client = testKeys, &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			got = r
			return nil, errors.New("no way")
		})}
		_, _, err = collect(t.Context(), New(c), "", 1)
		if got.URL.String() != want || !strings.Contains(err.Error(), got.URL.Host) || !strings.Contains(err.Error(), "no way") {
			t.Errorf("asked %s, want %s; error %v", got.URL, want, err)
		}
		if auth := got.Header.Get("Authorization"); !strings.HasPrefix(auth, "OAuth ") || strings.Contains(auth, url.QueryEscape(twittertest.TokenSecret)) {
			t.Errorf("authorization %q", auth)
		}
	}
}

func TestWrongKeysStop(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]Keys{
		"consumer key":    {"geheim", testKeys.ConsumerSecret, testKeys.Token, testKeys.TokenSecret},
		"consumer secret": {testKeys.ConsumerKey, "geheim", testKeys.Token, testKeys.TokenSecret},
		"token":           {testKeys.ConsumerKey, testKeys.ConsumerSecret, "geheim", testKeys.TokenSecret},
		"token secret":    {testKeys.ConsumerKey, testKeys.ConsumerSecret, testKeys.Token, "geheim"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := pipe(t, twittertest.New())
				s.config.Keys = keys
				s = New(s.config)
				_, _, err := collect(t.Context(), s, "", 1)
				_, giveUp := s.Reconnect(err, false)
				if !errors.Is(giveUp, event.ErrDenied) || !strings.Contains(fmt.Sprint(giveUp), "401 Unauthorized") {
					t.Errorf("got %v, want to stop with 401", giveUp)
				}
			})
		})
	}
}

// A server, or somebody between, that repeats what we sent must not bring the
// keys into our log; one that says nothing after its status must not hold us up.
func TestRefusalsAreToldWithoutKeysAndInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := twittertest.New()
		server.Misbehave(sourcetest.Fault{Status: 401, Body: "bad token " + testKeys.Token + " of " + testKeys.ConsumerKey})
		_, _, err := collect(t.Context(), pipe(t, server), "", 1)
		if got := fmt.Sprint(err); strings.Contains(got, "geheim") || !strings.Contains(got, "bad token *** of ***") {
			t.Errorf("got %s", got)
		}
		if got := fmt.Sprintf("%v %+v %#v %s", testKeys, Config{Keys: testKeys}, Config{Keys: testKeys}, testKeys); strings.Contains(got, "geheim") {
			t.Errorf("keys print as %s", got)
		}
		silent := Config{Stream: streamSample, Keys: testKeys, Client: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 503, Body: waiting{r.Context()}}, nil
		})}}
		start := time.Now()
		_, _, err = collect(t.Context(), New(silent), "", 1)
		if status, ok := errors.AsType[*reconnect.StatusError](err); !ok || status.Code != 503 || time.Since(start) != refusalTime {
			t.Errorf("got %v after %v, want 503 after %v", err, time.Since(start), refusalTime)
		}
	})
}

// waiting is a body that never comes.
type waiting struct{ ctx context.Context } //nolint:containedctx // bodies obey the context of their request

func (w waiting) Read([]byte) (int, error) {
	<-w.ctx.Done()
	return 0, w.ctx.Err()
}

func (waiting) Close() error { return nil }

func TestDisconnectMessages(t *testing.T) {
	t.Parallel()
	for code := range 14 {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := twittertest.New()
				server.Misbehave(sourcetest.Fault{After: 3, Misdeed: sourcetest.Leave})
				s := pipe(t, server)
				talk(server, `{"limit":{"track":1}}`, fmt.Sprintf(`{"disconnect":{"code":%d,"stream_name":"x","reason":"y \u00fc \"z\""}}`, code), `{"limit":{"track":2}}`)
				got, _, err := collect(t.Context(), s, "", 9)
				wait, giveUp := s.Reconnect(err, true)
				stops := slices.Contains([]int{2, 6, 7}, code)
				want := 3
				if stops {
					want = 2
				}
				if stops != errors.Is(giveUp, event.ErrDenied) || wait != 0 || len(got) != want {
					t.Errorf("got %q, then wait %v, %v", got, wait, giveUp)
				}
				for _, want := range []string{fmt.Sprintf("code %d", code), disconnectNames[code], `y ü \"z\"`} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %q does not tell %q", err, want)
					}
				}
				if stops && !strings.Contains(err.Error(), map[int]string{2: "standby", 6: "ACCESS_TOKEN", 7: "logged out"}[code]) {
					t.Errorf("error %q does not tell what to do", err)
				}
			})
		})
	}
}

// A tweet that speaks of a disconnect is none; neither is one in which the word
// is a field of something else.
func TestNoDisconnect(t *testing.T) {
	t.Parallel()
	for _, msg := range []string{
		`{"text":"{\"disconnect\":{\"code\":2}}"}`, `{"text":"x","user":{"disconnect":{"code":2}}}`, `{"disconnect":null}`,
		`{"disconnect":{"code":2}`, `["disconnect"]`, `{"disconnect":5}`, "",
	} {
		if got := disconnectOf([]byte(msg)); got != nil {
			t.Errorf("%s: got %v", msg, got)
		}
	}
	if got := disconnectOf([]byte(` { "disconnect" : { "code" : 12 } } `)); got == nil || got.Code != 12 {
		t.Errorf("got %v, want code 12", got)
	}
}

// A stream on which nothing happens is kept alive for days, and is a good
// connection although it brought nothing.
func TestQuietStreamIsNoStall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := twittertest.New()
		server.Misbehave(refuse(503, 3)...)
		s := pipe(t, server)
		for range 3 {
			_, _, err := collect(t.Context(), s, "", 1)
			_, _ = s.Reconnect(err, false)
		}
		begun := time.Now()
		got, _, err := collect(t.Context(), s, "", 2*24*60*2)
		if !errors.Is(err, errEnough) || strings.Join(got, "") != "" || time.Since(begun) != 48*time.Hour {
			t.Fatalf("%d messages after %v: %v", len(got), time.Since(begun), err)
		}
		if wait, _ := s.Reconnect(io.EOF, true); wait != 0 {
			t.Errorf("waits %v after a good connection", wait)
		}
		if wait, _ := s.Reconnect(&reconnect.StatusError{Code: 503}, false); wait != refusedFirst {
			t.Errorf("waits %v, want %v: the schedule begins anew", wait, refusedFirst)
		}
	})
}

func TestNoAnswerIsAStall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := twittertest.New()
		server.Misbehave(sourcetest.Fault{Misdeed: sourcetest.Mute})
		begun := time.Now()
		_, _, err := collect(t.Context(), pipe(t, server), "", 1)
		if !errors.Is(err, errStalled) || time.Since(begun) != stallTime {
			t.Errorf("got %v after %v, want %v after %v", err, time.Since(begun), errStalled, stallTime)
		}
	})
}

func TestGapsAreToldWithTheirBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := twittertest.New()
		server.Misbehave(sourcetest.Fault{After: 2, Misdeed: sourcetest.Stall}, sourcetest.Fault{Status: 503}, sourcetest.Fault{})
		s := pipe(t, server)
		begun := time.Now()
		go func() {
			time.Sleep(time.Minute)
			server.Send(`{"limit":{"track":1}}`)
			time.Sleep(time.Second)
			server.Send(`{"limit":{"track":2}}`)
		}()
		_, gaps, err := collect(t.Context(), s, "", 9)
		if len(gaps) != 0 || !errors.Is(err, errStalled) {
			t.Fatalf("the first connection: gaps %v, %v", gaps, err)
		}
		_, gaps, err = collect(t.Context(), s, "", 9)
		if status, ok := errors.AsType[*reconnect.StatusError](err); len(gaps) != 0 || !ok || status.Code != 503 {
			t.Fatalf("a refusal: gaps %v, %v", gaps, err)
		}
		time.Sleep(time.Hour)
		// The cursor is that of an older event.
		got, gaps, err := collect(t.Context(), s, "1999-12-31T23:00:00Z", 1)
		heard := begun.Add(61 * time.Second)
		want := event.Gap{From: event.TimeOf(heard), To: event.TimeOf(heard.Add(stallTime + time.Hour))}
		if len(gaps) != 1 || gaps[0].From != want.From || gaps[0].To != want.To || gaps[0].Why == "" {
			t.Errorf("got %v, want %v; %q, %v", gaps, want, got, err)
		}
	})
}

// Whoever goes on where another stopped tells what nobody heard.
func TestCursorIsWhenTheStreamWasHeard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := twittertest.New()
		talk(server, `{"limit":{"track":1}}`)
		var cursor string
		err := pipe(t, server).Read(t.Context(), "", func(m event.Message) error {
			cursor = string(m.Cursor)
			return errEnough
		})
		if !errors.Is(err, errEnough) || cursor != "2000-01-01T00:00:00.000Z" {
			t.Fatalf("got cursor %q, %v", cursor, err)
		}
		time.Sleep(time.Hour)
		talk(server, `{"limit":{"track":2}}`)
		_, gaps, _ := collect(t.Context(), pipe(t, server), cursor, 1)
		if len(gaps) != 1 || gaps[0].To-gaps[0].From != 3_600_000 {
			t.Errorf("got gaps %v, want one of an hour", gaps)
		}
		s := pipe(t, server)
		_, _, err = collect(t.Context(), s, "1780000000000000", 1)
		if _, giveUp := s.Reconnect(err, false); !errors.Is(giveUp, event.ErrDenied) || !strings.Contains(giveUp.Error(), "--name") {
			t.Errorf("a cursor of another source: got %v, want to stop with advice", giveUp)
		}
	})
}

// Every message that Twitter documents is an event or passed over by name, also
// on its way through a connection.
func TestAllMessagesOverTheWire(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]func(t *testing.T) []string{"own": ownMessages, "captured": capturedMessages} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := lines(t)
			synctest.Test(t, func(t *testing.T) {
				server := twittertest.NewGzip()
				s := pipe(t, server)
				talk(server, want...)
				got, _, err := collect(t.Context(), s, "", len(want))
				if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, errEnough) {
					t.Fatalf("%v; messages (-want +got):\n%s", err, diff)
				}
				kinds := map[string]int{}
				decoder := s.NewDecoder()
				for _, msg := range got {
					var ev event.Event
					err := decoder.Decode(&ev, []byte(msg))
					over, passed := errors.AsType[*event.PassedOverError](err)
					switch {
					case err == nil && ev.Deleted:
						kinds["deletion"]++
					case err == nil:
						kinds["tweet"]++
					case passed:
						kinds[over.Kind]++
					default:
						t.Errorf("%v: %s", err, msg)
					}
				}
				for _, kind := range []string{
					"tweet", "deletion", "friends", "event", "direct_message", "delete_direct_message", "limit", "scrub_geo",
					"status_withheld", "user_withheld", "disconnect", "warning",
				} {
					if kinds[kind] == 0 {
						t.Errorf("no %s among %v", kind, kinds)
					}
				}
			})
		})
	}
}

// ownMessages are those of testdata, and tweets; a disconnect that says to stop
// would be the last.
func ownMessages(t *testing.T) []string {
	t.Helper()
	messages := []string{
		string(twittertest.Tweet(1, 2, "hi")), `{"delete":{"status":{"id":99,"id_str":"99","user_id":2}}}`,
		twittertest.ForUser(7001, twittertest.Tweet(3, 2, "hi")), `{"for_user":"7002","message":{"delete":{"status":{"id":3}}}}`,
	}
	for _, line := range readFile(t, "testdata/notices.ndjson") {
		var in struct{ Message json.RawMessage }
		if err := json.Unmarshal([]byte(line), &in); err != nil {
			t.Fatal(err)
		}
		messages = append(messages, string(in.Message))
	}
	return messages
}

func capturedMessages(t *testing.T) []string {
	t.Helper()
	return readFile(t, shrinktest.SharedFiles(t, "stream-messages-twitter.ndjson")[0])
}

func readFile(t *testing.T, name string) []string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// What an account alone sees is never for everybody.
func TestAudience(t *testing.T) {
	t.Parallel()
	tweet := string(twittertest.Tweet(5, 2, "hi"))
	for _, tt := range []struct {
		name, stream, audience, msg string
		want                        []string
		wantErr                     bool
	}{
		{"filter", streamFilter, "", tweet, nil, false},
		{"filter, enveloped", streamFilter, "", twittertest.ForUser(7, []byte(tweet)), []string{"twitter:7"}, false},
		{"user", streamUser, "twitter:9", tweet, []string{"twitter:9"}, false},
		{"user, deletion", streamUser, "twitter:9", `{"delete":{"status":{"id":5}}}`, []string{"twitter:9"}, false},
		{"user, whose audience is another's matter", streamUser, "", tweet, nil, false},
		{"site", streamSite, "", twittertest.ForUser(7, []byte(tweet)), []string{"twitter:7"}, false},
		{"site, in quotes", streamSite, "", `{"for_user":"8","message":` + tweet + `}`, []string{"twitter:8"}, false},
		{"site, for nobody", streamSite, "", tweet, nil, true},
		{"site, deletion for nobody", streamSite, "", `{"delete":{"status":{"id":5}}}`, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			decoder := New(Config{Stream: tt.stream, Audience: tt.audience}).NewDecoder()
			var ev event.Event
			for range 2 { // what was decoded before leaves nothing behind
				err := decoder.Decode(&ev, []byte(tt.msg))
				if (err != nil) != tt.wantErr {
					t.Fatalf("got error %v, want one: %v", err, tt.wantErr)
				}
				if diff := cmp.Diff(tt.want, ev.Audience, cmpopts.EquateEmpty()); diff != "" && err == nil {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestAccountOfToken(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]string{"7001-abc": "twitter:7001", "abc-7001": "", "": "", "-x": "", "7001": "twitter:7001"} {
		if got := (&Config{Keys: Keys{Token: token}}).Account(); got != want {
			t.Errorf("%q: got %q, want %q", token, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]Config{
		"twitter://filter?track=a,b c&follow=1": {Stream: "filter", Track: []string{"a", "b c"}, Follow: []string{"1"}},
		"twitter://sample":                      {Stream: "sample"},
		"twitter://sample/":                     {Stream: "sample"},
		"twitter://user?language=en&endpoint=http://127.0.0.1:8099": {
			Stream: "user", Language: []string{"en"}, Endpoint: &url.URL{Scheme: "http", Host: "127.0.0.1:8099"},
		},
		"twitter://site?follow=1,2&endpoint=https%3A%2F%2Fh%2F": {
			Stream: "site", Follow: []string{"1", "2"}, Endpoint: &url.URL{Scheme: "https", Host: "h"},
		},
	} {
		got, err := Parse(spec)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", spec, err, diff)
		}
	}
	for spec, want := range map[string]string{
		"twitter:":                                    "form",
		"twitter://":                                  "form",
		"twitter://firehose":                          "form",
		"twitter://filter/x?track=a":                  "form",
		"https://filter?track=a":                      "form",
		"twitter://key:geheim@filter?track=a":         "form",
		"twitter://filter":                            "track, follow",
		"twitter://filter?language=en":                "track, follow",
		"twitter://filter?track=":                     `"track" is empty`,
		"twitter://filter?track=a,,b":                 "comma",
		"twitter://filter?track=a&follow=ann":         `"ann"`,
		"twitter://filter?track=a&trak=b":             `"trak" is unknown to twitter://filter; there are track, follow, language, endpoint`,
		"twitter://sample?track=a":                    `"track" is unknown to twitter://sample`,
		"twitter://site":                              "follow",
		"twitter://sample?endpoint=h:80":              "http://HOST:PORT",
		"twitter://sample?endpoint=ftp://h":           "http://HOST:PORT",
		"twitter://sample?endpoint=http://h/path":     "http://HOST:PORT",
		"twitter://sample?endpoint=http://a:geheim@h": "http://HOST:PORT",
		"twitter://sample?%zz":                        "%zz",
		"twitter://sam ple":                           "sam ple",
	} {
		_, err := Parse(spec)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want something with %q", spec, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: error %q tells a password", spec, err)
		}
	}
}

// An hour with a server that does whatever comes to its mind: what went whole to
// a stream comes, once and in order, and all else was sent in a stretch that is
// told as a gap.
func TestAnHourOfMisdeeds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 6))
				server := twittertest.NewGzip()
				if seed%2 == 0 {
					server = twittertest.New()
				}
				server.Misbehave(append([]sourcetest.Fault{{}}, moods(random, 300)...)...)
				f := &hearer{source: pipe(t, server)}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					f.follow(ctx)
				}()
				synctest.Wait()
				posted := map[string]event.Time{}
				for begun := time.Now(); time.Since(begun) < time.Hour; time.Sleep(time.Duration(random.IntN(4000)) * time.Millisecond) {
					server.Post()
					posted[server.Key(len(posted))] = event.TimeOf(time.Now())
					if random.IntN(200) == 0 {
						server.Down()
						time.Sleep(time.Duration(random.IntN(600)) * time.Second)
						server.Up()
					}
				}
				server.Down() // so that the last gap ends
				server.Up()
				time.Sleep(calm)
				cancel()
				<-done
				f.check(t, server.Sent(), posted)
			})
		})
	}
}

// calm is longer than all that a source waits for.
const calm = 2 * time.Hour

// moods are faults of all kinds.
func moods(random *rand.Rand, n int) (faults []sourcetest.Fault) {
	for range n {
		fault := sourcetest.Fault{After: random.IntN(30), Misdeed: sourcetest.Misdeed(random.IntN(int(sourcetest.Duplicate) + 1))}
		switch random.IntN(8) {
		case 0:
			fault = sourcetest.Fault{Status: []int{500, 502, 503, 302, 200, 204}[random.IntN(6)]}
		case 1:
			if random.IntN(4) == 0 {
				fault = sourcetest.Fault{Status: 420}
			}
		}
		faults = append(faults, fault)
	}
	return faults
}

// hearer reads a source as ingest does.
type hearer struct {
	source *Source
	keys   []string // of tweets, each once
	gaps   []event.Gap
	err    error
}

func (h *hearer) follow(ctx context.Context) {
	decoder, cursor, seen := h.source.NewDecoder(), "", map[string]bool{}
	for ctx.Err() == nil {
		err := h.source.Read(ctx, cursor, func(m event.Message) error {
			if m.Gap != nil {
				h.gaps = append(h.gaps, *m.Gap)
				return nil
			}
			cursor = string(m.Cursor)
			var ev event.Event
			if decoder.Decode(&ev, m.Data) == nil && !seen[ev.Key] {
				h.keys = append(h.keys, strings.Clone(ev.Key))
				seen[h.keys[len(h.keys)-1]] = true
			}
			return ctx.Err()
		})
		wait, giveUp := h.source.Reconnect(err, true)
		if giveUp != nil && ctx.Err() == nil {
			h.err = giveUp
			return
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

func (h *hearer) check(t *testing.T, sent []string, posted map[string]event.Time) {
	t.Helper()
	if h.err != nil {
		t.Errorf("gave up: %v", h.err)
	}
	if diff := cmp.Diff(sent, h.keys); diff != "" {
		t.Errorf("tweets (-sent +come):\n%s", diff)
	}
	missing := 0
	for key, at := range posted {
		if slices.Contains(h.keys, key) {
			continue
		}
		missing++
		if !slices.ContainsFunc(h.gaps, func(g event.Gap) bool { return g.From <= at && at <= g.To }) {
			t.Errorf("%s of %v did not come, and no gap tells of that time", key, at.Std())
		}
	}
	if missing == 0 || len(h.keys) < 200 || len(h.gaps) < 5 {
		t.Errorf("%d came, %d are missing, %d gaps: the test shows little", len(h.keys), missing, len(h.gaps))
	}
}

// A last message without its end may be whole; a half one is counted as what it
// is.
func TestLastMessageWithoutItsEnd(t *testing.T) {
	t.Parallel()
	tweet := string(twittertest.Tweet(1, 2, "hi"))
	for body, want := range map[string][]string{
		"\r\n" + tweet + "\r\n" + tweet:                     {"", tweet, tweet},
		tweet + "\r\n\r\n":                                  {tweet, ""},
		tweet + "\r\n" + tweet[:20]:                         {tweet, tweet[:20]},
		tweet + "\r\n" + `{"disconnect":{"code":2}}`:        {tweet, `{"disconnect":{"code":2}}`},
		tweet + "\r\n" + `{"disconnect":{"code":4}}` + "\n": {tweet, `{"disconnect":{"code":4}}` + "\n"},
	} {
		s := New(Config{Stream: streamSample, Keys: testKeys, Client: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(iotest.OneByteReader(strings.NewReader(body)))}, nil
		})}})
		got, _, err := collect(t.Context(), s, "", 9)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", body, diff)
		}
		if said := strings.Contains(err.Error(), "code "); said != strings.Contains(body, "disconnect") || !said && !errors.Is(err, errEnded) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// Junk at any byte costs the tweet that it hits, or the two between which it
// stands, and nothing else.
func TestJunkAtAnyByte(t *testing.T) {
	t.Parallel()
	const tweets = 3
	var wire []byte
	var starts []int
	for i := range tweets {
		starts = append(starts, len(wire))
		wire = append(append(wire, twittertest.Tweet(i, 2, "hi")...), "\r\n"...)
	}
	for _, junk := range []string{"\x00", "\r\n", "{\"disconnect\":"} {
		for at := range len(wire) + 1 {
			body := slices.Concat(wire[:at], []byte(junk), wire[at:])
			got := eventsOf(body)
			for i, start := range starts {
				end := start + len(twittertest.Tweet(i, 2, "hi")) + 2
				hit := start-2 <= at && at <= end
				if !hit && !slices.Contains(got, fmt.Sprint("twitter:", i)) {
					t.Fatalf("%q at byte %d: got %q, want tweet %d of bytes %d to %d among them", junk, at, got, i, start, end)
				}
			}
		}
	}
}

// eventsOf are the keys of the events on a wire.
func eventsOf(wire []byte) (keys []string) {
	s := New(Config{Stream: streamSample, Keys: testKeys, Client: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(wire))}, nil
	})}})
	decoder := s.NewDecoder()
	_ = s.Read(context.Background(), "", func(m event.Message) error { // its end is no matter
		var ev event.Event
		if decoder.Decode(&ev, m.Data) == nil {
			keys = append(keys, strings.Clone(ev.Key))
		}
		return nil
	})
	return keys
}
