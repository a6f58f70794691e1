package mastodon

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
	"riffle/pkg/source/mastodon/mastodontest"
)

// reader reads a source again and again, as ingest does.
type reader struct {
	source *Source
	cursor string
	keys   []string // of events, each once
	seers  []string // of the newest event
	gaps   []event.Gap
	err    error
}

func newReader(t *testing.T, server *mastodontest.Server, stream string) *reader {
	t.Helper()
	c := Config{Host: "stream.test", Plain: true, Stream: stream, Token: mastodontest.Token, Client: server.Pipe(t)}
	return &reader{source: New(c)}
}

// start reads until the test stops it.
func (r *reader) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil && r.err == nil {
			err := r.source.Read(ctx, r.cursor, r.take)
			wait, giveUp := r.source.Reconnect(err, true)
			if ctx.Err() == nil {
				r.err = giveUp
			}
			_ = sleep(ctx, wait)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func (r *reader) take(m event.Message) error {
	if m.Gap != nil {
		r.gaps = append(r.gaps, *m.Gap)
		return nil
	}
	r.cursor = string(m.Cursor)
	var ev event.Event
	if r.source.NewDecoder().Decode(&ev, m.Data) == nil && !slices.Contains(r.keys, ev.Key) {
		r.keys = append(r.keys, strings.Clone(ev.Key))
		r.seers = slices.Clone(ev.Audience)
	}
	return nil
}

// absence is a source that hears some statuses, is away while others are posted,
// and comes back.
func absence(t *testing.T, server *mastodontest.Server, r *reader, before, missed int, stream string) {
	t.Helper()
	post := func(n int) {
		for range n {
			server.PostTo("bob", "", stream)
			time.Sleep(time.Second)
		}
	}
	stop := r.start(t.Context())
	synctest.Wait()
	post(before)
	server.Down()
	post(missed)
	server.Up()
	time.Sleep(2 * time.Hour)
	stop()
	if r.err != nil {
		t.Fatal(r.err)
	}
}

func allKeys(server *mastodontest.Server) []string {
	var keys []string
	for i := 0; server.Key(i) != ""; i++ {
		keys = append(keys, server.Key(i))
	}
	return keys
}

// What a home timeline no longer has is a gap, from the last sign of life to the
// oldest status that there is; what it has comes.
func TestGapWhereTheTimelineIsShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := mastodontest.New()
		server.Keep(100)
		r := newReader(t, server, streamUser)
		begun := time.Now()
		absence(t, server, r, 10, 300, "user:ann")
		all := allKeys(server)
		if diff := cmp.Diff(slices.Concat(all[:10], all[210:]), r.keys); diff != "" {
			t.Errorf("statuses (-want +got):\n%s", diff)
		}
		if len(r.gaps) != 1 {
			t.Fatalf("gaps %+v, want one", r.gaps)
		}
		g, second := r.gaps[0], event.Time(1000)
		from, to := event.TimeOf(begun)+9*second, event.TimeOf(begun)+210*second
		if g.From < from || g.From > from+2*second || g.To != to {
			t.Errorf("gap from %v to %v, want from %v or a little later to %v", g.From.Std(), g.To.Std(), from.Std(), to.Std())
		}
		if want := []string{"mastodon:ann@stream.test"}; !slices.Equal(r.seers, want) {
			t.Errorf("audience %q, want the token's owner, %q", r.seers, want)
		}
	})
}

// A server that gives no timeline makes each interruption a gap; the stream goes
// on.
func TestGapWhereTheTimelineIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := mastodontest.New()
		server.RefuseTimelines(http.StatusUnprocessableEntity)
		r := newReader(t, server, streamPublic)
		absence(t, server, r, 10, 60, mastodontest.Public)
		if diff := cmp.Diff(allKeys(server)[:10], r.keys); diff != "" {
			t.Errorf("statuses (-want +got):\n%s", diff)
		}
		if len(r.gaps) != 1 || !strings.Contains(r.gaps[0].Why, "no timeline") {
			t.Fatalf("gaps %+v, want one since there is no timeline", r.gaps)
		}
		if got := r.gaps[0].To.Std().Sub(r.gaps[0].From.Std()); got < time.Minute || got > 2*time.Minute {
			t.Errorf("gap of %v, want one of a minute and up to the last wait", got)
		}
	})
}

