package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/buffer/redis"
	"riffle/pkg/event"
	"riffle/pkg/testenv"
)

// town is a set of stages over one buffer and store, with users and rules.
type town struct {
	buffer, store string
	api           string // address
	wishes        []*wish
	users         map[string]*client
	peek          *redis.Buffer // to see when the buffer is empty
}

// newTown migrates an empty database and makes users, tokens, links and rules,
// all by the operator's tool.
func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{buffer: testenv.Redis(t), store: testenv.MariaDB(t), wishes: wishes(), users: make(map[string]*client)}
	run(t, "riffle", "migrate", "--store", w.store)
	w.api = freeAddress(t)
	for _, name := range []string{"ann", "bob"} {
		w.newUser(t, name)
	}
	run(t, "riffle", "user", "link", "bob", "twitter", "77", "--store", w.store)
	for _, x := range w.wishes {
		args := []string{"rule", "add", x.user, x.value, "--store", w.store, "--tag", "t"}
		if x.action != "" {
			args = append(args, "--action", x.action)
		}
		x.id = run(t, "riffle", args...)
	}
	var err error
	if w.peek, err = redis.Open(t.Context(), w.buffer, redis.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.peek.Close() })
	return w
}

// newUser makes a user with a token.
func (w *town) newUser(t *testing.T, name string) *client {
	t.Helper()
	run(t, "riffle", "user", "add", name, "--store", w.store)
	w.users[name] = newClient(w.api, run(t, "riffle", "token", "create", name, "--store", w.store))
	return w.users[name]
}

func (w *town) startFilter(t *testing.T) *process {
	t.Helper()
	return start(t, "riffle-filter", "--buffer", w.buffer, "--store", w.store, "--state", t.TempDir()).alive(t)
}

func (w *town) startAPI(t *testing.T) *process {
	t.Helper()
	p := start(t, "riffle-api", "--store", w.store, "--buffer", w.buffer, "--listen", w.api, "--state", t.TempDir()).alive(t)
	eventually(t, "the api is ready", func() bool { return status(t, "http://"+w.api+"/readyz") == http.StatusOK })
	for _, u := range w.users {
		u.follow(t) // from here on
	}
	return p
}

// depths asks the buffer what waits.
func (w *town) depths(t *testing.T) []event.Depth {
	t.Helper()
	depths, err := w.peek.Depths(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return depths
}

// drained waits until the buffer is empty, which every user follows meanwhile.
func (w *town) drained(t *testing.T) {
	t.Helper()
	eventually(t, "the buffer is empty", func() bool {
		for _, u := range w.users {
			u.follow(t)
		}
		for _, d := range w.depths(t) {
			if d.Events > 0 || d.InFlight > 0 {
				return false
			}
		}
		return true
	})
	for _, u := range w.users {
		u.follow(t)
	}
}

// check compares what each user followed, and what each finds by paging, with
// the evaluation of this package.
func (w *town) check(t *testing.T, messages []message) {
	t.Helper()
	for name, u := range w.users {
		want := expected(name, messages, w.wishes)
		if len(want) < 20 {
			t.Fatalf("only %d matches are expected for %s: the test shows little", len(want), name)
		}
		if diff := cmp.Diff(want, kept(values(u.matches))); diff != "" {
			t.Errorf("%s followed (-want +got):\n%s", name, diff)
		}
		all := u.all(t)
		if diff := cmp.Diff(want, kept(all)); diff != "" {
			t.Errorf("%s pages through (-want +got):\n%s", name, diff)
		}
		checkSpans(t, all)
	}
}

// Three processes over Redis and MariaDB, fed from a file with posts of four
// networks, keep for every user exactly what an independent evaluation keeps.
// The same file under another name changes nothing.
func TestThreeProcesses(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	days := newWorld(1)
	for range 12 {
		for _, network := range []string{"twitter", "bluesky", "mastodon", "demo"} {
			days.add(network, 15)
		}
	}
	days.deleteAccount("bluesky", 5)
	lines, posts, passedOver, rejected := days.lines(t)
	file := writeFile(t, "posts.ndjson", lines)

	api, filter := w.startAPI(t), w.startFilter(t)
	got := ingestFile(t, w.buffer, "first", fileURL(file, "format=auto"))
	if got.Read != int64(len(lines)) || got.Accepted != int64(posts) || sum(got.PassedOver) != int64(passedOver) || sum(got.Rejected) != int64(rejected) {
		t.Errorf("ingest counted %+v; want %d read, %d accepted, %d passed over, %d rejected", got, len(lines), posts, passedOver, rejected)
	}
	w.drained(t)
	w.check(t, days.messages)

	seen := map[string]int{}
	for name, u := range w.users {
		seen[name] = u.seen
	}
	again := ingestFile(t, w.buffer, "second", fileURL(file, "format=auto"))
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("ingest counted otherwise the second time (-first +second):\n%s", diff)
	}
	w.drained(t)
	for name, u := range w.users {
		if u.seen != seen[name] {
			t.Errorf("%s saw %d changes by reading the file again", name, u.seen-seen[name])
		}
	}
	w.check(t, days.messages)
	filter.stop(t)
	api.stop(t)
}

// Read in any order and with any overlap, the newest version wins: deletions
// and edits that come before what they change.
func TestNewestVersionWinsInAnyOrder(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	days := newWorld(2)
	for _, network := range []string{"twitter", "bluesky", "mastodon", "demo"} {
		days.add(network, 150)
	}
	var lines []string
	for _, m := range days.messages {
		lines = append(lines, m.line(t))
	}
	for i, k := range days.random.Perm(len(lines)) {
		if i < k {
			lines[i], lines[k] = lines[k], lines[i]
		}
	}
	half := len(lines) / 2
	w.startAPI(t)
	w.startFilter(t)
	w.startFilter(t)
	first := start(t, "riffle-ingest", "--buffer", w.buffer, "--name", "one", "--state", t.TempDir(),
		"--source", fileURL(writeFile(t, "one.ndjson", lines[:half+100]), ""))
	second := start(t, "riffle-ingest", "--buffer", w.buffer, "--name", "two", "--state", t.TempDir(),
		"--source", fileURL(writeFile(t, "two.ndjson", lines[half:]), ""))
	first.wait(t)
	second.wait(t)
	w.drained(t)
	w.check(t, days.messages)
}

// A rule that is added, changed and removed while all runs is live within 2 s
// of its answer.
func TestRuleIsLiveWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.startAPI(t)
	w.startFilter(t)
	ann := w.users["ann"]
	send := func(id int) {
		m := message{network: "demo", id: id, text: "zeppelin over the harbor", lang: "en", at: time.Now()}
		ingestFile(t, w.buffer, fmt.Sprint("demo", id), fileURL(writeFile(t, "one.ndjson", []string{m.line(t)}), "format=event"))
		w.drained(t)
	}
	send(1)
	id := run(t, "riffle", "rule", "add", "ann", "zeppelin", "--store", w.store)
	<-time.After(2 * time.Second)
	send(2)
	run(t, "riffle", "rule", "remove", "ann", id, "--store", w.store)
	<-time.After(2 * time.Second)
	send(3)
	if got := strings.Join(keys(ann.matches), " "); got != "demo:2" {
		t.Errorf("ann has %q, want demo:2 alone, which came while the rule was there", got)
	}
}

func keys(matches map[string]match) (keys []string) {
	for _, m := range matches {
		keys = append(keys, m.Event.Key)
	}
	return keys
}
