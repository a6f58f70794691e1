package e2e

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/buffer/redis"
	"riffle/pkg/source/mastodon/mastodontest"
	"riffle/pkg/testenv"
)

// newVillage is a town of users who all want the same and are each the account of
// their name at a Mastodon server.
func newVillage(t *testing.T, host string, names ...string) *town {
	t.Helper()
	w := &town{buffer: testenv.Redis(t), store: testenv.MariaDB(t), api: freeAddress(t), users: make(map[string]*client)}
	run(t, "riffle", "migrate", "--store", w.store)
	for _, name := range names {
		w.newUser(t, name)
		run(t, "riffle", "user", "link", name, "mastodon", name+"@"+host, "--store", w.store)
		run(t, "riffle", "rule", "add", name, "status", "--store", w.store)
	}
	var err error
	if w.peek, err = redis.Open(t.Context(), w.buffer, redis.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.peek.Close() })
	return w
}

// startMastodon starts an ingest of a stream, as the owner of token, and waits
// until the server tells it what happens.
func (w *town) startMastodon(t *testing.T, server *mastodontest.Server, url, token string) *process {
	t.Helper()
	before := server.Streams()
	p := start(t, "riffle-ingest", "--buffer", w.buffer, "--source", url, "--name", "from-"+token, "--state", t.TempDir(),
		"--mastodon-token", token).alive(t)
	eventually(t, "the server is asked for the stream", func() bool { return server.Streams() > before })
	return p
}

// keys lists what a user's matches are of.
func (c *client) keys(t *testing.T) []string {
	t.Helper()
	c.follow(t)
	var keys []string
	for m := range maps.Values(c.matches) {
		keys = append(keys, m.Event.Key)
	}
	slices.Sort(keys)
	return keys
}

// A status in a user's stream is judged by the rules of those who saw it and no
// one else: ann and ben follow one author, eve does not.
func TestAudienceOfUserStreams(t *testing.T) {
	t.Parallel()
	server := mastodontest.New()
	host := server.Listen(t)
	tokens := map[string]string{"ann": mastodontest.Token, "ben": "token-of-ben", "eve": "token-of-eve"}
	w := newVillage(t, host, "ann", "ben", "eve")
	w.startAPI(t)
	w.startFilter(t)
	for name, token := range tokens {
		server.AddAccount(token, name)
		w.startMastodon(t, server, "mastodon+http://"+host+"/user", token)
	}
	server.PostTo("bob", "a status for both", "user:ann", "user:ben")
	server.PostTo("bob", "a status for ann", "user:ann")
	server.PostTo("zoe", "a status for eve", "user:eve")
	server.PostTo("bob", "another status for both", "user:ann", "user:ben")
	server.PostTo("bob", "a public status in the streams of two", mastodontest.Public, "user:ann", "user:ben")
	want := map[string][]string{}
	for i, seers := range [][]string{{"ann", "ben"}, {"ann"}, {"eve"}, {"ann", "ben"}, {"ann", "ben"}} {
		for _, name := range seers {
			want[name] = append(want[name], server.Key(i))
		}
	}
	eventually(t, "all statuses have come", func() bool {
		return len(w.users["ann"].keys(t)) == 4 && len(w.users["ben"].keys(t)) == 3 && len(w.users["eve"].keys(t)) == 1
	})
	w.drained(t)
	for name, u := range w.users {
		if diff := cmp.Diff(want[name], u.keys(t)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	server.Delete(0)
	eventually(t, "the deletion has come", func() bool {
		return len(w.users["ann"].keys(t)) == 3 && len(w.users["ben"].keys(t)) == 2
	})
	for name, u := range w.users {
		if got := u.keys(t); slices.Contains(got, server.Key(0)) {
			t.Errorf("%s still has the deleted status: %q", name, got)
		}
	}
}

// What the server does not give after an interruption is a gap, which riffle
// status shows; a token that it takes no more ends ingest with status 78.
func TestGapAndRefusalAreTold(t *testing.T) {
	t.Parallel()
	server := mastodontest.New()
	host := server.Listen(t)
	w := newVillage(t, host, "ann")
	w.startAPI(t)
	w.startFilter(t)
	ingest := w.startMastodon(t, server, "mastodon+http://"+host+"/public", mastodontest.Token)
	server.Post()
	ann := w.users["ann"]
	eventually(t, "the first status has come", func() bool { return len(ann.keys(t)) == 1 })
	server.Down()
	server.Post()
	server.Up()
	eventually(t, "the missed status has come", func() bool { return len(ann.keys(t)) == 2 })

	server.RefuseTimelines(http.StatusUnprocessableEntity)
	streams := server.Streams()
	server.Down()
	server.Post()
	server.Up()
	eventually(t, "the server is asked again", func() bool { return server.Streams() > streams })
	var shown string
	eventually(t, "riffle status shows the gap", func() bool {
		shown = run(t, "riffle", "status", "--buffer", w.buffer, "--store", w.store)
		return strings.Contains(shown, "gap  ingest from-"+mastodontest.Token)
	})
	if !strings.Contains(shown, "the server gives no timeline") {
		t.Errorf("riffle status does not say why:\n%s", shown)
	}
	if body, _ := newClient(ingest.debug, "").ask(t, "/metrics"); !strings.Contains(string(body), `riffle_ingest_gaps_total{source="from-token-of-ann"} 1`) {
		t.Error("the gap is not counted")
	}

	server.Revoke(mastodontest.Token)
	streams = server.Streams()
	server.Down()
	server.Up()
	<-ingest.done
	if got := ingest.cmd.ProcessState.ExitCode(); got != 78 {
		t.Errorf("exit status %d, want 78\n%s", got, ingest.stderr)
	}
	said := ingest.stderr.String()
	if !strings.Contains(said, "401") || !strings.Contains(said, "--mastodon-token") {
		t.Errorf("nothing says what to do:\n%s", said)
	}
	// The name that this test gave holds the token; nothing else may.
	if strings.Contains(strings.ReplaceAll(said, "from-"+mastodontest.Token, ""), mastodontest.Token) {
		t.Errorf("the token is told:\n%s", said)
	}
	if server.Streams() > streams {
		t.Errorf("%d streams were given after the token was revoked", server.Streams()-streams)
	}
}
