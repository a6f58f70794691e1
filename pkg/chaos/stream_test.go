package chaos

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// post is one numbered post with all that becomes of it.
type post struct {
	number int
	texts  []string // by version, from 1
	gone   bool     // a deletion is among the lines, as the newest version
}

func (p *post) key() string { return fmt.Sprintf("chaos:%d", p.number) }

// id is how the store names it.
func (p *post) id() [16]byte {
	sum := sha256.Sum256([]byte(p.key()))
	return [16]byte(sum[:])
}

// version is the number of the newest one.
func (p *post) version() int64 {
	if p.gone {
		return int64(len(p.texts)) + 1
	}
	return int64(len(p.texts))
}

// keeps says whether a user, whose only rule is a word, must have the post in
// the end.
func (p *post) keeps(word string) bool {
	return !p.gone && slices.Contains(strings.Fields(p.texts[len(p.texts)-1]), word)
}

// kept counts versions among which a word comes and goes.
func (p *post) kept(word string) bool {
	return slices.ContainsFunc(p.texts, func(text string) bool { return slices.Contains(strings.Fields(text), word) })
}

// stream is a file of events, always the same for a seed.
type stream struct {
	posts []*post
	lines []string
}

// The words of rules, each with the user whose rule it is, and others.
var (
	readers = map[string]string{"ann": "amber", "bob": "cobalt"}
	filler  = strings.Fields("harbor candle violin market garden lamp salt copper island letter bridge summer")
)

// newStream makes about n lines. A fifth of the posts is edited, a quarter
// deleted, some lines come twice; what changes a post comes anything from one
// to hundreds of lines after it, or before.
func newStream(random *rand.Rand, n int) *stream {
	s := &stream{}
	type placed struct {
		at   int
		line string
	}
	var lines []placed
	for at := 0; len(lines) < n; at++ {
		p := &post{number: at, texts: []string{text(random, at)}}
		s.posts = append(s.posts, p)
		first := at * 10
		put := func(at int, event object) {
			line := encode(event)
			lines = append(lines, placed{at, line})
			if random.IntN(12) == 0 {
				lines = append(lines, placed{at + distance(random), line})
			}
		}
		put(first, p.event(1))
		last := first
		if random.IntN(5) == 0 {
			p.texts = append(p.texts, text(random, at))
			last = first + distance(random)
			if random.IntN(4) == 0 {
				last = first - distance(random)
			}
			put(last, p.event(2))
		}
		if random.IntN(4) == 0 {
			p.gone = true
			when := last + distance(random)
			if random.IntN(3) == 0 {
				when = first - distance(random)
			}
			put(when, object{"key": p.key(), "version": p.version(), "network": "chaos", "source": "chaos", "deleted": true})
		}
	}
	slices.SortStableFunc(lines, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	for _, l := range lines {
		s.lines = append(s.lines, l.line)
	}
	return s
}

// distance between what belongs together, in tenths of posts: mostly within a
// frame or two, so that filters race, now and then seconds.
func distance(random *rand.Rand) int {
	if random.IntN(4) == 0 {
		return 1 + random.IntN(10_000)
	}
	return 1 + random.IntN(400)
}

// object is a JSON object.
type object = map[string]any

func (p *post) event(version int) object {
	return object{
		"key": p.key(), "version": version, "network": "chaos", "source": "chaos", "kind": "post",
		"author": object{"id": fmt.Sprint(p.number % 50), "handle": fmt.Sprintf("author%d", p.number%50)},
		"text":   p.texts[version-1],
	}
}

func encode(event object) string {
	data, err := json.Marshal(event)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return string(data)
}

func text(random *rand.Rand, number int) string {
	words := []string{"number", fmt.Sprint(number)}
	for range 3 + random.IntN(6) {
		words = append(words, filler[random.IntN(len(filler))])
	}
	for _, word := range []string{"amber", "cobalt"} {
		if random.IntN(5) == 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// write writes the lines to a file.
func (s *stream) write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(s.lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A stream is the same for a seed, and holds what the suite is about.
func TestStream(t *testing.T) {
	t.Parallel()
	a, b := newStream(rand.New(rand.NewPCG(1, 1)), 5000), newStream(rand.New(rand.NewPCG(1, 1)), 5000)
	if !slices.Equal(a.lines, b.lines) {
		t.Error("two streams of one seed differ")
	}
	place := map[string]int{}
	for i, line := range slices.Backward(a.lines) {
		place[line] = i
	}
	overtaking, following, lost := 0, 0, 0
	for _, p := range a.posts {
		if p.kept("amber") && !p.keeps("amber") && !p.gone {
			lost++
		}
		if !p.gone {
			continue
		}
		deletion := encode(object{"key": p.key(), "version": p.version(), "network": "chaos", "source": "chaos", "deleted": true})
		if place[deletion] < place[encode(p.event(1))] {
			overtaking++
		} else {
			following++
		}
	}
	if overtaking < 50 || following < 100 || lost < 20 || len(place) == len(a.lines) {
		t.Errorf("%d deletions come first, %d later, %d edits take a match away, %d of %d lines differ: too few of some",
			overtaking, following, lost, len(place), len(a.lines))
	}
}
