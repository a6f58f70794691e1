package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"riffle/pkg/config"
)

// load does what a main does.
func load(t *testing.T, c config.Settings, args, environ []string) (*config.Report, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.Bind(flags, c)
	if err := flags.Parse(args); err != nil {
		t.Fatalf("parse %v: %v", args, err)
	}
	return config.Load(c, flags, environ)
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	redisURL = "redis://localhost:6379/0"
	mysqlURL = "mysql://riffle:geheim@localhost:3306/riffle"
)

func TestFlagsOverEnvironmentOverFile(t *testing.T) {
	t.Parallel()
	file := write(t, "riffle.yaml", "buffer: "+redisURL+"\nstore: sqlite:file.db\nkeep: 7d\nlog: error\nstore-all: true\nlisten: ':80'\n")
	c := config.NewFilter()
	report, err := load(t, c,
		[]string{"--keep", "90d"},
		[]string{"HOME=/root", "RIFFLE_CONFIG=" + file, "RIFFLE_STORE=sqlite:env.db", "RIFFLE_KEEP=1d", "RIFFLE_BUFFER="})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Buffer.URL, redisURL; got != want {
		t.Errorf("buffer, from the file: got %q, want %q", got, want)
	}
	if got, want := c.Store.Path, "env.db"; got != want {
		t.Errorf("store, from the environment: got %q, want %q", got, want)
	}
	if got, want := time.Duration(c.Keep), 90*24*time.Hour; got != want {
		t.Errorf("keep, from the flag: got %s, want %s", got, want)
	}
	if !c.StoreAll || c.Log != "error" {
		t.Errorf("store-all and log, from the file: got %v, %q", c.StoreAll, c.Log)
	}
	if !report.Given("keep") || report.Given("state") {
		t.Error("Given: want keep given and state not")
	}
	var out strings.Builder
	if err := report.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"keep:          90d  # --keep\n", "store:         sqlite:env.db  # RIFFLE_STORE\n", "log:           error  # " + file, "state:         riffle-data  # default"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("report lacks %q:\n%s", want, out.String())
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	ingest := config.NewIngest()
	if _, err := load(t, ingest, []string{"--source", "jetstream://h/subscribe", "--buffer=" + redisURL}, []string{"STATE_DIRECTORY=/var/lib/riffle:/other"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Process{
		Log: "info", State: "/var/lib/riffle",
		DebugListen: config.DebugListen{Address: "127.0.0.1:9101", Default: true},
	}, ingest.Process); diff != "" {
		t.Errorf("process (-want +got):\n%s", diff)
	}
	if ingest.Name != "jetstream-h" || ingest.Spool != "/var/lib/riffle/spool" {
		t.Errorf("got name %q and spool %q", ingest.Name, ingest.Spool)
	}

	up := config.NewUp()
	if _, err := load(t, up, nil, nil); err != nil {
		t.Fatal(err)
	}
	if up.Source.Scheme != "sim" || up.Name != "sim" || up.Listen.Address != "127.0.0.1:8080" || up.DebugListen.Address != "127.0.0.1:9103" {
		t.Errorf("up: got source %q, name %q, listen %q, debug %q", up.Source.URL, up.Name, up.Listen.Address, up.DebugListen.Address)
	}
	if up.Buffer.Path != "riffle-data/buffer.db" || up.Store.Path != "riffle-data/store.db" || up.State != "riffle-data" {
		t.Errorf("up: got buffer %q, store %q, state %q", up.Buffer.Path, up.Store.Path, up.State)
	}
}

func TestTwitterKeys(t *testing.T) {
	t.Parallel()
	c := config.NewIngest()
	report, err := load(t, c, []string{"--source", "twitter://sample", "--buffer", redisURL, "--twitter-access-token", "12-geheim"}, []string{
		"RIFFLE_TWITTER_CONSUMER_KEY=geheim1", "RIFFLE_TWITTER_CONSUMER_SECRET_FILE=" + write(t, "secret", " geheim2 \n"),
		"RIFFLE_TWITTER_ACCESS_TOKEN_SECRET_FILE=" + write(t, "token", "geheim3"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := config.TwitterKeys{ConsumerKey: "geheim1", ConsumerSecret: "geheim2", AccessToken: "12-geheim", AccessTokenSecret: "geheim3"}
	if c.Twitter != want {
		t.Error("the keys are not those that were given")
	}
	var out strings.Builder
	if err := report.Print(&out); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "%v %+v %q", c.Twitter, c.Twitter, c.Twitter)
	if strings.Contains(out.String(), "geheim") || !strings.Contains(out.String(), "twitter-access-token-secret: ***  # RIFFLE_TWITTER_ACCESS_TOKEN_SECRET_FILE") {
		t.Errorf("got %s", out.String())
	}
	_, err = load(t, config.NewIngest(), nil, []string{"RIFFLE_TWITTER_CONSUMER_KEY_FILE=" + write(t, "empty", "\n")})
	if err == nil || !strings.Contains(err.Error(), "--twitter-consumer-key (from RIFFLE_TWITTER_CONSUMER_KEY_FILE): is empty") {
		t.Errorf("an empty file: got %v", err)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	secret := write(t, "store", mysqlURL+"\n")
	c := config.NewFilter()
	report, err := load(t, c, []string{"--buffer", redisURL}, []string{"RIFFLE_STORE_FILE=" + secret})
	if err != nil {
		t.Fatal(err)
	}
	if c.Store.URL != mysqlURL {
		t.Errorf("got %q", c.Store.URL)
	}
	var out strings.Builder
	if err := report.Print(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "geheim") || !strings.Contains(out.String(), "mysql://riffle:***@localhost:3306/riffle  # RIFFLE_STORE_FILE") {
		t.Errorf("the password is not masked:\n%s", out.String())
	}
}

func TestKubernetesMayInjectItsNames(t *testing.T) {
	t.Parallel()
	c := config.NewFilter()
	_, err := load(t, c, []string{"--buffer", redisURL, "--store", mysqlURL}, []string{
		"RIFFLE_SERVICE_HOST=10.0.0.1", "RIFFLE_PORT=tcp://10.0.0.1:80", "RIFFLE_API_PORT_8080_TCP_ADDR=10.0.0.1",
		"RIFFLE_API_SERVICE_PORT_HTTP=80",
		// names of other binaries of ours
		"RIFFLE_SOURCE=sim:", "RIFFLE_DATA=x", "RIFFLE_TLS_CERT=y", "RIFFLE_SOURCE_FILE=" + write(t, "source", "sim:"),
	}[:7])
	if err != nil {
		t.Error(err)
	}
}

// TestAllMistakesAtOnce holds the sentences that operators read.
func TestAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	file := write(t, "riffle.yaml", "stor: sqlite:x\nkeep: {days: 3}\n")
	broken := write(t, "broken.yaml", "a: [")
	tests := []struct {
		name    string
		config  config.Settings
		args    []string
		environ []string
		want    []string
	}{
		{"nothing set", config.NewFilter(), nil, nil, []string{
			"--buffer: is not set; give the flag, RIFFLE_BUFFER or buffer: in the file of --config, such as redis://localhost:6379/0",
			"--store: is not set; give the flag, RIFFLE_STORE or store: in the file of --config, such as mysql://riffle:PASSWORD@localhost:3306/riffle",
		}},
		{"each kind of origin", config.NewFilter(),
			[]string{"--config", file, "--buffer", "postgres://x"},
			[]string{"RIFFLE_STOER=1", "RIFFLE_COLOUR=blue", "RIFFLE_STORE_FILE=/does/not/exist", "RIFFLE_DEBUG_LISTEN=9102"},
			[]string{
				"RIFFLE_STOER: RIFFLE_STOER is no setting of riffle; did you mean RIFFLE_STORE?",
				"RIFFLE_COLOUR: RIFFLE_COLOUR is no setting of riffle; remove it, or see --help for those there are",
				"--store (from RIFFLE_STORE_FILE): cannot read the file that it names: /does/not/exist: no such file or directory",
				file + ": stor is no setting of riffle; did you mean store?",
				"--keep (from " + file + "): takes a plain value, not a mapping",
				`--buffer: "postgres" is no kind of buffer`,
				`--debug-listen (from RIFFLE_DEBUG_LISTEN): "9102" is no address; write it like :8080 or 127.0.0.1:8080, or off`,
			}},
		{"a secret twice", config.NewFilter(), nil,
			[]string{"RIFFLE_STORE=" + mysqlURL, "RIFFLE_STORE_FILE=" + write(t, "s", mysqlURL)},
			[]string{"--store (from RIFFLE_STORE_FILE): is also set by RIFFLE_STORE; give one of the two"}},
		{"a file that is not there", config.NewFilter(), []string{"--config", "/nowhere.yaml"}, nil,
			[]string{"/nowhere.yaml: cannot be read: /nowhere.yaml: no such file or directory"}},
		{"a file that is no YAML", config.NewFilter(), []string{"--config", broken}, nil,
			[]string{broken + ": cannot be read: yaml: line 1: did not find expected node content"}},
		{"a file for what is no secret", config.NewFilter(), nil, []string{"RIFFLE_KEEP_FILE=/x"},
			[]string{"RIFFLE_KEEP_FILE: RIFFLE_KEEP_FILE is no setting of riffle"}},
		{"levels", config.NewFilter(), []string{"--log", "loud"}, nil, []string{`--log: "loud" is no level; use debug, info, warn or error`}},
		{"a switch", config.NewFilter(), []string{"--store-all=maybe"}, nil, []string{`--store-all: "maybe" is neither true nor false`}},
		{"ingest", config.NewIngest(), []string{"--source", "tweets", "--name", "My Feed", "--audience", "twitter", "--buffer-max", "0"}, nil, []string{
			"--source: it does not begin with a kind and a colon",
			`--name: "My Feed" is no name`,
			`--audience: "twitter" is no account; write it as NETWORK:ACCOUNT`,
			`--buffer-max: "0" is not a whole number of at least 1`,
		}},
		{"ingest without", config.NewIngest(), nil, nil, []string{"--source: is not set", "--buffer: is not set"}},
		{"api", config.NewAPI(), []string{"--listen", "8080"}, nil, []string{`--listen: "8080" is no address`}},
		{"api together", config.NewAPI(), []string{"--tls-key", "k.pem"}, nil, []string{"--tls-key: has no effect without --tls-cert", "--store: is not set"}},
		{"up", config.NewUp(), []string{"--data", "", "--keep", "0s"}, nil, []string{"--data: needs a directory", "--keep: must be longer than nothing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tt.config, tt.args, tt.environ)
			var mistakes *config.Error
			if !errors.As(err, &mistakes) {
				t.Fatalf("got %v, want mistakes", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("lacks %q:\n%v", want, err)
				}
			}
			if got := len(mistakes.Mistakes); got != len(tt.want) {
				t.Errorf("got %d mistakes, want %d:\n%v", got, len(tt.want), err)
			}
		})
	}
}

func TestCheckConfigIsReported(t *testing.T) {
	t.Parallel()
	report, err := load(t, config.NewUp(), []string{"--check-config"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !report.CheckOnly {
		t.Error("got CheckOnly false")
	}
}

func TestTheSourceIsCheckedByWhoOpensIt(t *testing.T) {
	t.Parallel()
	c := config.NewIngest()
	c.CheckSource = func(in *config.Input) error { return errors.New("no adapter for " + in.Source.Scheme) }
	_, err := load(t, c, []string{"--source", "gopher://h", "--buffer", redisURL}, nil)
	if err == nil || !strings.Contains(err.Error(), "--source: no adapter for gopher") {
		t.Errorf("got %v", err)
	}
}

func TestListsOfAccounts(t *testing.T) {
	t.Parallel()
	file := write(t, "riffle.yaml", "audience: [twitter:1, twitter:2]\n")
	for name, args := range map[string][]string{
		"flags": {"--audience", "twitter:1", "--audience", "twitter:2"},
		"comma": {"--audience", "twitter:1, twitter:2"},
		"file":  {"--config", file},
	} {
		c := config.NewIngest()
		if _, err := load(t, c, append(args, "--source", "sim:", "--buffer", redisURL), nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(config.Audience{"twitter:1", "twitter:2"}, c.Audience); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
