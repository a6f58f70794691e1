package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/rule"
)

const (
	postWords   = 20
	rulesOfUser = 10
)

// benchMatch measures matching on one core, loading and memory for three sizes
// of rule sets.
func benchMatch(ctx context.Context, b *bench) ([]result, error) {
	var results []result
	for _, size := range []struct {
		rules    int
		aim, now float64
	}{{1_000, 500_000, 0}, {100_000, 300_000, 0}, {1_000_000, 150_000, 0}} {
		got, err := benchMatchOf(ctx, b, size.rules, size.aim)
		if err != nil {
			return results, err
		}
		results = append(results, got...)
	}
	return results, nil
}

func benchMatchOf(ctx context.Context, b *bench, n int, aim float64) ([]result, error) {
	w := newWords(n)
	rules, text := w.rules(n)
	before := heap()
	start := time.Now()
	index := rule.NewIndex()
	if failed := index.Load(rules); len(failed) > 0 {
		return nil, fmt.Errorf("rule %q: %w", rules[failed[0].Rule-1].Value, failed[0].Err)
	}
	loaded := time.Since(start)
	bytesEach := (heap() - before - float64(text)) / float64(n)

	posts := w.posts(20_000)
	matcher := index.NewMatcher()
	matches, looked := 0, 0
	rate, err := pairs(b.rounds(), onOneCore(func() (float64, error) {
		return perSecond(ctx, b.slice(), func() (int, error) {
			for i := range 100 {
				matches += len(matcher.Match(posts[(looked+i)%len(posts)], nil))
			}
			looked += 100
			return 100, nil
		})
	}))
	if err != nil {
		return nil, err
	}
	size := number(float64(n)) + " rules"
	results := []result{
		{
			what: "match, one core, " + size, unit: "events/s", aim: aim, reached: rate[0],
			note: fmt.Sprintf("%d words, %.2f matches a post", postWords, float64(matches)/float64(looked)),
		},
		{what: "index beside the text, " + size, unit: "bytes/rule", aim: 250, atMost: true, reached: max(1, bytesEach)},
	}
	if n == 1_000_000 {
		results = append(results, result{what: "load, " + size, unit: "s", aim: 5, atMost: true, reached: loaded.Seconds()})
	}
	runtime.KeepAlive(rules)
	runtime.KeepAlive(index)
	return results, nil
}

// heap is the bytes in use after a collection.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// words is a vocabulary with Zipf frequencies: word r is drawn with probability
// 1/(r·h). Rules ask for the words from rank 0.912·n to 1.912·n, which makes
// one match a post of 20 words whatever n is.
type words struct {
	first, last int
	harmonic    float64
	random      *rand.Rand
}

func newWords(n int) *words {
	w := &words{first: n * 912 / 1000, last: n*912/1000 + n, random: rand.New(rand.NewPCG(1, uint64(n)))}
	size := float64(max(w.last, 100_000))
	w.harmonic = math.Log(size) + 0.5772
	return w
}

// word spells rank r in syllables, so that words look like words and differ
// early.
func word(r int) string {
	const consonants, vowels = "bcdfghklmnprstvz", "aeiou"
	var b strings.Builder
	for r += 80; r > 0; r /= 80 {
		b.WriteByte(consonants[r%80/5])
		b.WriteByte(vowels[r%80%5])
	}
	return b.String()
}

// draw picks a rank with Zipf's frequency.
func (w *words) draw() int { return int(math.Exp(w.random.Float64()*w.harmonic - 0.5772)) }

func (w *words) post() string {
	parts := make([]string, postWords)
	for i := range parts {
		parts[i] = word(w.draw())
	}
	return strings.Join(parts, " ")
}

func (w *words) posts(n int) []*event.Event {
	posts := make([]*event.Event, n)
	for i := range posts {
		posts[i] = &event.Event{
			Key: fmt.Sprint("sim:", i), Version: 1, Network: "sim", Source: "sim", Text: w.post(), Langs: []string{"en"},
			Author: event.Author{ID: fmt.Sprint(i % 1000), Handle: fmt.Sprint("user", i%1000)},
		}
	}
	return posts
}

// rules makes n rules of the forms that people write, and tells how many bytes
// their text has.
func (w *words) rules(n int) (rules []rule.Rule, text int) {
	rules = make([]rule.Rule, n)
	for i := range rules {
		rules[i] = rule.Rule{ID: int64(i + 1), User: int64(i/rulesOfUser + 1), Value: w.value(w.first + i), Enabled: true}
		text += len(rules[i].Value)
	}
	w.random.Shuffle(n, func(i, k int) { rules[i].Value, rules[k].Value = rules[k].Value, rules[i].Value })
	return rules, text
}

// value is a rule that rests on one rare word.
func (w *words) value(rank int) string {
	rare := word(rank)
	switch w.random.IntN(10) {
	case 0:
		return rare + " lang:en"
	case 1:
		return rare + " -" + word(w.draw()+w.last)
	case 2:
		return "(" + rare + " OR " + word(w.last+w.random.IntN(w.last)) + ")"
	case 3:
		return rare + " -is:repost"
	}
	return rare
}
