package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/jsonscan"
)

// tree reads a whole value through the scanner, as encoding/json would.
func tree(s *jsonscan.Scanner, a *jsonscan.Arena) any {
	switch s.Peek() {
	case '{':
		fields := map[string]any{}
		for more := s.Object(); more; more = s.NextField() {
			key := string(s.Key())
			fields[key] = tree(s, a)
		}
		return fields
	case '[':
		elements := []any{}
		for more := s.Array(); more; more = s.NextElement() {
			elements = append(elements, tree(s, a))
		}
		return elements
	case '"':
		return strings.Clone(a.Text(s.Str()))
	case 't', 'f':
		return s.Bool()
	case 'n':
		s.Skip()
		return nil
	}
	return json.Number(s.Raw())
}

// wantTree reads data with encoding/json.
func wantTree(data []byte) (any, error) {
	if !json.Valid(data) {
		return nil, errors.New("no JSON")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

// depth is how deep data is nested, roughly: brackets in strings count too.
func depth(data []byte) int {
	return bytes.Count(data, []byte{'{'}) + bytes.Count(data, []byte{'['})
}

var texts = []string{
	``, ` `, `{}`, `[]`, `{`, `}`, `[`, `]`, `""`, `"`, `"\"`, `"\\"`, `null`, `nul`, `nulll`, `true`, `false`, `tru`,
	`0`, `-0`, `01`, `-`, `1.`, `.1`, `1.5`, `1e5`, `1E+5`, `1e`, `1e-`, `-1.25e-10`, `12345678901234567890`, `+1`, `1 2`, `NaN`,
	`{"a":1}`, ` { "a" : [ 1 , 2 , { "b" : null } ] , "c" : "d" } `, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`, `[1,]`, `[,1]`, `[1 2]`, `[1}`, `{"a":1]`,
	`{"a":1}{`, `{"a":1} x`, "\t\r\n{}", "\v{}", "\ufeff{}",
	`"\u00e9\ud83d\ude00\/\b\f\n\r\t"`, `"\u007f\u0080\u00ff\u003c\u003C\u0000"`, `"\u000"`, `"\u0g00"`, `"\u00g0"`, `"\ud83d"`, `"\ud83dx"`, `"\ude00\ud83d"`, `"\ud83d\u0041"`, `"\ud83d\ud83d\ude00"`, `"\u12g4"`, `"\u12"`, `"\x"`, `"a\`, `"\u00"`,
	`{"\u0061":1}`, `{"\x":1}`, "\"\x01\"", "\"a\tb\"", "\"\x7f\"", "\"\xff\xfe\"", "\"caf\xc3\xa9\"", "\"\xed\xa0\x80\"", "\"\xf0\x9f\x98\"", "{\"\xff\":1}",
	`{"long key that is longer than eight bytes":"and a value that is longer than sixteen bytes, with \" and \\ in it"}`,
	`{"s":"{[}]\"{","t":["]","}"],"u":"\\\\","v":"\\\\\""}`,
}

func TestScannerReadsAsTheStandardLibrary(t *testing.T) {
	t.Parallel()
	for _, text := range texts {
		checkTree(t, []byte(text))
	}
}

// checkTexts takes what begins at each quote in both ways.
func checkTexts(t *testing.T, data []byte) {
	t.Helper()
	for i, c := range data {
		if c != '"' {
			continue
		}
		late, once := jsonscan.New(data[i:]), jsonscan.New(data[i:])
		var a, b jsonscan.Arena
		want, got := a.Text(late.Str()), b.Text(once.Unescaped(&b))
		if bad := late.Bad() || a.Bad(); once.Bad() != bad || !bad && got != want {
			t.Errorf("%q: taken at once: %q, bad %v; want %q, bad %v", data[i:], got, once.Bad(), want, bad)
		}
	}
}

func checkTree(t *testing.T, data []byte) {
	t.Helper()
	checkTexts(t, data)
	want, err := wantTree(data)
	if depth(data) > jsonscan.MaxDepth {
		return
	}
	s := jsonscan.New(data)
	var a jsonscan.Arena
	got := tree(&s, &a)
	if ok := s.End() && !a.Bad(); ok != (err == nil) {
		t.Fatalf("%q: scanner says valid: %v; encoding/json: %v", data, ok, err)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%q (-want +got):\n%s", data, diff)
	}
	if s.Mismatch() {
		t.Errorf("%q: got a mismatch", data)
	}
}

// checkSkip leaves every field of an object behind in two ways and compares what
// was left with encoding/json.
func checkSkip(t *testing.T, data []byte) {
	t.Helper()
	if !json.Valid(data) || depth(data) > jsonscan.MaxDepth {
		return
	}
	s := jsonscan.New(data)
	if got, want := string(s.Raw()), strings.Trim(string(data), " \t\r\n"); got != want {
		t.Errorf("Raw of %q gives %q", want, got)
	}
	if !s.End() {
		t.Errorf("%q is not left behind whole", data)
	}
	var want map[string]json.RawMessage
	if json.Unmarshal(data, &want) != nil {
		return
	}
	s = jsonscan.New(data)
	for more := s.Object(); more; more = s.NextField() {
		key := string(s.Key())
		raw := s.Raw()
		if _, there := want[key]; !there {
			t.Errorf("%q: got a field %q", data, key)
		}
		if !json.Valid(raw) {
			t.Errorf("%q: got a broken value %q", data, raw)
		}
		rest := s // where one stops early
		if rest.SkipRest(); !rest.End() {
			t.Errorf("%q: rest after %q is not left behind", data, key)
		}
	}
	if !s.End() {
		t.Errorf("%q: fields are not left behind whole", data)
	}
}

func TestSkip(t *testing.T) {
	t.Parallel()
	for _, text := range texts {
		checkSkip(t, []byte(text))
	}
	// Every place of the interesting bytes in a block and across its ends.
	for pad := range 140 {
		for _, mid := range []string{`\"`, `\\`, `\\\"`, `{`, `]`, `\\\\\\\\\"}`, `"},"y":{"z":"`, `é\u00e9`} {
			text := fmt.Sprintf(`{"p":"%s%s","q":{"r":[1,"}"]},"t":1}`, strings.Repeat("x", pad), mid)
			checkSkip(t, []byte(text))
			checkTree(t, []byte(text))
			slashes := fmt.Sprintf(`{"p":{"a":"%s"}}`, strings.Repeat(`\\`, pad)+mid)
			checkSkip(t, []byte(slashes))
		}
	}
}

func TestSkipRejectsWhatIsNotBalanced(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"a":{"b":1}`, `{"a":[1,2}`, `{"a":"b}`, `{"a":{"b":"c\"}}`, `{"a":[`, `{"a":{"b":` + strings.Repeat(" ", 100), `[[1],[2]`,
		`{"a":^}`, `{"a":[~]}`, `{"a":[[_]]}`, strings.Repeat("[", jsonscan.MaxDepth+1) + strings.Repeat("]", jsonscan.MaxDepth+1),
		`{"a":{"x":|}}`,
	} {
		s := jsonscan.New([]byte(text))
		s.Skip()
		if s.End() {
			t.Errorf("%.40q is left behind as if it were whole", text)
		}
	}
}

func TestMismatch(t *testing.T) {
	t.Parallel()
	takes := map[string]func(*jsonscan.Scanner){
		"string": func(s *jsonscan.Scanner) { s.Str() },
		"text":   func(s *jsonscan.Scanner) { s.Unescaped(new(jsonscan.Arena)) },
		"bool":   func(s *jsonscan.Scanner) { s.Bool() },
		"int":    func(s *jsonscan.Scanner) { s.Int() },
		"object": func(s *jsonscan.Scanner) {
			for more := s.Object(); more; more = s.NextField() {
				s.Key()
				s.Skip()
			}
		},
		"array": func(s *jsonscan.Scanner) {
			for more := s.Array(); more; more = s.NextElement() {
				s.Skip()
			}
		},
	}
	values := map[string]string{
		`"x"`: "string", `true`: "bool", `false`: "bool", `12`: "int", `-9223372036854775808`: "int", `9223372036854775807`: "int",
		`{"a":1}`: "object", `{}`: "object", `[1]`: "array", `[]`: "array", `null`: "any",
		`1.0`: "", `1e3`: "", `9223372036854775808`: "", `-9223372036854775809`: "", `123456789012345678901`: "",
	}
	for value, fits := range values {
		for name, take := range takes {
			s := jsonscan.New([]byte(value))
			take(&s)
			if !s.End() {
				t.Errorf("%s taken as %s: not at the end", value, name)
			}
			if name == "text" {
				name = "string"
			}
			if got, want := s.Mismatch(), fits != "any" && fits != name; got != want {
				t.Errorf("%s taken as %s: mismatch %v, want %v", value, name, got, want)
			}
		}
	}
}

func TestInt(t *testing.T) {
	t.Parallel()
	for _, want := range []int64{0, 7, -7, 1<<63 - 1, -1 << 63, 1234567890123456789} {
		s := jsonscan.New(fmt.Appendf(nil, " %d ", want))
		if got, ok := s.Int(); got != want || !ok {
			t.Errorf("got %d %v, want %d", got, ok, want)
		}
	}
}

func TestArenaKeepsEarlierTexts(t *testing.T) {
	t.Parallel()
	var a jsonscan.Arena
	s := jsonscan.New([]byte(`["\u0041\u0042","plain","\u0043"]`))
	var got []string
	for more := s.Array(); more; more = s.NextElement() {
		got = append(got, a.Text(s.Str()))
		got = append(got, a.Join("x", got[len(got)-1], strings.Repeat("y", 1000))[:2])
	}
	got = append(got, a.Keep([]byte("kept")))
	if diff := cmp.Diff([]string{"AB", "xA", "plain", "xp", "C", "xC", "kept"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzScanner(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkTree(t, data)
		checkSkip(t, data)
	})
}
