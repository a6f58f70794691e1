package rule_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"riffle/pkg/event"
	"riffle/pkg/rule"
)

// corpus draws words with the frequencies of a language: the i-th commonest
// word has a share in proportion to 1/i (Zipf). Its first words are those of
// English, the others are made of syllables.
type corpus struct {
	*rand.Rand
	head []string
	size float64 // words there are
}

// headWords are the commonest words of English in their order.
const headWords = `the a to of i and in is it for you that s this on with be but so my we at me not are now
was have out just can if more like no as by do all they what will about or get here up how one new there people
when our who also know would time some has good still why them see into post only think should want other go been
today first need love please really use much game us had because which than after day their make even video thank
very news best great back right man over could way work year too being his then any off while going where did same
read well say many show most thing another follow every better last those help big using media world team play its
take sure two never find him does things`

// newCorpus has twice as many words as there are rules.
func newCorpus(seed uint64, rules int) *corpus {
	return &corpus{rand.New(rand.NewPCG(seed, 1)), strings.Fields(headWords), float64(max(2*rules, 200_000))}
}

// spell gives the word of a rank.
func (c *corpus) spell(rank int) string {
	if rank <= len(c.head) {
		return c.head[rank-1]
	}
	const consonants, vowels = "bcdfghklmnprstvz", "aeiou"
	var b strings.Builder
	for rank += 80; rank > 0; rank /= 80 {
		b.WriteByte(consonants[rank%80/5])
		b.WriteByte(vowels[rank%80%5])
	}
	return b.String()
}

// word draws one as posts have it.
func (c *corpus) word() string { return c.from(1) }

// from draws a word that is not among the commonest.
func (c *corpus) from(rank int) string {
	low := float64(rank)
	return c.spell(int(low * math.Pow(c.size/low, c.Float64())))
}

func (c *corpus) posts(n int) []*event.Event {
	posts := make([]*event.Event, n)
	for i := range posts {
		posts[i] = c.post(i)
	}
	return posts
}

