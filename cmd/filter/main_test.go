package main

import (
	"bytes"
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "modernc.org/sqlite" // to set the schema's version

	"riffle/cmd/internal"
	"riffle/pkg/config"
	"riffle/pkg/testenv"
)

// output is a stderr that a test can wait on.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	seen chan struct{}
	once sync.Once
}

func waitingFor(want string) *output { return &output{want: want, seen: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.text.Write(p)
	if strings.Contains(o.text.String(), o.want) {
		o.once.Do(func() { close(o.seen) })
	}
	return n, err
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// filter runs the binary's whole main until it ends by itself.
func filter(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args = append(args, "--debug-listen", "off", "--state", t.TempDir())
	status := run(t.Context(), args, nil, strings.NewReader(""), &stdout, &stderr)
	return status, stderr.String()
}

func migrated(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	store, err := internal.OpenStore(&config.Store{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if err := store.Migrate(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSchemaOfAnotherVersion(t *testing.T) {
	t.Parallel()
	buffer := "sqlite:" + filepath.Join(t.TempDir(), "buffer.db")
	tests := []struct {
		name, change, want string
	}{
		{"too new", "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)", "is version 9999, newer than"},
		{"too old", "DELETE FROM goose_db_version WHERE version_id > 0", "run `riffle migrate`"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := migrated(t)
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), tt.change); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			status, stderr := filter(t, "--buffer", buffer, "--store", "sqlite:"+path)
			if status != 78 || !strings.Contains(stderr, tt.want) {
				t.Errorf("got status %d, want 78; %q, want %q in it", status, stderr, tt.want)
			}
		})
	}
}

func TestEmptyStoreNamesTheCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	status, stderr := filter(t, "--buffer", "sqlite:"+dir+"/buffer.db", "--store", "sqlite:"+dir+"/store.db")
	if status != 78 || !strings.Contains(stderr, "run `riffle migrate`") {
		t.Errorf("got status %d, want 78; %q", status, stderr)
	}
}

func TestWrongPasswords(t *testing.T) {
	t.Parallel()
	redis, mysql := testenv.Redis(t), testenv.MariaDB(t)
	wrong := func(text string) string {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("nobody", "geheim")
		return u.String()
	}
	for name, args := range map[string][]string{
		"--buffer": {"--buffer", wrong(redis), "--store", mysql},
		"--store":  {"--buffer", redis, "--store", wrong(mysql)},
	} {
		status, stderr := filter(t, args...)
		if status != 78 || !strings.Contains(stderr, name) {
			t.Errorf("%s: got status %d, want 78; %q", name, status, stderr)
		}
		if strings.Contains(stderr, "geheim") {
			t.Errorf("%s: the message shows the password: %q", name, stderr)
		}
	}
}

// TestNeighboursAway: a stage starts, and keeps trying, while nobody answers.
func TestNeighboursAway(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	stderr := waitingFor("store away")
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{
			"--buffer", "redis://127.0.0.1:1/0", "--store", "mysql://u:p@127.0.0.1:1/db", "--debug-listen", "off", "--state", t.TempDir(),
		}, nil, strings.NewReader(""), &bytes.Buffer{}, stderr)
	}()
	select {
	case <-stderr.seen:
	case status := <-ended:
		t.Fatalf("ended with status %d: %s", status, stderr)
	}
	cancel()
	if status := <-ended; status != 0 {
		t.Errorf("got status %d after the stop, want 0: %s", status, stderr)
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"unknown flag": {[]string{"--bufer", "x"}, 64, "unknown flag: --bufer\nTry 'riffle-filter --help'."},
		"an argument":  {[]string{"now"}, 64, `what is "now"?`},
		"no settings":  {nil, 78, "riffle-filter: 2 mistakes\n  --buffer: is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), tt.args, nil, strings.NewReader(""), &stdout, &stderr)
			if status != tt.status || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("got status %d, want %d; %q, want %q in it", status, tt.status, &stderr, tt.want)
			}
		})
	}
}

func TestVersionHelpAndCheck(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"riffle-filter ": {"--version"},
		"--store-all":    {"--help"},
		"# the configuration is well-formed; servers were not asked": {"--check-config", "--buffer", "redis://127.0.0.1:1/0", "--store", "mysql://u:p@127.0.0.1:1/db"},
	} {
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), args, nil, strings.NewReader(""), &stdout, &stderr)
		if status != 0 || !strings.Contains(stdout.String(), want) {
			t.Errorf("%v: got status %d, %q, want %q in it", args, status, &stdout, want)
		}
	}
}
