package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/buffer/redis"
	"riffle/pkg/event"
	"riffle/pkg/source/twitter/twittertest"
	"riffle/pkg/testenv"
)

// twitterKeys is a file of settings with the keys that the server knows.
func twitterKeys(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "keys.yaml")
	text := fmt.Sprintf("twitter-consumer-key: %s\ntwitter-consumer-secret: %s\ntwitter-access-token: %s\ntwitter-access-token-secret: %s\n",
		twittertest.ConsumerKey, twittertest.ConsumerSecret, twittertest.Token, twittertest.TokenSecret)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// startTwitter starts an ingest of a stream of a local server. Whatever it logs,
// the keys are not in it.
func (w *town) startTwitter(t *testing.T, address, stream string) *process {
	t.Helper()
	p := start(t, "riffle-ingest", "--buffer", w.buffer, "--name", "tweets", "--state", t.TempDir(), "--config", twitterKeys(t),
		"--log", "debug", "--source", stream+"&endpoint=http://"+address)
	t.Cleanup(func() {
		if strings.Contains(p.stderr.String(), "geheim") {
			t.Error("ingest logs a key")
		}
	})
	return p
}

// listening waits until so many streams are open.
func listening(t *testing.T, server *twittertest.Server, streams int) {
	t.Helper()
	eventually(t, fmt.Sprint(streams, " streams are open"), func() bool { open, _ := server.Open(); return open == streams })
}

// Two users whose accounts follow the same author, and one whose account does
// not: what a site stream brings is judged by the rules of those who saw it.
func TestSiteStreamIsJudgedByThoseWhoSawIt(t *testing.T) {
	t.Parallel()
	w := &town{buffer: testenv.Redis(t), store: testenv.MariaDB(t), users: make(map[string]*client)}
	run(t, "riffle", "migrate", "--store", w.store)
	w.api = freeAddress(t)
	const ann, bob, cat, shared, other = 7001, 7002, 7003, 500, 600
	for name, x := range map[string]struct {
		account int
		rules   []string
	}{"ann": {ann, []string{"river", "lake"}}, "bob": {bob, []string{"river boat"}}, "cat": {cat, []string{"river"}}, "dan": {0, []string{"river"}}} {
		w.newUser(t, name)
		if x.account != 0 {
			run(t, "riffle", "user", "link", name, "twitter", fmt.Sprint(x.account), "--store", w.store)
		}
		for _, rule := range x.rules {
			run(t, "riffle", "rule", "add", name, rule, "--store", w.store)
		}
	}
	w.open(t)
	w.startAPI(t)
	w.startFilter(t)
	server := twittertest.New()
	ingest := w.startTwitter(t, server.Listen(t), fmt.Sprintf("twitter://site?follow=%d,%d,%d", ann, bob, cat))
	listening(t, server, 1)

	both := twittertest.Tweet(1, shared, "a boat on the river")
	annOnly := twittertest.Tweet(2, shared, "the river alone")
	server.Send(
		twittertest.ForUser(ann, both), twittertest.ForUser(bob, both),
		twittertest.ForUser(ann, annOnly), twittertest.ForUser(bob, annOnly),
		twittertest.ForUser(cat, twittertest.Tweet(3, other, "another river")),
		twittertest.ForUser(bob, twittertest.Tweet(4, shared, "a lake that ann did not see")),
		string(twittertest.Tweet(5, shared, "a river boat that nobody is said to have seen")),
		`{"for_user":"7001","message":{"delete":{"status":{"id":6,"id_str":"6","user_id":500}}}}`, // before its tweet
		twittertest.ForUser(ann, twittertest.Tweet(6, shared, "a river that was taken back")),
		`{"for_user":"7001","message":{"friends":[500]}}`, `{"control":{"control_uri":"/1.1/site/c/1"}}`,
	)
	w.sees(t, map[string]string{"ann": "twitter:1 twitter:2", "bob": "twitter:1", "cat": "twitter:3", "dan": ""})

	server.Send(`{"for_user":7001,"message":{"delete":{"status":{"id":1,"id_str":"1","user_id":500}}}}`)
	w.sees(t, map[string]string{"ann": "twitter:2", "bob": "", "cat": "twitter:3", "dan": ""})
	ingest.stop(t)
}

