package rule

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"riffle/pkg/event"
)

// readDocs gives the page that specifies the language.
func readDocs(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// docsEvent reads an example of a post: a text, or an event in JSON, which need
// not be complete.
func docsEvent(t *testing.T, post string) *event.Event {
	t.Helper()
	if !strings.HasPrefix(post, "{") {
		return &event.Event{Text: post}
	}
	members := strings.TrimPrefix(post, "{")
	for _, field := range []string{
		`"key":"x:1"`, `"version":"1"`, `"author":{"id":"1"}`, `"text":"-"`, `"kind":"post"`,
		`"network":"x"`, `"source":"x"`, `"created_at":"2024-01-01T00:00:00.000Z"`,
		`"received_at":"2024-01-01T00:00:00.000Z"`,
	} {
		name, _, _ := strings.Cut(field, ":")
		if !regexp.MustCompile(`[{,]` + name + `:`).MatchString("{" + topLevel(members)) {
			members = field + "," + members
		}
	}
	ev, err := event.ParseJSON([]byte("{" + members))
	if err != nil {
		t.Fatalf("%s: %v", post, err)
	}
	return ev
}

// topLevel leaves out what stands in inner objects and lists.
func topLevel(members string) string {
	inner := regexp.MustCompile(`\{[^{}]*\}|\[[^\[\]]*\]`)
	for body := strings.TrimSuffix(members, "}"); ; {
		shorter := inner.ReplaceAllString(body, "0")
		if shorter == body {
			return shorter
		}
		body = shorter
	}
}

// docsExample is a rule and posts that it finds, or does not.
type docsExample struct {
	value string
	posts []string // each after "yes" or "no"
}

func docsExamples(t *testing.T) (examples []docsExample) {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```example\n(.*?)```").FindAllStringSubmatch(readDocs(t), -1) {
		lines := strings.Split(strings.TrimSpace(block[1]), "\n")
		value := strings.TrimSpace(strings.TrimPrefix(lines[0], "rule"))
		examples = append(examples, docsExample{value, lines[1:]})
	}
	return examples
}

func TestDocsExamples(t *testing.T) {
	t.Parallel()
	for _, example := range docsExamples(t) {
		value := example.value
		index := NewIndex()
		if err := index.Put(Rule{ID: 1, User: 1, Value: value}); err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		m := index.NewMatcher()
		for _, line := range example.posts {
			want, post, _ := strings.Cut(line, " ")
			got := len(m.Match(docsEvent(t, strings.TrimSpace(post)), nil)) > 0
			if got != (want == "yes") {
				t.Errorf("%s, on %s: got %v, want %s", value, post, got, want)
			}
		}
	}
}

// TestDocsShowEveryTerm holds that every term and every name has its example, of
// a post that the rule finds and of one that it does not.
func TestDocsShowEveryTerm(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, example := range docsExamples(t) {
		posts := strings.Join(example.posts, "\n")
		if !strings.Contains(posts, "yes ") || !strings.Contains(posts, "no ") {
			continue
		}
		expr, _ := Parse(example.value)
		if expr == nil {
			t.Fatalf("%s: is no rule", example.value)
		}
		showTerms(expr.root, shown)
	}
	for op := opText; op <= opSample; op++ {
		want := []*term{{op: op}}
		switch op {
		case opText:
			want = append(want, &term{words: make([]word, 2)}, &term{words: []word{{prefix: true}}})
		case opIs, opHas:
			want = nil
			for _, f := range slices.Concat(isFacts, hasFacts) {
				want = append(want, &term{op: op, what: f.fact})
			}
		}
		for _, e := range want {
			if !shown[termForm(e)] {
				t.Errorf("docs/rules.md: no example with yes and no of %s", termForm(e))
			}
		}
	}
	page := readDocs(t)
	for _, o := range operatorNames {
		if !strings.Contains(page, "`"+o.name+":") {
			t.Errorf("docs/rules.md does not name %s:", o.name)
		}
	}
}

func showTerms(n *node, shown map[string]bool) {
	if n.term != nil {
		shown[termForm(n.term)] = true
	}
	for _, kid := range n.kids {
		showTerms(kid, shown)
	}
}

// termForm names what a term is, whatever it looks for.
func termForm(e *term) string {
	words := min(len(e.words), 2)
	prefix := words > 0 && e.words[len(e.words)-1].prefix
	switch e.op {
	case opText:
		return fmt.Sprintf("words: %d, prefix: %v", max(1, words), prefix)
	case opIs, opHas:
		return fmt.Sprintf("fact %d", e.what)
	}
	return fmt.Sprintf("operator %d", e.op)
}

// TestDocsProblems runs the examples in the tables of errors and warnings, and
// holds that all codes are there.
func TestDocsProblems(t *testing.T) {
	t.Parallel()
	page := readDocs(t)
	rows := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| *(?:`(.*?)`)? *\\|").FindAllStringSubmatch(page, -1)
	if len(rows) != 22 {
		t.Errorf("errors and warnings: got %d, want 15 and 7", len(rows))
	}
	for _, row := range rows {
		code, value := row[1], row[2]
		if value == "" {
			continue
		}
		_, problems := Parse(value)
		if len(problems) == 0 || problems[0].Code != code {
			t.Errorf("%s: got %v, want %s", value, problems, code)
		}
	}
}
