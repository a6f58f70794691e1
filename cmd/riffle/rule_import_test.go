package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/testenv"
)

// newShell gives a store with the users ann and bob.
func newShell(t *testing.T, store string) shell {
	t.Helper()
	sh := shell{t, store}
	sh.riffle("migrate").expect(t, 0, "done", "")
	sh.riffle("user", "add", "ann").expect(t, 0, "", "")
	sh.riffle("user", "add", "bob").expect(t, 0, "", "")
	return sh
}

func (s shell) feed(stdin string, args ...string) outcome {
	s.t.Helper()
	return riffle(s.t, stdin, []string{"RIFFLE_STORE=" + s.store}, args...)
}

// exported is what export gives, as values.
func (s shell) exported(user string) (values []string) {
	s.t.Helper()
	out := s.riffle("rule", "export", user)
	out.expect(s.t, 0, "", "")
	var rules []struct{ Value string }
	if err := json.Unmarshal([]byte(out.stdout), &rules); err != nil {
		s.t.Fatalf("rule export: %v: %s", err, out.stdout)
	}
	for _, r := range rules {
		values = append(values, r.Value)
	}
	return values
}

const mixedRules = `[
{"value":"coffee tea","tag":"drinks","action":"keep","enabled":true},
{"value":"-lang:en giveaway","tag":"","action":"drop","enabled":true},
{"value":"\"new york\" <b> OR #go","tag":"ué","action":"keep","enabled":false}
]
`

// TestRulesGoRoundTrip imports rules of every kind, exports them, and imports
// what was exported for somebody else.
func TestRulesGoRoundTrip(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func() string{
		"sqlite": func() string { return "sqlite:" + filepath.Join(t.TempDir(), "store.db") },
		"mysql":  func() string { return testenv.MariaDB(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := newShell(t, store())
			first := sh.feed(mixedRules, "rule", "import", "ann")
			first.expect(t, 0, "1     added   ", "3 added, 0 there already")
			sh.feed(mixedRules, "rule", "import", "ann", "-").expect(t, 0, "3     there   ", "0 added, 3 there already")
			out := sh.riffle("rule", "export", "ann")
			if diff := cmp.Diff(mixedRules, out.stdout); diff != "" {
				t.Errorf("export (-imported +exported):\n%s", diff)
			}
			file := filepath.Join(t.TempDir(), "rules.json")
			writeFile(t, file, []byte(out.stdout))
			sh.riffle("rule", "import", "bob", file).expect(t, 0, "", "3 added")
			if diff := cmp.Diff(mixedRules, sh.riffle("rule", "export", "bob").stdout); diff != "" {
				t.Errorf("second export (-first +second):\n%s", diff)
			}
			sh.riffle("rule", "list", "bob").expect(t, 0, "keep (off)", "")
		})
	}
}

func TestImportForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		args     []string
		want     []string
	}{
		{"x", `{"add":[{"value":"cat has:images","tag":"cats"},{"value":"dog"}]}`, nil, []string{"cat has:images", "dog"}},
		{"x's answer", `{"data":[{"id":"1","value":"cat","tag":"cats"}],"meta":{"sent":"2024"}}`, nil, []string{"cat"}},
		{"the api's answer", `{"summary":{"count":1},"data":[{"id":7,"value":"cat","tag":"","action":"keep","warnings":[]}],"error":null}`, nil, []string{"cat"}},
		{"a list", "# pets\n\ncat\r\n  #dog  \n#\nbird", nil, []string{"cat", "#dog", "bird"}},
		{"a list with a mark of its encoding", "\ufeffcat\n", nil, []string{"cat"}},
		{"a list that looks like json", "[cat\n", []string{"--format", "list"}, []string{"[cat"}},
		{"twice in one file", "cat\nCAT\n", nil, []string{"cat"}},
		{"nothing", "", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sh := newShell(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db"))
			sh.feed(c.in, append([]string{"rule", "import", "ann"}, c.args...)...).expect(t, 0, "LINE", "added")
			if diff := cmp.Diff(c.want, sh.exported("ann")); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

// TestImportIsWholeOrNothing holds that a broken rule adds nothing and changes
// nothing, and that each line is told what became of it.
func TestImportIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	sh := newShell(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db"))
	sh.riffle("rule", "add", "ann", "cat", "--tag", "pets").expect(t, 0, "", "")
	for _, c := range []struct{ name, in, stdout, stderr string }{
		{"a rule that is wrong", "dog\nbird OR\ncat\n", "1     right   -   dog\n2     wrong   -   bird OR\n3     there   1   cat\n", "line 2: error at byte 5"},
		{"no value", `[{"value":"dog"},{"tag":"x"}]`, "2     wrong   -   \n", `line 2: it has no "value"`},
		{"an action that is none", `[{"value":"dog","action":"hide"}]`, "1     wrong   -   dog\n", `its action "hide" must be keep or drop`},
		{"a tag that is none", `[{"value":"dog","tag":"a\nb"}]`, "1     wrong   -   dog\n", "its tag has a control character"},
		{"a syntax error", "[\n{\"value\":\"dog\"},\n{\"value\":}\n]", "", "line 3 of the JSON"},
		{"a value that is a number", `[{"value":7}]`, "", `line 1 of the JSON: "value" can't be a number`},
		{"json of something else", `{"rules":[]}`, "", `neither "add" nor "data" is a list`},
	} {
		got := sh.feed(c.in, "rule", "import", "ann")
		got.expect(t, 1, c.stdout, c.stderr)
		if c.stdout != "" && !strings.Contains(got.stderr, "so none was added") {
			t.Errorf("%s: got %q on stderr, want it to say that none was added", c.name, got.stderr)
		}
	}
	if diff := cmp.Diff([]string{"cat"}, sh.exported("ann")); diff != "" {
		t.Errorf("rules afterwards (-want +got):\n%s", diff)
	}
	sh.feed("x", "rule", "import", "ann", "--format", "xml").expect(t, 64, "", `--format "xml"`)
	sh.feed("x", "rule", "import", "eve").expect(t, 1, "", `no user "eve"`)
	sh.feed("x", "rule", "import", "ann", filepath.Join(t.TempDir(), "none")).expect(t, 1, "", "no such file")
	sh.feed("dog", "rule", "import", "ann", "--tag", "pets").expect(t, 0, "", "1 added")
	sh.riffle("rule", "export", "ann").expect(t, 0, `{"value":"dog","tag":"pets","action":"keep","enabled":true}`, "")
}

func TestExportForms(t *testing.T) {
	t.Parallel()
	sh := newShell(t, "sqlite:"+filepath.Join(t.TempDir(), "store.db"))
	sh.feed(mixedRules, "rule", "import", "ann").expect(t, 0, "", "")
	sh.feed(`[{"value":"cat\n OR dog"},{"value":"/a\nb/"}]`, "rule", "import", "ann").expect(t, 0, "", "")
	for _, c := range []struct{ form, want, left string }{
		{"x", "{\"add\":[\n{\"value\":\"coffee tea\",\"tag\":\"drinks\"},\n{\"value\":\"cat\\n OR dog\"},\n{\"value\":\"/a\\nb/\"}\n]}\n", "rule 2: -lang:en giveaway"},
		{"list", "coffee tea\ncat  OR dog\n", "rule 5: /a b/"},
	} {
		got := sh.riffle("rule", "export", "ann", "--format", c.form)
		got.expect(t, 0, "", c.left)
		if diff := cmp.Diff(c.want, got.stdout); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.form, diff)
		}
		sh.feed(got.stdout, "rule", "import", "bob").expect(t, 0, "", "")
	}
	sh.riffle("rule", "export", "eve").expect(t, 1, "", `no user "eve"`)
	sh.riffle("rule", "export", "ann", "--format", "auto").expect(t, 64, "", "--format")
}