// A timeline that answers with errors for a while is asked until it answers.
func TestTimelineThatFailsForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := mastodontest.New()
		r := newReader(t, server, streamPublic)
		time.AfterFunc(5*time.Second, func() { server.RefuseTimelines(http.StatusServiceUnavailable) })
		time.AfterFunc(10*time.Minute, func() { server.RefuseTimelines(0) })
		absence(t, server, r, 10, 60, mastodontest.Public)
		if diff := cmp.Diff(allKeys(server), r.keys); diff != "" || len(r.gaps) > 0 {
			t.Errorf("gaps %+v; statuses (-want +got):\n%s", r.gaps, diff)
		}
		if got := server.Requests(); got > 20 {
			t.Errorf("asked %d times in ten minutes", got)
		}
	})
}

// The server's limit of requests is kept, however much was missed.
func TestLimitOfRequestsIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := mastodontest.New()
		server.Limit(10)
		r := newReader(t, server, streamPublic)
		absence(t, server, r, 10, 1500, mastodontest.Public)
		if diff := cmp.Diff(allKeys(server), r.keys); diff != "" || len(r.gaps) > 0 {
			t.Errorf("gaps %+v; statuses (-want +got):\n%s", r.gaps, diff)
		}
		if got := server.Exceeded(); got > 0 {
			t.Errorf("%d requests beyond the limit", got)
		}
	})
}

// A status of another server comes late, with an id of the time at which it was
// written: one that was on its way when the connection broke is fetched too.
func TestLateStatusIsFetched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := mastodontest.New()
		r := newReader(t, server, streamPublic)
		stop := r.start(t.Context())
		synctest.Wait()
		server.Post()
		time.Sleep(time.Minute)
		server.Post()
		synctest.Wait()
		server.Down()
		server.PostLate(rewind - time.Second)
		server.Up()
		time.Sleep(time.Hour)
		stop()
		all := allKeys(server)
		slices.Sort(all)
		slices.Sort(r.keys)
		if diff := cmp.Diff(all, r.keys); diff != "" || len(r.gaps) > 0 {
			t.Errorf("gaps %+v; statuses (-want +got):\n%s", r.gaps, diff)
		}
	})
}

// A process that ends while missed statuses are fetched leaves a cursor from
// which the next one fetches the rest.
func TestCursorWaitsForWhatIsMissed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := mastodontest.New()
		r := newReader(t, server, streamPublic)
		absence(t, server, r, 10, 0, mastodontest.Public)
		for range 200 {
			server.Post()
			time.Sleep(time.Second)
		}
		// The limit leaves two pages, and then five minutes of the stream alone.
		server.Limit(4)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		time.AfterFunc(time.Minute, server.Post)
		if err := r.source.Read(ctx, r.cursor, r.take); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		server.Limit(0)
		all := allKeys(server)
		if got := len(r.keys); got < 60 || got > 100 || !slices.Contains(r.keys, all[len(all)-1]) {
			t.Fatalf("%d statuses have come, the newest among them or not; want some of the missed and the newest", got)
		}
		next := &reader{source: New(r.source.config), cursor: r.cursor, keys: r.keys}
		stop := next.start(t.Context())
		time.Sleep(time.Minute)
		stop()
		slices.Sort(next.keys)
		if diff := cmp.Diff(all, next.keys); diff != "" || len(next.gaps) > 0 {
			t.Errorf("gaps %+v; statuses (-want +got):\n%s", next.gaps, diff)
		}
	})
}

func TestTokenIsAskedFor(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]string{"": "wants the access token", "of-nobody": "does not take the token"} {
		for _, stream := range []string{streamPublic, streamUser} {
			synctest.Test(t, func(t *testing.T) {
				server := mastodontest.New()
				r := newReader(t, server, stream)
				r.source.config.Token = token
				stop := r.start(t.Context())
				time.Sleep(time.Hour)
				stop()
				if !errors.Is(r.err, event.ErrDenied) || !strings.Contains(r.err.Error(), want) || !strings.Contains(r.err.Error(), "RIFFLE_MASTODON_TOKEN_FILE") {
					t.Errorf("%s: got %v, want event.ErrDenied with %q and where to give it", stream, r.err, want)
				}
				if token != "" && r.err != nil && strings.Contains(r.err.Error(), token) {
					t.Errorf("error %q tells the token", r.err)
				}
				if got := server.Requests(); got > 1 {
					t.Errorf("asked for %d timelines", got)
				}
			})
		}
	}
}

