package e2e

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
)

// captured gives the paths of captured files, or skips the test.
func captured(t *testing.T, pattern string) []string {
	t.Helper()
	dir := os.Getenv("SHARED_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no captured data %s in %s; $SHARED_DATA names the folder", pattern, dir)
	}
	for i := range files {
		if files[i], err = filepath.Abs(files[i]); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// readLines reads a file that may be packed.
func readLines(t *testing.T, path string) (lines []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(z)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// found is a captured post as these tests read it: plainly, with encoding/json.
type found struct {
	key     string
	texts   []string // that rules search, prepared by plain
	tags    []string
	handle  string
	lang    string
	links   bool
	deleted bool
}

func (f found) has(word string) bool {
	return slices.ContainsFunc(f.texts, func(text string) bool { return strings.Contains(text, " "+word+" ") })
}

// finding is a rule over captured posts with what it means.
type finding struct {
	value string
	holds func(found) bool
	id    string
}

func findings() []*finding {
	word := func(w string) *finding {
		return &finding{value: w, holds: func(f found) bool { return f.has(w) }}
	}
	return []*finding{
		word("police"), word("love"), word("apple"), word("today"),
		{value: `"good morning"`, holds: func(f found) bool { return f.has("good morning") }},
		{value: "ottawa -shooting", holds: func(f found) bool { return f.has("ottawa") && !f.has("shooting") }},
		{value: "#Ferguson OR #ottawa", holds: func(f found) bool { return f.tag("ferguson") || f.tag("ottawa") }},
		{value: "from:PzFeed", holds: func(f found) bool { return strings.EqualFold(f.handle, "pzfeed") }},
		{value: "people lang:en", holds: func(f found) bool { return f.has("people") && f.lang == "en" }},
		{value: "new has:links", holds: func(f found) bool { return f.has("new") && f.links }},
	}
}

func (f found) tag(tag string) bool {
	return slices.ContainsFunc(f.tags, func(t string) bool { return strings.EqualFold(t, tag) })
}

var address = regexp.MustCompile(`https?://\S+`)

// spaceless are the scripts whose letters stand apart from what they touch.
var spaceless = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar}

// plain folds a text and puts one space around and between its words: enough to
// find English words, phrases of them and nothing else.
func plain(text string) string {
	text = address.ReplaceAllString(text, " ")
	var b strings.Builder
	for _, r := range norm.NFKD.String(text) {
		switch {
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r):
		case unicode.IsOneOf(spaceless, r):
			b.WriteByte(' ')
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteByte(' ')
		}
	}
	return " " + strings.Join(strings.Fields(b.String()), " ") + " "
}

// tweetForm is what is read of a tweet, as the platform's documentation has it.
type tweetForm struct {
	ID        string      `json:"id_str"`
	Text      string      `json:"text"`
	Full      string      `json:"full_text"`
	Lang      string      `json:"lang"`
	Entities  entityForm  `json:"entities"`
	Retweeted *tweetForm  `json:"retweeted_status"`
	Quoted    *tweetForm  `json:"quoted_status"`
	Media     *entityForm `json:"extended_entities"`
	Extended  *struct {
		Full     string      `json:"full_text"`
		Entities entityForm  `json:"entities"`
		Media    *entityForm `json:"extended_entities"`
	} `json:"extended_tweet"`
	User struct {
		Handle string `json:"screen_name"`
	} `json:"user"`
	Delete *struct {
		Status struct {
			ID string `json:"id_str"`
		} `json:"status"`
	} `json:"delete"`
}

type entityForm struct {
	Hashtags []struct {
		Text string `json:"text"`
	} `json:"hashtags"`
	URLs []struct {
		Expanded string `json:"expanded_url"`
		URL      string `json:"url"`
	} `json:"urls"`
	Media []struct {
		Alt string `json:"ext_alt_text"`
	} `json:"media"`
}

// content is the tweet's full text and entities.
func (t *tweetForm) content() (string, entityForm) {
	switch {
	case t.Extended != nil:
		return html.UnescapeString(t.Extended.Full), t.Extended.Entities
	case t.Full != "":
		return html.UnescapeString(t.Full), t.Entities
	}
	return html.UnescapeString(t.Text), t.Entities
}

// alts are the alternative texts of the pictures.
func (t *tweetForm) alts() (alts []string) {
	for _, e := range []*entityForm{&t.Entities, t.Media} {
		for i := range mediaOf(e) {
			alts = append(alts, e.Media[i].Alt)
		}
	}
	return alts
}

func mediaOf(e *entityForm) []struct {
	Alt string `json:"ext_alt_text"`
} {
	if e == nil {
		return nil
	}
	return e.Media
}

// readTweet reads a line of the tweets; false for what is neither a tweet nor a
// deletion.
func readTweet(line string) (found, bool) {
	var t tweetForm
	if json.Unmarshal([]byte(line), &t) != nil {
		return found{}, false
	}
	if t.Delete != nil {
		return found{key: "twitter:" + t.Delete.Status.ID, deleted: true}, true
	}
	if t.ID == "" || t.User.Handle == "" {
		return found{}, false
	}
	shown := &t
	if t.Retweeted != nil {
		shown = t.Retweeted
	}
	text, entities := shown.content()
	f := found{key: "twitter:" + t.ID, handle: t.User.Handle, lang: t.Lang, texts: []string{plain(text)}}
	for _, alt := range shown.alts() {
		f.texts = append(f.texts, plain(alt))
	}
	if shown.Quoted != nil {
		quoted, _ := shown.Quoted.content()
		f.texts = append(f.texts, plain(quoted))
	}
	for _, tag := range entities.Hashtags {
		f.tags = append(f.tags, tag.Text)
	}
	f.links = len(entities.URLs) > 0
	return f, true
}

