package rule

import (
	"os"
	"regexp"
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

func TestDocsExamples(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?s)```example\n(.*?)```").FindAllStringSubmatch(readDocs(t), -1)
	if len(blocks) < 40 {
		t.Fatalf("examples: got %d, want those of every term", len(blocks))
	}
	for _, block := range blocks {
		lines := strings.Split(strings.TrimSpace(block[1]), "\n")
		value := strings.TrimSpace(strings.TrimPrefix(lines[0], "rule"))
		index := NewIndex()
		if err := index.Put(Rule{ID: 1, User: 1, Value: value}); err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		m := index.NewMatcher()
		for _, line := range lines[1:] {
			want, post, _ := strings.Cut(line, " ")
			got := len(m.Match(docsEvent(t, strings.TrimSpace(post)), nil)) > 0
			if got != (want == "yes") {
				t.Errorf("%s, on %s: got %v, want %s", value, post, got, want)
			}
		}
	}
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
