package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/pflag"

	"riffle/pkg/config"
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
	} else if !strings.Contains(got, `"rates":{"requests":`) {
		t.Errorf("the status lacks the rate of requests: %s", got)
	}
	again := first.stderr.find(t, first.ended, `another link +\S+ (login --data \S+ --url (http://\S+) --scope \S+ me)\n`)
	printed := riffle(t, "", nil, strings.Fields(again[1])...)
	printed.expect(t, 0, found[1]+"/#rfc_", "")
	_, code, _ := strings.Cut(strings.TrimSpace(printed.stdout), "#")
	if got := ask(t, found[1]+"/v1/me", logIn(t, found[1], code)); !strings.Contains(got, `"scopes":["read","write","admin"]`) {
		t.Errorf("the command that makes another link makes one for %s", got)
	}
	second := riffle(t, "", nil, "up", "--data", data)
	second.expect(t, 1, "", "another riffle up runs on the data in "+data)
	riffle(t, "", nil, "rule", "list", "me", "--data", data).expect(t, 0, "giveaway OR airdrop", "")
	riffle(t, "", nil, "status", "--data", data).expect(t, 0, "sqlite:"+data+"/store.db  reachable", "")
	first.stopped(t)

	later := startUp(t, "--data", data, "--source", "sim:?rate=500")
	link := later.stderr.find(t, later.ended, `log in +(http://[^/]+)/#(rfc_\w+)`)
	if link[2] == found[2] {
		t.Error("the second start prints the first one's link")
	}
	later.stdout.find(t, later.ended, `\[coffee\]`)
	later.stopped(t)
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

// TestWhereUpIsReached holds that what is printed can be opened: on this machine
// and, where the api listens for them, on others.
func TestWhereUpIsReached(t *testing.T) {
	t.Parallel()
	own := []net.Addr{ipNet("192.168.1.5"), ipNet("169.254.7.7"), ipNet("fd00::5"), ipNet("fe80::5"), ipNet("10.0.0.9")}
	for name, tt := range map[string]struct {
		web  config.Web
		addr net.Addr
		want place
	}{
		"this machine": {config.Web{}, tcp("127.0.0.1"), place{"http://127.0.0.1:80", "http://127.0.0.1:80", nil}},
		"one address":  {config.Web{TLSCert: "x"}, tcp("192.168.1.5"), place{"https://192.168.1.5:80", "https://192.168.1.5:80", nil}},
		"all": {config.Web{}, tcp("::"), place{
			"http://localhost:80", "http://localhost:80", []string{"http://192.168.1.5:80", "http://10.0.0.9:80"},
		}},
		"a socket": {
			config.Web{Listen: config.Listen{Network: "unix", Address: "/run/x"}}, &net.UnixAddr{Name: "/run/x", Net: "unix"},
			place{"unix:/run/x", "http://localhost", nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := reached(&tt.web, tt.addr, own); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func ipNet(ip string) *net.IPNet { return &net.IPNet{IP: net.ParseIP(ip)} }
func tcp(ip string) *net.TCPAddr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 80} }

// TestShellLine has a shell read what is written for it.
func TestShellLine(t *testing.T) {
	t.Parallel()
	words := []string{"a", "it's", "$HOME and `more`", "", "mysql://u:***@h/db?a=1&b=2", "/tmp/ü"}
	got, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\n' `+shellLine(words)).Output()
	if want := strings.Join(words, "\n") + "\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestLoginCommand(t *testing.T) {
	t.Parallel()
	c, flags := config.NewUp(), pflag.NewFlagSet("up", pflag.ContinueOnError)
	config.Bind(flags, c)
	if err := flags.Parse([]string{"--data", "d", "--store", "mysql://u:geheim@h/db"}); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(c, flags, nil); err != nil {
		t.Fatal(err)
	}
	want := []string{"login", "--data", "d", "--store", "mysql://u:***@h/db"}
	if got := loginCommand(c, flags)[1:]; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
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
