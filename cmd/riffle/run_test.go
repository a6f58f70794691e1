package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// outcome is what a run of riffle left.
type outcome struct {
	status         int
	stdout, stderr string
}

// riffle runs the program as a shell would.
func riffle(t *testing.T, stdin string, environ []string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), args, environ, strings.NewReader(stdin), &stdout, &stderr)
	return outcome{status, stdout.String(), stderr.String()}
}

func (o outcome) expect(t *testing.T, status int, stdout, stderr string) {
	t.Helper()
	if o.status != status {
		t.Errorf("got status %d, want %d", o.status, status)
	}
	if !strings.Contains(o.stdout, stdout) {
		t.Errorf("stdout: got %q, want %q in it", o.stdout, stdout)
	}
	if !strings.Contains(o.stderr, stderr) {
		t.Errorf("stderr: got %q, want %q in it", o.stderr, stderr)
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		args   []string
		status int
		stderr string
	}{
		{"unknown command", []string{"uo"}, 64, `unknown command "uo" for "riffle"`},
		{"unknown flag", []string{"migrate", "--stor", "x"}, 64, "riffle migrate: unknown flag: --stor\nTry 'riffle migrate --help'."},
		{"a group alone", []string{"user"}, 64, "which one? add, link, list, remove"},
		{"unknown within a group", []string{"user", "ad"}, 64, `unknown command "ad" for "riffle user"`},
		{"too few arguments", []string{"token", "create"}, 64, "accepts 1 arg(s), received 0"},
		{"a name that can't be", []string{"user", "add", "a b", "--store", "sqlite:unused.db"}, 78, "run `riffle migrate`"},
		{"unknown variable", []string{"user", "list"}, 78, "RIFFLE_STOER is no setting of riffle; did you mean RIFFLE_STORE?"},
		{"unknown source", []string{"up", "--source", "gopher://x"}, 78, `--source: "gopher" is no kind of source`},
		{"no store", []string{"user", "list", "--data", "/does/not/exist"}, 78, "riffle up has left no store in /does/not/exist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var environ []string
			if tt.name == "unknown variable" {
				environ = []string{"RIFFLE_STOER=sqlite:x"}
			}
			args := tt.args
			for i, arg := range args {
				args[i] = strings.Replace(arg, "sqlite:", "sqlite:"+t.TempDir()+"/", 1)
			}
			riffle(t, "", environ, args...).expect(t, tt.status, "", tt.stderr)
		})
	}
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	riffle(t, "", nil, "--version").expect(t, 0, "riffle ", "")
	riffle(t, "", nil, "--help").expect(t, 0, "riffle up", "")
	riffle(t, "", nil).expect(t, 0, "Available Commands", "")
	riffle(t, "", nil, "up", "--check-config").expect(t, 0, "source:        sim:  # default", "")
	riffle(t, "", nil, "user", "list", "--check-config", "--store", "mysql://u:geheim@h/db").expect(t, 0, "mysql://u:***@h/db", "")
}

// TestConfigurationOfEveryCommand holds that all read the configuration, also
// those that need nothing of it.
func TestConfigurationOfEveryCommand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args  []string
		wrong int
	}{
		{nil, 78},
		{[]string{"up"}, 78},
		{[]string{"migrate"}, 78},
		{[]string{"user", "list"}, 78},
		{[]string{"login", "ann"}, 78},
		{[]string{"rule", "check", "coffee OR"}, 78},
		{[]string{"rule", "export", "ann"}, 78},
		{[]string{"dead", "list"}, 78},
		{[]string{"resume", "filter"}, 78},
		{[]string{"status"}, 78},
		{[]string{"status", "--check"}, 3},
		{[]string{"match", "coffee", "/dev/null"}, 2},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			with := func(more ...string) []string { return slices.Concat(tt.args, more, []string{"--data", t.TempDir()}) }
			riffle(t, "", nil, with("--check-config")...).expect(t, 0, "# the configuration is well-formed", "")
			for _, got := range []outcome{
				riffle(t, "", []string{"RIFFLE_NOPE=1"}, with()...),
				riffle(t, "", nil, with("--check-config", "--config", "/does/not/exist")...),
			} {
				if said := got.stdout + got.stderr; got.status != tt.wrong || !strings.Contains(said, "RIFFLE_NOPE") && !strings.Contains(said, "/does/not/exist") {
					t.Errorf("got status %d, want %d; %s", got.status, tt.wrong, said)
				}
			}
		})
	}
}

const (
	tweetKitten = `{"id":1,"id_str":"1","created_at":"Wed Apr 27 10:00:00 +0000 2016","text":"a kitten sleeps","user":{"id":7,"id_str":"7","screen_name":"ann"}}`
	tweetCoffee = `{"id":2,"id_str":"2","created_at":"Wed Apr 27 10:00:01 +0000 2016","text":"no coffee left","user":{"id":7,"id_str":"7","screen_name":"ann"}}`
)

