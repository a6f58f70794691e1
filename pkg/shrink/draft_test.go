package shrink_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
	"riffle/pkg/shrink"
)

func str(text string) jsonscan.String {
	s := jsonscan.New(fmt.Appendf(nil, "%q", text))
	return s.Str()
}

func TestDraftCutsToTheLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		limit int
		cut   func(*shrink.Draft, string) string
	}{
		{"short", event.MaxShort, func(d *shrink.Draft, s string) string { return d.Short(str(s)) }},
		{"long", event.MaxText, func(d *shrink.Draft, s string) string { return d.Long(str(s)) }},
		{"cut short", event.MaxShort, func(d *shrink.Draft, s string) string { return d.CutShort(s) }},
		{"cut long", event.MaxText, func(d *shrink.Draft, s string) string { return d.CutLong(s) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for size, want := range map[int]int{test.limit: test.limit, test.limit + 2: test.limit, 0: 0} {
				var d shrink.Draft
				var ev event.Event
				d.Begin(&ev)
				got := test.cut(&d, strings.Repeat("é", size/2))
				if len(got) != want || ev.Truncated != (size > want) {
					t.Errorf("%d bytes: got %d, truncated %v", size, len(got), ev.Truncated)
				}
			}
		})
	}
}

func TestDraftLists(t *testing.T) {
	t.Parallel()
	var d shrink.Draft
	ev := event.Event{Links: []string{"left from the last one"}, Truncated: true}
	d.Begin(&ev)
	for _, s := range []string{"a", "", "b", "a"} {
		d.Add(&ev.Links, s)
	}
	if diff := cmp.Diff([]string{"a", "b"}, ev.Links); diff != "" || ev.Truncated {
		t.Errorf("truncated %v (-want +got):\n%s", ev.Truncated, diff)
	}
	for i := range event.MaxList {
		d.Add(&ev.Hashtags, fmt.Sprint(i))
		d.AddMedia(event.Media{URL: fmt.Sprint(i)})
		d.AddMedia(event.Media{Alt: "leads nowhere"})
	}
	d.Add(&ev.Hashtags, "0")
	if len(ev.Hashtags) != event.MaxList || len(ev.Media) != event.MaxList || ev.Truncated {
		t.Errorf("got %d tags, %d media, truncated %v", len(ev.Hashtags), len(ev.Media), ev.Truncated)
	}
	d.Add(&ev.Hashtags, "one more")
	if len(ev.Hashtags) != event.MaxList || !ev.Truncated {
		t.Errorf("got %d tags, truncated %v", len(ev.Hashtags), ev.Truncated)
	}
	ev.Truncated = false
	if d.AddMedia(event.Media{URL: "one more"}); len(ev.Media) != event.MaxList || !ev.Truncated {
		t.Errorf("got %d media, truncated %v", len(ev.Media), ev.Truncated)
	}
}

func TestDraftRefs(t *testing.T) {
	t.Parallel()
	var d shrink.Draft
	var ev event.Event
	d.Begin(&ev)
	if d.ReplyTo(event.Ref{}); ev.ReplyTo != nil || !d.Empty() {
		t.Errorf("got %v, empty %v", ev.ReplyTo, d.Empty())
	}
	d.ReplyTo(event.Ref{Key: "x:1"})
	d.RepostOf(event.Ref{Key: "x:2"})
	d.QuoteOf(event.Ref{Key: "x:3"})
	if ev.ReplyTo.Key != "x:1" || ev.RepostOf.Key != "x:2" || ev.QuoteOf.Key != "x:3" || d.Empty() {
		t.Errorf("got %v %v %v, empty %v", ev.ReplyTo, ev.RepostOf, ev.QuoteOf, d.Empty())
	}
}

func TestReject(t *testing.T) {
	t.Parallel()
	for _, reason := range event.Reasons() {
		err := shrink.Reject(reason)
		if invalid, ok := errors.AsType[*event.InvalidError](err); !ok || invalid.Reason != reason {
			t.Errorf("%v: got %v", reason, err)
		}
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{
		"en": "en", "pt-BR": "pt-BR", "in": "id", "iw": "he", "und": "", "zxx": "", "qme": "", "qht": "", "qu": "qu", "que": "que", "": "",
	} {
		if got := shrink.Language(tag); got != want {
			t.Errorf("%s: got %q, want %q", tag, got, want)
		}
	}
}

func TestCashtags(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want []string
	}{
		{"$TSLA", []string{"TSLA"}},
		{"buy $tsla, ($BRK.B) \"$GOOG\" and\n$RDS_A!", []string{"tsla", "BRK.B", "GOOG", "RDS_A"}},
		{"$TSLA. $ibm.", []string{"TSLA", "ibm"}},
		{"$brk.longer $abc.d1", []string{"brk", "abc"}},
		{"$TSLA $TSLA", []string{"TSLA"}},
		{"$5 US$TSLA x$AB $$AB $toolong7 $AB$ $AB_ $é $AB1 $", nil},
		{"$ABé é$AB https://x.example/$AB", nil},
		{"\u00a0$AB\u3000$CD", []string{"AB", "CD"}},
		{"$a_bc1", nil},
	}
	for _, test := range tests {
		var d shrink.Draft
		var ev event.Event
		d.Begin(&ev)
		d.AddCashtags(test.text)
		if diff := cmp.Diff(test.want, ev.Cashtags, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.text, diff)
		}
	}
}

func TestAbbreviates(t *testing.T) {
	t.Parallel()
	tests := []struct {
		shown, target string
		want          bool
	}{
		{"https://example.org/a", "https://example.org/a", true},
		{"example.org/a", "https://example.org/a", true},
		{"www.Example.org", "http://example.org/", true},
		{"HTTPS://example.org", "http://www.example.org?x", true},
		{"example.org/a…", "https://example.org/abc", true},
		{"example.org/a...", "https://example.org/abc", true},
		{"example.org/a", "https://example.org/abc", false},
		{"example.org", "https://example.organic", false},
		{"example.org#top", "https://example.org", false},
		{"here", "https://example.org", false},
		{"…", "https://example.org", false},
		{"https://", "https://example.org", false},
		{"", "https://example.org", false},
		{"\u212aelvin.example", "https://kelvin.example", false},
	}
	for _, test := range tests {
		if got := shrink.Abbreviates(test.shown, test.target); got != test.want {
			t.Errorf("%q for %q: got %v", test.shown, test.target, got)
		}
	}
}

func TestIsBlank(t *testing.T) {
	t.Parallel()
	for msg, want := range map[string]bool{"": true, "\r\n": true, " \t ": true, "\v": false, "x": false, " {": false} {
		if got := shrink.IsBlank([]byte(msg)); got != want {
			t.Errorf("%q: got %v", msg, got)
		}
	}
}