// post has 20 words, as people write them.
func (c *corpus) post(i int) *event.Event {
	var b strings.Builder
	for j := range 20 {
		w := c.word()
		switch c.IntN(12) {
		case 0:
			w = strings.ToUpper(w[:1]) + w[1:]
		case 1:
			w += ","
		case 2:
			w += "."
		}
		if j > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	author := fmt.Sprintf("user%d", c.IntN(1_000_000))
	ev := &event.Event{
		Key: fmt.Sprintf("twitter:%d", i), Network: "twitter", Source: "twitter", Text: b.String(),
		Author: event.Author{ID: author, Handle: author, Followers: 1 + int64(math.Exp(c.Float64()*14))},
		Kind:   event.Kind(c.IntN(3)), Langs: []string{"en"},
	}
	if c.IntN(5) == 0 {
		ev.Hashtags = []string{c.word()}
	}
	if c.IntN(4) == 0 {
		ev.Mentions = []string{fmt.Sprintf("user%d", c.IntN(1_000_000))}
	}
	if c.IntN(6) == 0 {
		ev.Media = []event.Media{{Type: event.MediaImage}}
	}
	return ev
}

// A ruleSet makes the value of the i-th of n rules.
type ruleSet struct {
	name string
	make func(c *corpus, i, n int) string
}

var ruleSets = []ruleSet{
	// One match per post: the more rules, the rarer their words.
	{"words", func(c *corpus, i, n int) string { return c.spell(n*9/10 + i) }},
	{"pairs", func(c *corpus, _, n int) string { return c.from(n/100) + " " + c.from(50) }},
	{"mixed", func(c *corpus, _, n int) string { return c.mixed(n) }},
	// Nothing rarer than words that every post has some of.
	{"worst", func(c *corpus, _, _ int) string { return c.worst() }},
}

// worst asks for common words alone, in ways that hardly ever match.
func (c *corpus) worst() string {
	hot := func() string { return c.head[c.IntN(60)] }
	switch c.IntN(5) {
	case 0:
		return fmt.Sprintf(`"%s %s %s"`, hot(), hot(), hot())
	case 1:
		return fmt.Sprintf("%s %s %s %s", hot(), hot(), hot(), hot())
	case 2:
		return fmt.Sprintf("%s -%s -%s -%s has:video", hot(), hot(), hot(), hot())
	case 3:
		return fmt.Sprintf("%s followers:%d.. lang:%s", hot(), 1_000_000+c.IntN(9_000_000), []string{"de", "ja", "en"}[c.IntN(3)])
	}
	return fmt.Sprintf(`"%s %s"~2 from:user%d`, hot(), hot(), c.IntN(1000))
}

// mixed: 40 % one word, 25 % two words, 15 % phrases, 10 % from:, 10 % the rest.
func (c *corpus) mixed(n int) string {
	switch x := c.IntN(100); {
	case x < 40:
		return c.spell(n/3 + c.IntN(n))
	case x < 65:
		return c.from(n/300) + " " + c.from(n/300)
	case x < 80:
		return `"` + c.from(20) + " " + c.from(20) + `"`
	case x < 90:
		return fmt.Sprintf("from:user%d", c.IntN(1_000_000))
	}
	return c.other()
}

func (c *corpus) other() string {
	switch c.IntN(12) {
	case 0:
		return "#" + c.from(500)
	case 1:
		return fmt.Sprintf("@user%d", c.IntN(1_000_000))
	case 2:
		return "url:" + c.from(500) + ".com"
	case 3:
		return c.from(500) + " lang:" + []string{"en", "de", "ja"}[c.IntN(3)]
	case 4:
		return c.from(500) + " -" + c.from(20) + " -is:repost"
	case 5:
		return "(" + c.from(5000) + " OR " + c.from(5000) + ") " + c.from(50)
	case 6:
		return c.from(2000) + " has:images"
	case 7:
		return `"` + c.from(200) + " " + c.from(200) + `"~3`
	case 8:
		return c.from(5000) + "ing*"
	case 9:
		return "contains:" + c.from(5000) + c.from(5000)
	case 10:
		return c.from(500) + " followers:1000.."
	}
	return "/" + c.from(2000) + "[0-9]+/"
}

func (c *corpus) rules(set ruleSet, n int) (rules []rule.Rule, text int) {
	rules = make([]rule.Rule, n)
	for i := range rules {
		rules[i] = rule.Rule{ID: int64(i + 1), User: int64(i/10 + 1), Value: set.make(c, i, n)}
		text += len(rules[i].Value)
	}
	return rules, text
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

// processorTime is what this process has used, in seconds: other processes on
// the machine take wall time from a benchmark, but hardly of this.
func processorTime(tb testing.TB) float64 {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func BenchmarkMatch(b *testing.B) {
	for _, set := range ruleSets {
		for _, n := range []int{1_000, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", set.name, n), func(b *testing.B) { benchMatch(b, set, n) })
		}
	}
}

func benchMatch(b *testing.B, set ruleSet, n int) {
	b.Helper()
	c := newCorpus(1, n)
	rules, text := c.rules(set, n)
	before := heap()
	index := rule.NewIndex()
	if failed := index.Load(rules); len(failed) > 0 {
		b.Fatalf("%s: %v", rules[failed[0].Rule-1].Value, failed[0].Err)
	}
	bytes := (heap() - before - float64(text)) / float64(n)
	posts := c.posts(20_000)
	m := index.NewMatcher()
	hits := 0
	for _, post := range posts {
		m.Match(post, nil)
	}
	runtime.GC() // what loading left behind is not to be measured
	b.ReportAllocs()
	b.ResetTimer()
	start := processorTime(b)
	for i := range b.N {
		hits += len(m.Match(posts[i%len(posts)], nil))
	}
	b.ReportMetric(float64(b.N)/(processorTime(b)-start), "events/s")
	b.ReportMetric(float64(hits)/float64(b.N), "hits/op")
	b.ReportMetric(bytes, "B/rule")
	runtime.KeepAlive(rules)
}

func BenchmarkLoad(b *testing.B) {
	c := newCorpus(1, 1_000_000)
	rules, _ := c.rules(ruleSets[2], 1_000_000)
	b.ResetTimer()
	for range b.N {
		rule.NewIndex().Load(rules)
	}
}

// BenchmarkChange changes a rule among a million, of each set. What it allocates
// decides how long the slowest take, which `make bench` tells (row match).
func BenchmarkChange(b *testing.B) {
	for _, set := range ruleSets {
		b.Run(set.name, func(b *testing.B) { benchChange(b, set) })
	}
}

func benchChange(b *testing.B, set ruleSet) {
	b.Helper()
	const n = 1_000_000
	c := newCorpus(1, n)
	rules, _ := c.rules(set, n)
	index := rule.NewIndex()
	index.Load(rules)
	runtime.GC() // what loading left behind is not to be measured
	b.ReportAllocs()
	b.ResetTimer()
	start := processorTime(b)
	for i := range b.N {
		if err := index.Put(rule.Rule{ID: int64(i%n + 1), User: 1, Value: rules[n-1-i%n].Value}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1e6*(processorTime(b)-start)/float64(b.N), "cpu-us/op")
}
