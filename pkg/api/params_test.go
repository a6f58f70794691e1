package api

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
	"riffle/pkg/rule"
)

func TestParseMatchQuery(t *testing.T) {
	t.Parallel()
	cursor := string(appendCursor(nil, 42))
	for raw, want := range map[string]matchQuery{
		"":                              {Query: event.Query{Limit: 50}},
		"limit=1":                       {Query: event.Query{Limit: 1}},
		"limit=200&tag=a%26b":           {Query: event.Query{Limit: 200, Tag: "a&b"}},
		"rule=12":                       {Query: event.Query{Limit: 50, Rule: "12"}},
		"id=b,a&limit=2":                {Query: event.Query{Limit: 2, IDs: []string{"b", "a"}}},
		"before=" + cursor:              {Query: event.Query{Limit: 50, Before: 42}},
		"after=" + cursor:               {Query: event.Query{Limit: 50, After: 42, HasAfter: true}},
		"after=" + cursor + "&wait=25s": {Query: event.Query{Limit: 50, After: 42, HasAfter: true}, wait: 25 * time.Second},
		"wait=1m":                       {Query: event.Query{Limit: 50}, wait: time.Minute},
	} {
		got, err := parseMatchQuery(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(matchQuery{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", raw, diff)
		}
	}
}

func TestParseMatchQueryRefuses(t *testing.T) {
	t.Parallel()
	cursor := string(appendCursor(nil, 42))
	zero := string(appendCursor(nil, 0))
	long := strings.Repeat("x,", 200) + "x"
	for raw, want := range map[string]mistake{
		"limit=0":                                {Code: "bad_parameter", Parameter: "limit"},
		"limit=201":                              {Code: "bad_parameter", Parameter: "limit"},
		"limit=-1":                               {Code: "bad_parameter", Parameter: "limit"},
		"limit=+1":                               {Code: "bad_parameter", Parameter: "limit"},
		"limit=1.5":                              {Code: "bad_parameter", Parameter: "limit"},
		"limit=ten":                              {Code: "bad_parameter", Parameter: "limit"},
		"limit=":                                 {Code: "bad_parameter", Parameter: "limit"},
		"limit=99999999999999999999":             {Code: "bad_parameter", Parameter: "limit"},
		"limit=1&limit=2":                        {Code: "bad_parameter", Parameter: "limit"},
		"limi=1":                                 {Code: "bad_parameter", Parameter: "limi"},
		"Limit=1":                                {Code: "bad_parameter", Parameter: "Limit"},
		"tag=":                                   {Code: "bad_parameter", Parameter: "tag"},
		"tag=%ff":                                {Code: "bad_parameter", Parameter: "tag"},
		"tag=" + long:                            {Code: "bad_parameter", Parameter: "tag"},
		"rule=x":                                 {Code: "bad_parameter", Parameter: "rule"},
		"rule=0":                                 {Code: "bad_parameter", Parameter: "rule"},
		"rule=1%20OR%201=1":                      {Code: "bad_parameter", Parameter: "rule"},
		"id=a&after=" + cursor:                   {Code: "bad_parameter", Parameter: "after"},
		"id=a&tag=b":                             {Code: "bad_parameter", Parameter: "tag"},
		"id=a&wait=5s":                           {Code: "bad_parameter", Parameter: "wait"},
		"id=a,,b":                                {Code: "bad_parameter", Parameter: "id"},
		"id=a'b":                                 {Code: "bad_parameter", Parameter: "id"},
		"id=" + long:                             {Code: "bad_parameter", Parameter: "id"},
		"wait=0s":                                {Code: "bad_parameter", Parameter: "wait"},
		"wait=25":                                {Code: "bad_parameter", Parameter: "wait"},
		"wait=-5s":                               {Code: "bad_parameter", Parameter: "wait"},
		"wait=61s":                               {Code: "bad_parameter", Parameter: "wait"},
		"wait=2562047h":                          {Code: "bad_parameter", Parameter: "wait"},
		"wait=5s&before=" + cursor:               {Code: "bad_parameter", Parameter: "wait"},
		"after=" + cursor + "&before=" + cursor:  {Code: "bad_parameter", Parameter: "before"},
		"after=x":                                {Code: "bad_cursor", Parameter: "after"},
		"after=42":                               {Code: "bad_cursor", Parameter: "after"},
		"after=" + cursor[:15]:                   {Code: "bad_cursor", Parameter: "after"},
		"after=" + cursor + "A":                  {Code: "bad_cursor", Parameter: "after"},
		"after=B" + cursor[1:]:                   {Code: "bad_cursor", Parameter: "after"},
		"before=" + zero:                         {Code: "bad_cursor", Parameter: "before"},
		"after=" + string(appendCursor(nil, -1)): {Code: "bad_cursor", Parameter: "after"},
		"before=%00":                             {Code: "bad_cursor", Parameter: "before"},
		"a=%zz":                                  {},
		"a;b":                                    {},
		strings.Repeat("n", 70) + "=1":           {Code: "bad_parameter", Parameter: strings.Repeat("n", 64)},
	} {
		_, err := parseMatchQuery(raw)
		var got *requestError
		if !errors.As(err, &got) {
			t.Errorf("%.60s: got error %v, want a *requestError", raw, err)
			continue
		}
		if got.kind.status != http.StatusBadRequest {
			t.Errorf("%.60s: got status %d, want 400", raw, got.kind.status)
		}
		if want.Code == "" {
			continue
		}
		if len(got.errors) != 1 || got.errors[0].Code != want.Code || got.errors[0].Parameter != want.Parameter {
			t.Errorf("%.60s: got %+v, want %s in %s", raw, got.errors, want.Code, want.Parameter)
		}
	}
}

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	for _, want := range []int64{0, 1, 42, 1_754_000_000_000_000, 1<<63 - 1} {
		text := string(appendCursor(nil, want))
		if got, ok := parseCursor(text); !ok || got != want {
			t.Errorf("got %d, %v of %q, want %d", got, ok, text, want)
		}
		if text != url.QueryEscape(text) {
			t.Errorf("got cursor %q, want one that is safe in a URL", text)
		}
	}
}

// TestCursorNoticesChange changes every letter of a cursor.
func TestCursorNoticesChange(t *testing.T) {
	t.Parallel()
	good := string(appendCursor(nil, 1_754_000_000_000_000))
	for at := range good {
		for _, letter := range "Aa0_-z9" {
			changed := good[:at] + string(letter) + good[at+1:]
			if number, ok := parseCursor(changed); ok && changed != good {
				t.Errorf("got %d of %q, want it refused", number, changed)
			}
		}
	}
}

// TestPageTag changes each thing that an answer depends on.
func TestPageTag(t *testing.T) {
	t.Parallel()
	api := &API{version: "1"}
	base := event.Query{User: 1, Limit: 50}
	seen := map[string]string{api.pageTag(7, &base, false): "the first"}
	note := func(name, tag string) {
		if other, ok := seen[tag]; ok {
			t.Errorf("%s: got the tag of %s", name, other)
		}
		seen[tag] = name
	}
	for name, q := range map[string]event.Query{
		"another user":  {User: 2, Limit: 50},
		"another limit": {User: 1, Limit: 51},
		"before":        {User: 1, Limit: 50, Before: 5},
		"after":         {User: 1, Limit: 50, After: 5, HasAfter: true},
		"after nothing": {User: 1, Limit: 50, HasAfter: true},
		"a tag":         {User: 1, Limit: 50, Tag: "a"},
		"a rule":        {User: 1, Limit: 50, Rule: "a"},
		"an id":         {User: 1, Limit: 50, IDs: []string{"a"}},
		"two ids":       {User: 1, Limit: 50, IDs: []string{"a", "b"}},
		"an odd id":     {User: 1, Limit: 50, IDs: []string{`a""b`}},
	} {
		note(name, api.pageTag(7, &q, false))
	}
	note("a cursor that moves", api.pageTag(7, &base, true))
	note("another change", api.pageTag(8, &base, false))
	note("another version", (&API{version: "2"}).pageTag(7, &base, false))
}

func TestHasTag(t *testing.T) {
	t.Parallel()
	const tag = `W/"a-b"`
	for header, want := range map[string]bool{
		"":                    false,
		tag:                   true,
		`"a-b"`:               true,
		`W/"x", W/"a-b"`:      true,
		`W/"x",W/"a-b" , "y"`: true,
		"*":                   true,
		`W/"a-c"`:             false,
		`a-b`:                 false,
	} {
		if got := hasTag(header, tag); got != want {
			t.Errorf("hasTag(%q): got %v, want %v", header, got, want)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(string(appendCursor(nil, 0)))
	f.Add("AAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		number, ok := parseCursor(text)
		if !ok {
			return
		}
		if number < 0 {
			t.Errorf("got %d of %q, want no negative number", number, text)
		}
		if got := string(appendCursor(nil, number)); got != text {
			t.Errorf("got %q, want one form a number: %q", got, text)
		}
	})
}

func FuzzParseMatchQuery(f *testing.F) {
	f.Add("limit=10&tag=a&rule=1&id=a,b&wait=25s")
	f.Add("after=" + string(appendCursor(nil, 42)))
	f.Add("before=%ff;&&=")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseMatchQuery(raw)
		var known *requestError
		if err != nil {
			if !errors.As(err, &known) {
				t.Errorf("%q: got %v, want a *requestError", raw, err)
			}
			return
		}
		if q.Limit < 1 || q.Limit > maxLimit || q.wait < 0 || q.wait > maxWait || len(q.IDs) > maxIDs || len(q.Tag) > rule.MaxTag {
			t.Errorf("%q: got %+v, out of range", raw, q)
		}
		if q.Before > 0 && (q.HasAfter || q.wait > 0) {
			t.Errorf("%q: got %+v, which contradicts itself", raw, q)
		}
	})
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "2d": 48 * time.Hour, "1d12h": 36 * time.Hour, "2w": 14 * 24 * time.Hour, "0s": 0, "1w1h": 169 * time.Hour,
		"": -1, "d": -1, "2": -1, "2 d": -1, "-1d": -1, "1h2d": -1, "1w2d": -1, "99999999999d": -1, "1.5d": -1, "2days": -1,
	} {
		got, err := parseSpan(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
}