// jetForm is what is read of a Jetstream event.
type jetForm struct {
	DID    string `json:"did"`
	Commit *struct {
		Operation  string    `json:"operation"`
		Collection string    `json:"collection"`
		Key        string    `json:"rkey"`
		Record     jetRecord `json:"record"`
	} `json:"commit"`
}

type jetRecord struct {
	Text   string   `json:"text"`
	Embed  jetEmbed `json:"embed"`
	Facets []struct {
		Features []struct {
			Type string `json:"$type"`
			Tag  string `json:"tag"`
		} `json:"features"`
	} `json:"facets"`
}

type jetEmbed struct {
	Images []struct {
		Alt string `json:"alt"`
	} `json:"images"`
	Alt      string `json:"alt"` // of a video
	External struct {
		Title string `json:"title"`
	} `json:"external"`
	Media *jetEmbed `json:"media"` // beside a quoted record
}

// texts are the alternative texts and the titles of cards.
func (e *jetEmbed) texts() []string {
	if e == nil {
		return nil
	}
	texts := append(e.Media.texts(), plain(e.Alt), plain(e.External.Title))
	for _, i := range e.Images {
		texts = append(texts, plain(i.Alt))
	}
	return texts
}

// readJet reads a line of Jetstream; false for what is neither post nor repost.
func readJet(line string) (found, bool) {
	var j jetForm
	if json.Unmarshal([]byte(line), &j) != nil || j.Commit == nil {
		return found{}, false
	}
	c := j.Commit
	if c.Collection != "app.bsky.feed.post" && c.Collection != "app.bsky.feed.repost" {
		return found{}, false
	}
	f := found{key: "bluesky:" + j.DID + "/" + c.Collection + "/" + c.Key, deleted: c.Operation == "delete"}
	f.texts = append(c.Record.Embed.texts(), plain(c.Record.Text))
	for _, facet := range c.Record.Facets {
		for _, feature := range facet.Features {
			if feature.Type == "app.bsky.richtext.facet#tag" {
				f.tags = append(f.tags, feature.Tag)
			}
		}
	}
	return f, true
}

// All captured tweets go through three processes; what the API gives is what a
// plain reading of the lines gives, and a second reading changes nothing.
func TestCapturedTweets(t *testing.T) {
	t.Parallel()
	overCaptured(t, captured(t, "tweets-*.ndjson.gz"), "twitter", readTweet, findings())
}

// The same for all captured events of Jetstream. Links of its posts stand in
// facets and cards, which the plain reading does not look at.
func TestCapturedJetstream(t *testing.T) {
	t.Parallel()
	rules := slices.DeleteFunc(findings(), func(f *finding) bool {
		return strings.Contains(f.value, "has:links") || strings.Contains(f.value, "lang:")
	})
	overCaptured(t, captured(t, "jetstream-*.ndjson.gz"), "jetstream", readJet, rules)
}

func overCaptured(t *testing.T, files []string, format string, read func(string) (found, bool), rules []*finding) {
	t.Helper()
	w := newTown(t)
	cat := w.newUser(t, "cat")
	for _, r := range rules {
		r.id = run(t, "riffle", "rule", "add", "cat", r.value, "--store", w.store)
	}
	w.startAPI(t)
	w.startFilter(t)

	posts := make(map[string]found)
	for i, file := range files {
		lines, accepted := readLines(t, file), int64(0)
		for _, line := range lines {
			f, ok := read(line)
			if !ok {
				continue
			}
			accepted++
			if posts[f.key].deleted {
				continue // a deletion stays, whatever comes after it
			}
			posts[f.key] = f
		}
		s := ingestFile(t, w.buffer, format+string(rune('a'+i)), fileURL(file, "format="+format))
		if s.Read != int64(len(lines)) {
			t.Errorf("%s: ingest read %d of %d lines", filepath.Base(file), s.Read, len(lines))
		}
		if s.Accepted != accepted {
			t.Errorf("%s: ingest accepted %d lines, a plain reading %d; %+v", filepath.Base(file), s.Accepted, accepted, s)
		}
	}
	w.drained(t)
	compareFindings(t, cat, posts, rules)
	checkSpans(t, cat.all(t))

	seen := cat.seen
	for i, file := range files {
		ingestFile(t, w.buffer, format+"-again-"+string(rune('a'+i)), fileURL(file, "format="+format))
	}
	w.drained(t)
	if cat.seen != seen {
		t.Errorf("%d changes by reading the files again", cat.seen-seen)
	}
}

// compareFindings compares, rule by rule, which posts are kept.
func compareFindings(t *testing.T, c *client, posts map[string]found, rules []*finding) {
	t.Helper()
	got, total := make(map[string][]string), 0
	for _, m := range values(c.matches) {
		for _, r := range m.Rules {
			got[r.ID] = append(got[r.ID], m.Event.Key)
		}
	}
	for _, r := range rules {
		var want []string
		for key, f := range posts {
			if !f.deleted && r.holds(f) {
				want = append(want, key)
			}
		}
		total += len(want)
		slices.Sort(want)
		slices.Sort(got[r.id])
		if diff := cmp.Diff(want, got[r.id]); diff != "" {
			t.Errorf("rule %s: posts kept (-want +got):\n%s", r.value, diff)
		}
	}
	if total < 20 {
		t.Errorf("only %d matches are expected: the test shows little", total)
	}
}
