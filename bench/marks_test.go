package main

import (
	"encoding/json"
	"testing"
)

func TestAddWord(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{`{"text":"a","n":1}`, `{"text":"a w","n":1}`},
		{`{"full_text":"a \"b\" \\","n":1}`, `{"full_text":"a \"b\" \\ w","n":1}`},
		{`{"text":"a","entities":{"hashtags":[{"text":"x","indices":[1,2]}]}}`, `{"text":"a w","entities":{"hashtags":[{"text":"x","indices":[1,2]}]}}`},
		{`{"text":"a","q":{"text":"b"},"ext_alt_text":"c"}`, `{"text":"a w","q":{"text":"b w"},"ext_alt_text":"c"}`},
		{`{"n":1}`, ``},
	}
	for _, tt := range tests {
		got := addWord([]byte(tt.in), "w")
		if string(got) != tt.want {
			t.Errorf("addWord(%s) = %s, want %s", tt.in, got, tt.want)
		}
		if got != nil && !json.Valid(got) {
			t.Errorf("addWord(%s) = %s, which is no JSON", tt.in, got)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		r    result
		want string
	}{
		{result{reached: 100, aim: 90}, "design"},
		{result{reached: 80, aim: 90, now: 70}, "now"},
		{result{reached: 60, aim: 90, now: 70}, "MISSED"},
		{result{reached: 60, aim: 90, atMost: true}, "design"},
		{result{reached: 60}, ""},
	}
	for _, tt := range tests {
		if got := tt.r.verdict(); got != tt.want {
			t.Errorf("verdict of %+v is %q, want %q", tt.r, got, tt.want)
		}
	}
	for v, want := range map[float64]string{0: "", 1.234: "1.23", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}