// sees waits until the users have these matches, and then that nobody has more.
func (w *town) sees(t *testing.T, want map[string]string) {
	t.Helper()
	has := func() map[string]string {
		got := map[string]string{}
		for name, u := range w.users {
			u.follow(t)
			got[name] = strings.Join(slices.Sorted(slices.Values(keys(u.matches))), " ")
		}
		return got
	}
	eventually(t, fmt.Sprint("users see ", want), func() bool { return cmp.Equal(want, has()) })
	w.drained(t)
	if diff := cmp.Diff(want, has()); diff != "" {
		t.Errorf("matches (-want +got):\n%s", diff)
	}
}

// open opens the buffer, to look into it.
func (w *town) open(t *testing.T) {
	t.Helper()
	var err error
	if w.peek, err = redis.Open(t.Context(), w.buffer, redis.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.peek.Close() })
}

// Of several ingests of one name one reads; when it is killed, or stopped,
// another goes on. What was sent to any of them is in the buffer once, and what
// nobody heard is told as a gap.
func TestStandbysOfAStreamThatRepeatsNothing(t *testing.T) {
	t.Parallel()
	w := &town{buffer: testenv.Redis(t)}
	w.open(t)
	server := twittertest.New()
	address := server.Listen(t)
	const stream = "twitter://filter?track=post"
	posts := 0
	post := func() {
		for range 100 {
			server.Post()
		}
		posts += 100
		eventually(t, "the buffer holds the tweets", func() bool { return w.events(t) == int64(posts) })
	}

	first := w.startTwitter(t, address, stream)
	listening(t, server, 1)
	second, third := w.startTwitter(t, address, stream), w.startTwitter(t, address, stream)
	standby := func(p *process) func() bool {
		return func() bool { return strings.Contains(p.stderr.String(), "waiting as standby") }
	}
	eventually(t, "the second waits", standby(second))
	eventually(t, "the third waits", standby(third))
	post()
	if open, _ := server.Open(); open != 1 || server.Streams() != 1 {
		t.Errorf("%d streams are open, %d were asked for, want one: standbys do not connect", open, server.Streams())
	}

	first.kill()
	listening(t, server, 0)
	server.Post() // nobody hears it
	listening(t, server, 1)
	post()
	next, last := second, third
	if !strings.Contains(next.stderr.String(), "gap in the source") {
		next, last = third, second
	}
	eventually(t, "the one that goes on tells the gap", func() bool { return strings.Contains(next.stderr.String(), "gap in the source") })

	next.stop(t)
	eventually(t, "the last one goes on", func() bool { return strings.Contains(last.stderr.String(), "gap in the source") })
	listening(t, server, 1)
	post()
	last.stop(t)
	if diff := cmp.Diff(server.Sent(), w.takeKeys(t)); diff != "" {
		t.Errorf("events (-sent +in the buffer):\n%s", diff)
	}
}

// takeKeys takes all events out of the buffer, in order.
func (w *town) takeKeys(t *testing.T) (keys []string) {
	t.Helper()
	r := event.NewReader()
	var ev event.Event
	for {
		deliveries, err := w.peek.Take(t.Context(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(deliveries) == 0 {
			return keys
		}
		for _, d := range deliveries {
			if _, err := r.Open(d.Data); err != nil {
				t.Fatal(err)
			}
			for more, err := r.Next(&ev); more || err != nil; more, err = r.Next(&ev) {
				if err != nil {
					t.Fatal(err)
				}
				keys = append(keys, strings.Clone(ev.Key))
			}
		}
	}
}
