package jsonscan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/jsonscan"
)

// numbersOf walks an object by Field.
func numbersOf(f *jsonscan.Fields, text string) (numbers []int, ok bool) {
	s := jsonscan.New([]byte(text))
	last := f.Begin()
	for more := s.Object(); more; more = s.NextField() {
		last = s.Field(f, last)
		numbers = append(numbers, last.Number)
		s.Skip()
	}
	return numbers, s.End()
}

func TestFields(t *testing.T) {
	t.Parallel()
	f := jsonscan.NewFields(map[string]int{"a": 1, "bb": 2, "ccc": 3})
	tests := []struct {
		text string
		want []int
	}{
		{`{"a":1,"bb":2,"ccc":3}`, []int{1, 2, 3}},
		{`{"a":1,"bb":2,"ccc":3}`, []int{1, 2, 3}},
		{`{"a":1,"x":0,"ccc":3}`, []int{1, 0, 3}},
		{`{"a":1,"x":0,"ccc":3,"y":{"a":1}}`, []int{1, 0, 3, 0}},
		{`{"ccc":3,"a":1,"bb":2}`, []int{3, 1, 2}},
		{`{ "a" : 1 , "bb" : 2 }`, []int{1, 2}},
		{`{"\u0061":1,"b\u0062":2}`, []int{1, 2}},
		{`{"a":1,"bb":2,"bb":2,"bbb":0,"b":0,"":0}`, []int{1, 2, 2, 0, 0, 0}},
		{`{}`, nil},
	}
	for range 3 { // what was seen before changes nothing
		for _, test := range tests {
			got, ok := numbersOf(f, test.text)
			if diff := cmp.Diff(test.want, got); diff != "" || !ok {
				t.Errorf("%s: ok %v (-want +got):\n%s", test.text, ok, diff)
			}
		}
	}
}

// TestFieldsFirstSeenWrittenOddly: a name that was first escaped is found when it
// comes plain.
func TestFieldsFirstSeenWrittenOddly(t *testing.T) {
	t.Parallel()
	f := jsonscan.NewFields(map[string]int{"a": 1})
	for _, text := range []string{`{"\u0061" :1}`, `{"a":1}`, `{"a" :1}`, `{"\u0061":1}`} {
		if got, ok := numbersOf(f, text); len(got) != 1 || got[0] != 1 || !ok {
			t.Errorf("%s: got %v %v", text, got, ok)
		}
	}
}

func TestFieldsOfAFeedThatMakesNamesUp(t *testing.T) {
	t.Parallel()
	f := jsonscan.NewFields(map[string]int{"a": 1})
	for i := range 5000 {
		text := fmt.Sprintf(`{"x%d":1,"a":2,"%s":3}`, i, strings.Repeat("long", i%100))
		if got, ok := numbersOf(f, text); !cmp.Equal(got, []int{0, 1, 0}) || !ok {
			t.Fatalf("%s: got %v %v", text, got, ok)
		}
	}
}

func TestFieldsRejectWhatKeyRejects(t *testing.T) {
	t.Parallel()
	f := jsonscan.NewFields(map[string]int{"a": 1})
	numbersOf(f, `{"a":1}`)
	for _, text := range []string{`{"a"1}`, `{"a`, `{"a":`, `{a:1}`, `{"a":1,}`, `{"a":1,"a"}`, `{"\x":1}`} {
		if got, ok := numbersOf(f, text); ok {
			t.Errorf("%s: got %v", text, got)
		}
	}
}
