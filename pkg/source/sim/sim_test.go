package sim

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"riffle/pkg/event"
	"riffle/pkg/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

//nolint:paralleltest // the suite's leak check must not see other tests
func TestConformance(t *testing.T) {
	sourcetest.Run(t, sourcetest.Harness{
		Messages: 300,
		Open:     func(t *testing.T) sourcetest.Source { t.Helper(); return newSource(t, Config{Name: "sim", Count: 300}) },
	})
}

func newSource(tb testing.TB, c Config) *Source {
	tb.Helper()
	s, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// generate makes the first n events of a seed.
func generate(t *testing.T, seed uint64, n int) []*event.Event {
	t.Helper()
	d := newSource(t, Config{Name: "s", Seed: seed}).NewDecoder()
	events := make([]*event.Event, n)
	var ev event.Event
	for i := range events {
		if err := d.Decode(&ev, strconv.AppendInt(nil, int64(i), 10)); err != nil {
			t.Fatal(err)
		}
		events[i] = ev.Clone()
	}
	return events
}

func TestSameSeedSameEvents(t *testing.T) {
	t.Parallel()
	first := generate(t, 7, 2000)
	d := newSource(t, Config{Name: "s", Seed: 7, Rate: 3}).NewDecoder()
	var ev event.Event
	for i := len(first) - 1; i >= 0; i-- { // another order, another rate
		if err := d.Decode(&ev, strconv.AppendInt(nil, int64(i), 10)); err != nil {
			t.Fatal(err)
		}
		ev.CreatedAt = first[i].CreatedAt // about now
		if diff := cmp.Diff(first[i], ev.Clone(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("event %d (-first +second):\n%s", i, diff)
		}
	}
	other, same := generate(t, 8, 2000), 0
	for i := range other {
		if other[i].Text != "" && other[i].Text == first[i].Text {
			same++
		}
	}
	if same > 20 {
		t.Errorf("%d of %d texts are those of another seed", same, len(other))
	}
}

// The stream has all that a stream has, in the proportions it is to have.
func TestStreamIsBelievable(t *testing.T) {
	t.Parallel()
	const n = 40_000
	seen := map[string]int{}
	langs, writers, words := map[string]int{}, map[string]int{}, map[string]int{}
	posted := map[string]int64{} // newest version by key
	deleted := map[string]bool{}
	for _, ev := range generate(t, 1, n) {
		if ev.Deleted {
			_, there := posted[ev.Key]
			seen["deletions"]++
			if there {
				seen["deletions of posts"]++
			}
			deleted[ev.Key] = true
			continue
		}
		seen[ev.Kind.String()]++
		if old, there := posted[ev.Key]; there {
			seen["edits"]++
			if ev.Version <= old || !ev.Revised {
				t.Fatalf("edit of %s has version %d after %d, revised %v", ev.Key, ev.Version, old, ev.Revised)
			}
		} else if deleted[ev.Key] {
			seen["posts deleted before"]++
		}
		posted[ev.Key] = ev.Version
		count := func(name string, length int) {
			if length > 0 {
				seen[name]++
			}
		}
		count("links", len(ev.Links))
		count("hashtags", len(ev.Hashtags))
		count("cashtags", len(ev.Cashtags))
		count("mentions", len(ev.Mentions))
		count("threads", len(ev.Thread))
		count("media", len(ev.Media))
		if len(ev.Media) > 0 {
			count("alt texts", len(ev.Media[0].Alt))
		}
		if len(ev.Langs) > 0 {
			langs[ev.Langs[0]]++
		}
		writers[ev.Author.ID]++
		for word := range strings.FieldsSeq(ev.Text) {
			words[word]++
		}
		check(t, ev)
	}
	for name, want := range map[string][2]int{ // per thousand, at least and at most
		"deletions": {100, 140}, "deletions of posts": {70, 110}, "edits": {20, 40}, "posts deleted before": {3, 15},
		"post": {400, 520}, "reply": {180, 240}, "repost": {130, 190}, "quote": {30, 60},
		"links": {50, 150}, "hashtags": {100, 250}, "cashtags": {5, 50}, "mentions": {30, 100}, "threads": {180, 240},
		"media": {70, 200}, "alt texts": {50, 150},
	} {
		if got := seen[name] * 1000 / n; got < want[0] || got > want[1] {
			t.Errorf("%s: %d per thousand, want %d to %d", name, got, want[0], want[1])
		}
	}
	for _, code := range []string{"en", "es", "de", "pt", "fr", "tr", "ja", "ko", "zh", "ar", "hi", "th"} {
		if langs[code] < n/200 {
			t.Errorf("%d posts in %s, want at least %d", langs[code], code, n/200)
		}
	}
	checkShape(t, "writers", writers, 5000)
	checkShape(t, "words", words, 5000)
	for _, word := range []string{"coffee", "tea", "football", "cat", "train", "Kaffee", "Llueve", "☕"} {
		if words[word] < 10 {
			t.Errorf("%d times %q, want something to match", words[word], word)
		}
	}
}

// check looks at one post.
func check(t *testing.T, ev *event.Event) {
	t.Helper()
	if !utf8.ValidString(ev.Text) || strings.ContainsAny(ev.Text, "{}") || strings.Contains(ev.Text, "  ") {
		t.Errorf("text %q", ev.Text)
	}
	for i, tag := range ev.Hashtags {
		if slices.Contains(ev.Hashtags[:i], tag) {
			t.Errorf("tag %q stands twice in %q", tag, ev.Text)
		}
		if !strings.Contains(ev.Text, "#"+tag) {
			t.Errorf("tag %q is not in %q", tag, ev.Text)
		}
	}
	for _, link := range ev.Links {
		if !strings.Contains(ev.Text, link) {
			t.Errorf("link %q is not in %q", link, ev.Text)
		}
	}
	if (ev.Text == "") != (ev.Kind == event.KindRepost) {
		t.Errorf("%s has text %q", ev.Kind, ev.Text)
	}
	if ev.Author.ID == "" || ev.Author.Handle == "" || ev.Author.Name == "" || ev.Author.Followers < 1 {
		t.Errorf("author %+v", ev.Author)
	}
}

// checkShape wants few frequent ones and a long tail.
func checkShape(t *testing.T, name string, counts map[string]int, atLeast int) {
	t.Helper()
	total, all := 0, []int{}
	for _, n := range counts {
		total += n
		all = append(all, n)
	}
	slices.Sort(all)
	slices.Reverse(all)
	if len(all) < atLeast {
		t.Fatalf("%d different %s, want %d or more", len(all), name, atLeast)
	}
	top := 0
	for _, n := range all[:len(all)/100] {
		top += n
	}
	if share := top * 100 / total; share < 8 || share > 80 {
		t.Errorf("a hundredth of the %s makes %d percent of all, want few frequent ones", name, share)
	}
}

// What a reference tells of a post is what the post itself said.
func TestReferencesFit(t *testing.T) {
	t.Parallel()
	byKey := map[string]*event.Event{}
	compared := 0
	for _, ev := range generate(t, 3, 20_000) {
		for _, ref := range []*event.Ref{ev.RepostOf, ev.QuoteOf, ev.ReplyTo} {
			if ref == nil {
				continue
			}
			to, there := byKey[ref.Key]
			if !there || to.Author.ID != ref.AuthorID || to.Author.Handle != ref.AuthorHandle || ref.Text != "" && ref.Text != to.Text {
				t.Fatalf("%s refers to %+v, which is %+v", ev.Key, ref, to)
			}
			compared++
		}
		if !ev.Deleted && !ev.Revised {
			byKey[ev.Key] = ev
		}
	}
	if compared < 5000 {
		t.Errorf("%d references, want more", compared)
	}
}

func TestRateAndCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, n := time.Now(), 0
		err := newSource(t, Config{Rate: 50, Count: 501}).Read(t.Context(), "", func(event.Message) error { n++; return nil })
		if err != nil || n != 501 || time.Since(start) != 10*time.Second {
			t.Errorf("%d events in %v, %v, want 501 in 10s", n, time.Since(start), err)
		}
	})
}

