package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/config"
)

func TestDurations(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "12h": 12 * time.Hour, "30d": 30 * day, "2w": 14 * day, "1d12h": 36 * time.Hour, "1h30m": 90 * time.Minute,
	} {
		got, err := config.ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("ParseDuration(%q): got %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "30", "d", "-1d", "-5m", "1d-2h", "1.5d", "30 d", "999999d", "1h2d"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q): got %s, want an error", text, got)
		}
	}
}

func TestURLsThatAreRight(t *testing.T) {
	t.Parallel()
	buffer, store := func() config.Value { return new(config.Buffer) }, func() config.Value { return new(config.Store) }
	tests := []struct {
		value func() config.Value
		text  string
		want  string // as printed
	}{
		{buffer, "redis://localhost:6379/0", ""},
		{buffer, "redis://localhost", ""},
		{buffer, "redis://:geheim@localhost:6379/0", "redis://:***@localhost:6379/0"},
		{buffer, "rediss://u:ge@heim@[::1]:6379/1", "rediss://u:***@[::1]:6379/1"},
		{buffer, "redis+unix:///run/redis/redis.sock", ""},
		{buffer, "redis+sentinel://h1:26379,h2:26379/master", ""},
		{buffer, "redis+cluster://h1:6379,h2:6379", ""},
		{buffer, "sqlite:riffle-data/buffer.db", ""},
		{store, "mysql://u:geheim@h:3306/db?tls=true", "mysql://u:***@h:3306/db?tls=true"},
		{store, "mysql://u:p@/db?socket=/run/mysqld/mysqld.sock", "mysql://u:***@/db?socket=/run/mysqld/mysqld.sock"},
		{store, "sqlite:/var/lib/riffle/store.db", ""},
	}
	for _, tt := range tests {
		value := tt.value()
		if err := value.Set(tt.text); err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if tt.want == "" {
			tt.want = tt.text
		}
		if got := value.String(); got != tt.want {
			t.Errorf("%s prints as %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestURLsThatAreWrong(t *testing.T) {
	t.Parallel()
	buffer, store := func() config.Value { return new(config.Buffer) }, func() config.Value { return new(config.Store) }
	tests := []struct {
		value      func() config.Value
		text, want string
	}{
		{buffer, "localhost", "does not begin with a kind and a colon"},
		{buffer, "localhost:6379", `"localhost" is no kind of buffer`},
		{buffer, "mysql://u:geheim@h/db", `"mysql" is no kind of buffer`},
		{buffer, "redis://", "names no host"},
		{buffer, "redis://h:port/0", "has no port"},
		{buffer, "redis://u:geheim", "has no port"},
		{buffer, "redis://h:6379/first", `"first" is no database`},
		{buffer, "redis://h1,h2/0", "takes one host"},
		{buffer, "redis+unix://run/redis.sock", "absolute path"},
		{buffer, "redis+sentinel://h1,h2", "master's name"},
		{buffer, "redis+cluster://", "needs hosts"},
		{buffer, "sqlite://data/buffer.db", "without //"},
		{buffer, "sqlite:", "needs a path"},
		{buffer, "sqlite:x?mode=ro", "takes no parameters"},
		{buffer, "redis://h/0?a=%zz", "not well-formed"},
		{store, "redis://u:geheim@h/0", `"redis" is no kind of store`},
		{store, "mysql://localhost/db", "names no user"},
		{store, "mysql://u:geheim@localhost", "names no database"},
		{store, "mysql://u:ge/heim@localhost/db", "%2F"},
		{store, "mysql://u:geheim@/db", "names no host"},
	}
	for _, tt := range tests {
		err := tt.value().Set(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.text, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "heim") {
			t.Errorf("%s: the message shows the password: %v", tt.text, err)
		}
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	var s config.Source
	if err := s.Set("jetstream+ws://localhost:6008/subscribe?collections=a,b"); err != nil {
		t.Fatal(err)
	}
	want := config.Source{
		URL: "jetstream+ws://localhost:6008/subscribe?collections=a,b", Scheme: "jetstream+ws",
		Host: "localhost:6008", Path: "/subscribe", Params: map[string][]string{"collections": {"a,b"}},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
	if err := s.Set("mastodon://social.example/public?access_token=geheim&x=1"); err != nil {
		t.Fatal(err)
	}
	if got, want := s.String(), "mastodon://social.example/public?access_token=***&x=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNamesOfSources(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"sim:?rate=5":                      "sim",
		"stdin:":                           "stdin",
		"jetstream+ws://LOCALHOST:6008/s":  "jetstream-localhost-6008",
		"mastodon://social.example/public": "mastodon-social.example",
		"mastodon+http://h:3000/user":      "mastodon-h-3000-user",
		"mastodon://h/hashtag?tag=Maps":    "mastodon-h-hashtag-maps",
		"mastodon://h/list?list=7&x=" + strings.Repeat("y", 70): "mastodon-h-list-7",
		"mastodon://" + strings.Repeat("h", 70) + "/user":       "mastodon-" + strings.Repeat("h", 55),
		"twitter://sample":                 "twitter-sample",
		"wss://h/x":                        "wss-h",
		"file:/data/Tweets 2020.ndjson.gz": "file-tweets-2020-52d9f29c",
	} {
		var s config.Source
		if err := s.Set(text); err != nil {
			t.Fatal(err)
		}
		got := s.Name()
		if string(got) != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		var name config.Name
		if err := name.Set(string(got)); err != nil {
			t.Errorf("%s: its name cannot be given: %v", text, err)
		}
	}
	one, other := config.Source{Scheme: "file", Path: "a/x.json"}, config.Source{Scheme: "file", Path: "b/x.json"}
	if one.Name() == other.Name() {
		t.Errorf("two files share the name %s", one.Name())
	}
}

func TestListenAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Listen{
		":8080":              {Network: "tcp", Address: ":8080"},
		"[::1]:0":            {Network: "tcp", Address: "[::1]:0"},
		"unix:/run/r/a.sock": {Network: "unix", Address: "/run/r/a.sock"},
	} {
		var got config.Listen
		if err := got.Set(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: got %+v (%s), %v", text, got, &got, err)
		}
	}
	for _, text := range []string{"", "8080", ":http", ":65536", "unix:", "h:1:2", ":08"} {
		var got config.Listen
		if err := got.Set(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}