func TestForeignCursorStops(t *testing.T) {
	t.Parallel()
	for _, cursor := range []string{"1780000010000000", "@", "a b@7", "7@x", "7@-1"} {
		s := New(Config{Host: "stream.invalid", Stream: streamPublic})
		err := s.Read(t.Context(), cursor, func(event.Message) error { return nil })
		if _, giveUp := s.Reconnect(err, false); giveUp == nil || !strings.Contains(giveUp.Error(), "--name") {
			t.Errorf("%q: got %v, want to give up with advice", cursor, giveUp)
		}
	}
}

// TestOwnerInOneSpelling: a server may write an account as its owner typed it.
func TestOwnerInOneSpelling(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"acct":"Ann","url":"https://Town.Example/@Ann"}`))
	}))
	defer server.Close()
	s := New(Config{Host: strings.TrimPrefix(server.URL, "http://"), Plain: true, Stream: streamUser, Token: "t"})
	if err := s.findAudience(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"mastodon:ann@town.example"}, s.seenBy()); diff != "" {
		t.Errorf("audience (-want +got):\n%s", diff)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]Config{
		"mastodon://town.example/public":                     {Host: "town.example", Stream: streamPublic},
		"mastodon://town.example/public/local?websocket=1":   {Host: "town.example", Stream: streamLocal, WebSocket: true},
		"mastodon+http://127.0.0.1:3000/hashtag?tag=%23maps": {Host: "127.0.0.1:3000", Plain: true, Stream: streamHashtag, Of: "maps"},
		"mastodon://town.example/list?list=12&websocket=0":   {Host: "town.example", Stream: streamList, Of: "12"},
		"mastodon://Town.Example/public":                     {Host: "town.example", Stream: streamPublic},
		"mastodon://town.example/user/":                      {Host: "town.example", Stream: streamUser},
	} {
		got, err := Parse(spec)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", spec, err, diff)
		}
	}
	for spec, want := range map[string]string{
		"mastodon:":                           "form",
		"mastodon://h":                        "no stream",
		"mastodon://h/firehose":               `"firehose"`,
		"mastodon://user:secret@h/public":     "--mastodon-token",
		"https://h/public":                    "neither",
		"mastodon://h/hashtag":                "needs the option tag",
		"mastodon://h/list":                   "needs the option list",
		"mastodon://h/list?list=a/b":          "no id",
		"mastodon://h/public?tag=x":           "does not belong",
		"mastodon://h/public?websocket=yes":   "1 or 0",
		"mastodon://h/public?access_token=s7": "unknown",
		"mastodon://h/public?%zz":             "%zz",
	} {
		_, err := Parse(spec)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want something with %q", spec, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "s7")) {
			t.Errorf("%s: error %q tells a secret", spec, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	const base = "https://h/api/v1/"
	for spec, want := range map[string][3]string{
		"mastodon://h/public":           {"streaming/public", "streaming?stream=public", "timelines/public?"},
		"mastodon://h/public/local":     {"streaming/public/local", "streaming?stream=public%3Alocal", "timelines/public?local=true"},
		"mastodon://h/hashtag?tag=m%26": {"streaming/hashtag?tag=m%26", "streaming?stream=hashtag&tag=m%26", "timelines/tag/m&?"},
		"mastodon://h/list?list=7":      {"streaming/list?list=7", "streaming?list=7&stream=list", "timelines/list/7?"},
		"mastodon://h/user":             {"streaming/user", "streaming?stream=user", "timelines/home?"},
	} {
		c, err := Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		timeline := c.timeline(map[string][]string{})
		if !strings.Contains(timeline, "?") {
			timeline += "?"
		}
		got := [3]string{c.events(), strings.Replace(c.socket(), "wss", "https", 1), timeline}
		for i := range got {
			if got[i] != base+want[i] {
				t.Errorf("%s: got %s, want %s", spec, got[i], base+want[i])
			}
		}
	}
}