func TestMatch(t *testing.T) {
	t.Parallel()
	both := tweetKitten + "\n" + tweetCoffee + "\n"
	dir := t.TempDir()
	plain, packed := filepath.Join(dir, "a.ndjson"), filepath.Join(dir, "b.ndjson.gz")
	writeFile(t, plain, []byte(both))
	writeFile(t, packed, zipped(t, both))
	tests := []struct {
		name           string
		stdin          string
		args           []string
		status         int
		stdout, stderr string
	}{
		{"stdin", both, []string{"kitten"}, 0, tweetKitten + "\n", ""},
		{"the last line needs no line feed", both + tweetKitten, []string{"kitten"}, 0, tweetKitten + "\n" + tweetKitten + "\n", ""},
		{"packed stdin", string(zipped(t, both)), []string{"coffee", "-"}, 0, tweetCoffee + "\n", ""},
		{"none", both, []string{"zebra"}, 1, "", ""},
		{"files in their order", "", []string{"kitten OR coffee", packed, plain}, 0, both + both, ""},
		{"spans", both, []string{"--json", "kitten"}, 0, `{"key":"twitter:1","spans":[{"field":"text","start":2,"end":8}]}` + "\n", ""},
		{"a rule that begins with a minus", both, []string{"--", "-coffee kitten"}, 0, tweetKitten + "\n", ""},
		{"a rule that is not right", both, []string{"kitten OR"}, 2, "", "dangling_or"},
		{"a rule without a selective term", both, []string{"--", "-kitten"}, 2, "", "no_selective_term"},
		{"a file that is not there", "", []string{"kitten", plain, filepath.Join(dir, "none")}, 2, tweetKitten + "\n", "no such file"},
		{"a flag that is not there", "", []string{"--colour", "kitten"}, 2, "", "unknown flag: --colour"},
		{"a colour that is not there", both, []string{"--color", "red", "kitten"}, 2, "", `--color "red" is none of auto, always, never`},
		{"two ways to print", both, []string{"--json", "--explain", "kitten"}, 0, `{"key":"twitter:1","spans":[{"field":"text","start":2,"end":8}]}` + "\n", ""},
		{"why", both, []string{"--explain", "kitten lang:en OR from:ann coffee"}, 0,
			"twitter:2 @ann: no coffee left\n  text 3-9 coffee\n  author.handle 0-3 ann\n", ""},
		{"why, in colour", both, []string{"--explain", "--color", "always", "kitten"}, 0,
			dim + "twitter:1" + normal + " " + cyan + "@ann" + normal + ": a " + strong + "kitten" + normal + " sleeps\n  text 2-8 kitten\n", ""},
		{"colour", both, []string{"--color", "always", "kitten"}, 0,
			strings.Replace(tweetKitten, "kitten", strong+"kitten"+normal, 1) + "\n", ""},
		{"colour of what is escaped", strings.Replace(both, "kitten", `caf\u00e9 \ud83d\ude00`, 1), []string{"--color", "always", "😀 cafe"}, 0,
			strings.Replace(tweetKitten, "kitten", strong+`caf\u00e9`+normal+" "+strong+`\ud83d\ude00`+normal, 1) + "\n", ""},
		{"the output is no terminal", both, []string{"--color", "auto", "kitten"}, 0, tweetKitten + "\n", ""},
		{"no rule", "", nil, 2, "", "requires at least 1 arg"},
		{"a format that is not there", both, []string{"--format", "xml", "kitten"}, 2, "", `"xml" is no format`},
		{"lines that are no posts", "{]\n" + both, []string{"--format", "twitter", "kitten"}, 0, tweetKitten + "\n", "1 lines are no posts that can be read: 1 syntax"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := riffle(t, tt.stdin, nil, append([]string{"match"}, tt.args...)...)
			got.expect(t, tt.status, "", tt.stderr)
			if got.stdout != tt.stdout {
				t.Errorf("got %q, want %q", got.stdout, tt.stdout)
			}
		})
	}
}

// TestMatchKeepsTheOrder runs enough lines through all workers that any other
// order would show.
func TestMatchKeepsTheOrder(t *testing.T) {
	t.Parallel()
	var in, want strings.Builder
	for i := range 20_000 {
		line := strings.Replace(tweetCoffee, "no coffee", strings.Repeat("so ", i%50)+"much coffee", 1)
		if i%3 == 0 {
			line = tweetKitten
		} else {
			want.WriteString(line + "\n")
		}
		in.WriteString(line + "\n")
	}
	if got := riffle(t, in.String(), nil, "match", "coffee"); got.stdout != want.String() {
		t.Errorf("got %d bytes, want %d in the same order", len(got.stdout), want.Len())
	}
}

// TestMatchPassesOverLongLines holds that a line without end takes no memory.
func TestMatchPassesOverLongLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3<<20)
	got := riffle(t, tweetKitten+"\n"+long+"\n"+tweetKitten+"\n"+long, nil, "match", "kitten")
	got.expect(t, 0, "", "2 oversize")
	if want := tweetKitten + "\n" + tweetKitten + "\n"; got.stdout != want {
		t.Errorf("got %d bytes, want %d", len(got.stdout), len(want))
	}
}

func TestRuleCheck(t *testing.T) {
	t.Parallel()
	riffle(t, "", nil, "rule", "check", "Coffee  AND tea").expect(t, 0, "coffee tea\n", "explicit_and")
	riffle(t, "", nil, "rule", "check", "-cat dog").expect(t, 64, "", `-- "-cat dog"`)
	riffle(t, "", nil, "rule", "check", "--", "-cat dog").expect(t, 0, "-cat dog\n", "")
	riffle(t, "", nil, "rule", "check", "coffee OR").expect(t, 1, "", "coffee OR\n           ^^")
	riffle(t, "", nil, "rule", "check", "--json", "coffee").expect(t, 0, `{"errors":[],"warnings":[],"canonical":"coffee"}`, "")
	riffle(t, "", nil, "rule", "check", "--json", "frm:nasa").expect(t, 1, `"code":"unknown_operator","offset":0`, "")
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