func TestForeignCursor(t *testing.T) {
	t.Parallel()
	s := newSource(t, Config{})
	err := s.Read(t.Context(), "12-ab", func(event.Message) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "--name") {
		t.Errorf("got %v, want advice", err)
	}
	if _, giveUp := s.Reconnect(err, false); giveUp == nil {
		t.Error("does not give up")
	}
}

func TestMessageThatIsNoNumber(t *testing.T) {
	t.Parallel()
	d := newSource(t, Config{}).NewDecoder()
	for _, msg := range []string{"", "x", "-1", "99999999999999999999"} {
		var invalid *event.InvalidError
		if err := d.Decode(&event.Event{}, []byte(msg)); !errors.As(err, &invalid) {
			t.Errorf("%q: got %v, want *event.InvalidError", msg, err)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]Config{
		"sim:":                        {Rate: 50, Seed: 1},
		"sim:?rate=0":                 {Seed: 1},
		"sim:?rate=9&seed=2&count=30": {Rate: 9, Seed: 2, Count: 30},
	} {
		if got, err := Parse(spec); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", spec, got, err, want)
		}
	}
	for spec, want := range map[string]string{
		"sim": "form", "sim:x": "form", "sim:?rate=-1": "rate", "sim:?seed=x": "seed", "sim:?count=-2": "count",
		"sim:?speed=1": "unknown", "sim:?%zz": "%zz",
	} {
		if _, err := Parse(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want something with %q", spec, err, want)
		}
	}
}

func TestWordsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"what":                          "is no list",
		"weight x":                      "invalid syntax",
		"[topic a]\n":                   "line 1",
		"[topic a 1]\n- {none}":         `no list "none"`,
		"[any]\n- {n":                   "not closed",
		"a = b | {n}":                   "not templates",
		"[topic a 1]\n+ a {picture} of": `no list "picture"`,
	} {
		if _, err := parseLanguage([]byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want something with %q", content, err, want)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	d := newSource(b, Config{Name: "sim", Seed: 1}).NewDecoder()
	var ev event.Event
	var msg []byte
	b.ReportAllocs()
	for i := int64(0); b.Loop(); i++ {
		msg = strconv.AppendInt(msg[:0], i, 10)
		if err := d.Decode(&ev, msg); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
