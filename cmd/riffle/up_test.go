package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// watched is an output that a test can wait on.
type watched struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{}
}

func newWatched() *watched { return &watched{grown: make(chan struct{}, 1)} }

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.grown <- struct{}{}:
	default:
	}
	return w.text.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// find waits until what was written matches.
func (w *watched) find(t *testing.T, ended <-chan int, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for {
		if found := re.FindStringSubmatch(w.String()); found != nil {
			return found
		}
		select {
		case <-w.grown:
		case status := <-ended:
			t.Fatalf("ended with status %d before %q was written; got:\n%s", status, pattern, w)
		case <-t.Context().Done():
			t.Fatalf("%q was not written; got:\n%s", pattern, w)
		}
	}
}

// running is riffle up in this process.
type running struct {
	stdout, stderr *watched
	ended          chan int
	stop           context.CancelFunc
}

func startUp(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{stdout: newWatched(), stderr: newWatched(), ended: make(chan int, 1), stop: cancel}
	args = append([]string{"up", "--listen", "127.0.0.1:0", "--debug-listen", "127.0.0.1:0"}, args...)
	go func() { r.ended <- run(ctx, args, nil, strings.NewReader(""), r.stdout, r.stderr) }()
	t.Cleanup(cancel)
	return r
}

func (r *running) stopped(t *testing.T) {
	t.Helper()
	r.stop()
	if status := <-r.ended; status != 0 {
		t.Errorf("got status %d after the stop, want 0; %s", status, r.stderr)
	}
}

func TestUpCatchesAndGoesOn(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := startUp(t, "--data", data, "--source", "sim:?rate=500")
	found := first.stderr.find(t, first.ended, `log in +(http://[^/]+)/#(rfc_\w+)`)
	first.stdout.find(t, first.ended, `\d\d:\d\d:\d\d \[coffee\] @\S+ .*`)

	cookie := logIn(t, found[1], found[2])
	if got := ask(t, found[1]+"/v1/matches?limit=1", cookie); !strings.Contains(got, `"change":"new"`) {
		t.Errorf("the page's session sees no match: %s", got)
	}
	if got := ask(t, found[1]+"/v1/status", cookie); !strings.Contains(got, `"stage":"filter"`) {
		t.Errorf("the first user is no admin, or the status lacks the filter: %s", got)
	}
	second := riffle(t, "", nil, "up", "--data", data)
	second.expect(t, 1, "", "another riffle up runs on the data in "+data)
	riffle(t, "", nil, "rule", "list", "me", "--data", data).expect(t, 0, "giveaway OR airdrop", "")
	riffle(t, "", nil, "status", "--data", data).expect(t, 0, "sqlite:"+data+"/store.db  reachable", "")
	first.stopped(t)

	again := startUp(t, "--data", data, "--source", "sim:?rate=500")
	link := again.stderr.find(t, again.ended, `log in +(http://[^/]+)/#(rfc_\w+)`)
	if link[2] == found[2] {
		t.Error("the second start prints the first one's link")
	}
	again.stdout.find(t, again.ended, `\[coffee\]`)
	again.stopped(t)
}

func TestUpStaysWhenAFileHasEnded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tweets.ndjson")
	writeFile(t, file, []byte(tweetKitten+"\n"+tweetCoffee+"\n{]\n"))
	up := startUp(t, "--data", filepath.Join(t.TempDir(), "data"), "--source", "file:"+file)
	up.stderr.find(t, up.ended, `\{"read":3,"accepted":2,"passed_over":\{[^}]*\},"rejected":\{[^}]*"syntax":1[^}]*\}\}\nThe source has ended`)
	up.stdout.find(t, up.ended, `\[coffee\] @ann no coffee left https://twitter.com/ann/status/2\n`)
	up.stdout.find(t, up.ended, `\[cats\] @ann a kitten sleeps`)
	up.stopped(t)
}

func logIn(t *testing.T, base, code string) *http.Cookie {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/session", strings.NewReader(`{"code":"`+code+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	cookies := resp.Cookies()
	if resp.StatusCode != http.StatusCreated || len(cookies) != 1 {
		t.Fatalf("log in: got status %d and %d cookies", resp.StatusCode, len(cookies))
	}
	return cookies[0]
}

func ask(t *testing.T, url string, cookie *http.Cookie) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(cookie)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
