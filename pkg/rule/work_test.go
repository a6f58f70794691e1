package rule

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"riffle/pkg/event"
	"riffle/pkg/rule/token"
)

// A workload is hostile input of a size, and what is done with it.
type workload struct {
	name string
	size int // of a rule or a post, mostly in bytes; twice as much is tried too
	run  func(size int)
}

// pile repeats a piece up to a size.
func pile(piece string, size int) string { return strings.Repeat(piece, size/len(piece)) }

// nest puts a piece into as many parentheses.
func nest(open, inner, end string, depth int) string {
	return strings.Repeat(open, depth) + inner + strings.Repeat(end, depth)
}

// numbered joins pieces that all differ.
func numbered(format, between string, size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size-len(format)-8; i++ {
		if i > 0 {
			b.WriteString(between)
		}
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// read does with a rule all that is done with it before it meets an event.
func read(value string) {
	expr, _ := Parse(value)
	if expr == nil {
		return
	}
	_ = expr.Canonical()
	if err := NewIndex().Put(Rule{ID: 1, User: 1, Value: value}); err != nil {
		panic(err)
	}
}

// meet does with a rule and an event all that is ever done with both.
func meet(value string, ev *event.Event) {
	expr, problems := Parse(value)
	if expr == nil {
		panic(fmt.Sprint(value, problems))
	}
	index := NewIndex()
	if err := index.Put(Rule{ID: 1, User: 1, Value: value}); err != nil {
		panic(err)
	}
	m := index.NewMatcher()
	for _, h := range m.Match(ev, nil) {
		m.Spans(h)
	}
	expr.WhyNot(ev)
}

func ofRule(name string, value func(size int) string) workload {
	return workload{"rule/" + name, MaxLength / 2, func(size int) { read(value(size)) }}
}

// ofPost has a post of a size met by a rule.
func ofPost(name, value string, text func(size int) string) workload {
	return workload{"post/" + name, 50_000, func(size int) { meet(value, &event.Event{Text: text(size)}) }}
}

func repeated(piece string) func(int) string {
	return func(size int) string { return pile(piece, size) }
}

func workloads() []workload {
	marks := strings.Repeat("\u0301", 5)
	return []workload{
		ofRule("words", func(size int) string { return numbered("longword%d", " ", size) }),
		ofRule("choices", func(size int) string { return numbered("word%d", " OR ", size) }),
		ofRule("same words", repeated("longword ")),
		ofRule("negated", func(size int) string { return "cat " + numbered("-word%d", " ", size) }),
		ofRule("phrases", func(size int) string { return numbered(`"a b%d"`, " OR ", size) }),
		ofRule("one phrase", func(size int) string { return `"` + pile("ab ", size-8) + `"` }),
		ofRule("one window", func(size int) string { return `"` + numbered("w%d", " ", size-8) + `"~10` }),
		ofRule("one word", repeated("a")),
		ofRule("run", repeated("東")),
		ofRule("substring", func(size int) string { return "contains:" + pile("ab", size-10) }),
		ofRule("links", func(size int) string { return numbered("url:a%%2f%d.xn--e1afmkfd", " ", size) }),
		ofRule("marks", func(size int) string { return "a" + pile("\u0301", size-1) }),
		ofRule("marks upside down", func(size int) string { return "a" + pile("\u0301\u0316", size-1) }),
		ofRule("quotes", repeated(`"`)),
		ofRule("open", repeated("(")),
		ofRule("closed", repeated(")")),
		ofRule("minuses", repeated("-")),
		ofRule("unknown", func(size int) string { return pile("nmae:somevalue ", size) }),
		ofRule("stars", repeated("*a ")),
		ofRule("bad regexps", repeated("/(/ ")),
		ofRule("colons", repeated("a:")),
		ofRule("groups", func(size int) string { return pile("(longword OR longword) ", size) }),
		{"rule/depth", MaxDepth / 2, func(size int) { read(nest("(", "cat", ")", size)) }},
		{"rule/mixed depth", MaxDepth / 2, func(size int) { read(nest("(a OR (b ", "c", "))", size/2)) }},
		{"rule/negated depth", MaxDepth / 2, func(size int) { read(nest("-(-a ", "-b", ")", size)) }},

		ofPost("words", "cat", repeated("cat dog ")),
		ofPost("choices of words", "cat OR dog OR bird OR dogs*", repeated("cat dog ")),
		ofPost("phrase", `"cat cat cat cat dog"`, repeated("cat ")),
		ofPost("window", `"cat cat dog bird"~10`, repeated("cat dog ")),
		ofPost("window of prefixes", `"cat catcat cat*"~10`, repeated("cat catca ")),
		ofPost("substring", `contains:"aaaab"`, repeated("a")),
		ofPost("regexp", `/(a|aa)+b/`, repeated("a")),
		ofPost("one word", "aaa*", repeated("a")),
		ofPost("run", "東東京", repeated("東")),
		ofPost("kana", "カタカナ", repeated("カタカ")),
		ofPost("marks", "a", func(size int) string { return "a" + pile(marks, size) }),
		ofPost("marks upside down", "a", func(size int) string { return "a" + pile("\u0301\u0316", size) }),
		ofPost("marks of runs", "か", func(size int) string { return "か" + pile("\u3099", size) }),
		ofPost("marks alone", "a", repeated("\u0301")),
		ofPost("invisible", "a", func(size int) string { return "a" + pile("\u00ad", size) + "b" }),
		ofPost("points", "a", repeated("1.\u00ad1")),
		ofPost("apostrophes", "a", repeated("n'\u00adt")),
		ofPost("joiners", "a", repeated("👩\u200d")),
		ofPost("families", "👩", repeated("👩\u200d👩\u200d")),
		ofPost("flags", "🇩🇪", repeated("🇩")),
		ofPost("tags of emoji", "🏴", func(size int) string { return "🏴" + pile("\U000e0067", size) }),
		ofPost("keycaps", "1", repeated("1\ufe0f\u20e3")),
		ofPost("skin", "👍", repeated("👍🏽")),
		ofPost("hangul", "각", repeated("\u1100\u1161\u11a8")),
		ofPost("expanding", "a", repeated("ﷺ")),
		ofPost("schemes", "a", repeated("http://")),
		ofPost("no schemes", "a", repeated("://")),
		ofPost("mixed", "a", repeated("é\xffa ")),
		// No list of an event is longer than event.MaxList.
		{"post/links", 50_000, func(size int) {
			links := strings.Fields(numbered("https://a.b/%d", " ", 20*event.MaxList))[:event.MaxList]
			meet("url:zzz OR cat", &event.Event{Text: pile(strings.Join(links, " "), size), Links: links})
		}},
		{"post/tags", event.MaxList / 2, func(size int) {
			tags := strings.Fields(numbered("t%d", " ", 10*size))[:size]
			meet("#zzz OR -(-#yyy -#xxx) OR cat #t1 #t2", &event.Event{Text: "cat", Hashtags: tags})
		}},
		{"post/media", event.MaxList / 2, func(size int) {
			ev := &event.Event{Text: "cat"}
			for range size {
				ev.Media = append(ev.Media, event.Media{Type: event.MediaImage, Alt: "cat dog bird"})
			}
			meet(`cat "dog bird" contains:"bir"`, ev)
		}},
	}
}

// TestWork does one workload, for TestNothingIsQuadratic.
func TestWork(t *testing.T) { //nolint:paralleltest // alone in its process
	name, size, asked := strings.Cut(os.Getenv("RULE_WORK"), ":")
	if !asked {
		t.Skip("it is for TestNothingIsQuadratic")
	}
	n, err := strconv.Atoi(size)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range workloads() {
		if w.name == name {
			token.Cut(nil, "é") // tables are made once
			w.run(n * w.size)
		}
	}
}

// most is how many statements twice the input may take, in percent: some grow a
// little faster, as sorting does.
const most = 230

// TestNothingIsQuadratic has the statements counted that hostile input takes, by
// the means of test coverage, here and in the packages that read text: twice the
// input may take little more than twice as many.
func TestNothingIsQuadratic(t *testing.T) {
	t.Parallel()
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the go command is missing, which counts statements")
	}
	binary := filepath.Join(t.TempDir(), "rule.test") // which goes when all subtests are done
	build := exec.Command(goTool, "test", "-c", "-o", binary, "-covermode=count",
		"-coverpkg=riffle/pkg/rule/...,github.com/clipperhouse/uax29/v2/...,golang.org/x/text/unicode/norm,golang.org/x/text/transform,regexp,regexp/syntax,strings,slices,sort", ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build with counters: %v\n%s", err, out)
	}
	idle := statements(t, binary, "none", 1)
	for _, w := range workloads() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			once, twice := statements(t, binary, w.name, 1)-idle, statements(t, binary, w.name, 2)-idle
			if twice > most*once/100 {
				t.Errorf("%d statements, and %d for twice the input: want at most %d %%", once, twice, most)
			}
		})
	}
}

// statements counts those that a workload executes.
func statements(t *testing.T, binary, name string, size int) (n int64) {
	t.Helper()
	profile := filepath.Join(t.TempDir(), "profile")
	cmd := exec.Command(binary, "-test.run=^TestWork$", "-test.coverprofile="+profile)
	cmd.Env = append(os.Environ(), fmt.Sprintf("RULE_WORK=%s:%d", name, size))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	file, err := os.Open(profile)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Scan() // the mode
	for lines.Scan() {
		var of, count int64
		_, counts, _ := strings.Cut(lines.Text(), " ")
		if _, err := fmt.Sscan(counts, &of, &count); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		n += of * count
	}
	return n
}
