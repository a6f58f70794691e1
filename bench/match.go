package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"riffle/pkg/event"
	"riffle/pkg/rule"
	"riffle/pkg/source/jetstream"
	"riffle/pkg/source/mastodon"
	"riffle/pkg/source/twitter"
	"riffle/pkg/store/mysql"
)

const (
	postWords   = 20
	rulesOfUser = 10
)

// matchSizes are the sizes of rule sets, with the design's rates.
var matchSizes = []struct {
	rules int
	aim   float64
}{{1_000, 500_000}, {100_000, 300_000}, {1_000_000, 150_000}}

// worstShare of the rate with rare words is what the worst set must reach.
const worstShare = 0.1

// benchMatch measures matching on one core, memory and changes, for rule sets of
// several kinds and sizes.
func benchMatch(ctx context.Context, b *bench) ([]result, error) {
	var results []result
	for _, size := range matchSizes {
		w := newWords(size.rules)
		rows, err := benchRules(ctx, b, rowsOf{
			kind: "", values: w.values(size.rules), posts: w.posts(20_000), aim: size.aim, baseline: true, memory: true,
		})
		if err != nil {
			return results, err
		}
		results = append(results, rows...)
	}
	for _, rows := range []func(context.Context, *bench) ([]result, error){benchMixed, benchWorst, benchReal} {
		got, err := rows(ctx, b)
		if err != nil {
			return results, err
		}
		results = append(results, got...)
	}
	return results, nil
}

// rowsOf is one rule set and what is measured of it.
type rowsOf struct {
	kind                      string // in front of the number of rules
	values                    []string
	posts                     []*event.Event
	aim                       float64
	baseline, memory, changes bool
}

func benchRules(ctx context.Context, b *bench, o rowsOf) ([]result, error) {
	rules, text := rulesOf(o.values)
	n := len(rules)
	before := heap()
	index := rule.NewIndex()
	if failed := index.Load(rules); len(failed) > 0 {
		return nil, fmt.Errorf("rule %q: %w", rules[failed[0].Rule-1].Value, failed[0].Err)
	}
	bytesEach := (heap() - before - float64(text)) / float64(n)
	matcher := index.NewMatcher()
	matches, looked := 0, 0
	measures := []func() (float64, error){onOneCore(func() (float64, error) {
		return perSecond(ctx, b.slice(), func() (int, error) {
			for i := range 100 {
				matches += len(matcher.Match(o.posts[(looked+i)%len(o.posts)], nil))
			}
			looked += 100
			return 100, nil
		})
	})}
	if o.baseline {
		measures = append(measures, onOneCore(bareMap(ctx, b, rules, o.posts)))
	}
	rate, err := pairs(b.rounds(), measures...)
	if err != nil {
		return nil, err
	}
	size := o.kind + number(float64(n)) + " rules"
	row := result{
		what: "match, one core, " + size, unit: "events/s", aim: o.aim, reached: rate[0],
		note: fmt.Sprintf("%.2f matches a post", float64(matches)/float64(looked)),
	}
	if o.baseline {
		row.baseline, row.baselineWhat = rate[1], "a map from words to rules, which knows no language"
	}
	results := []result{row}
	if o.memory {
		results = append(results, result{what: "index beside the text, " + size, unit: "bytes/rule", aim: 250, atMost: true, reached: max(1, bytesEach)})
	}
	if o.changes {
		results = append(results, benchChanges(b, o, index, rules))
	}
	runtime.KeepAlive(rules)
	return results, nil
}

// bareMap looks up each word of a post in a map, as the simplest matcher would.
func bareMap(ctx context.Context, b *bench, rules []rule.Rule, posts []*event.Event) func() (float64, error) {
	byWord := make(map[string][]int64, len(rules))
	for i := range rules {
		word, _, _ := strings.Cut(strings.TrimPrefix(rules[i].Value, "("), " ")
		byWord[word] = append(byWord[word], rules[i].ID)
	}
	return func() (float64, error) {
		looked, matches := 0, 0
		return perSecond(ctx, b.slice(), func() (int, error) {
			for i := range 100 {
				for _, word := range strings.Fields(strings.ToLower(posts[(looked+i)%len(posts)].Text)) {
					matches += len(byWord[word])
				}
			}
			looked += 100
			return 100, nil
		})
	}
}

// benchChanges updates, removes and adds rules in turn while another goroutine
// matches, and tells what all but one in a thousand of these changes take at most,
// and how much of it is work: that of the collector which falls to them included.
// Arithmetic that takes as long as most changes, and neither allocates nor waits,
// tells what the machine adds.
func benchChanges(b *bench, o rowsOf, index *rule.Index, rules []rule.Rule) result {
	stop := make(chan struct{})
	var matching sync.WaitGroup
	matching.Go(func() {
		matcher := index.NewMatcher()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				matcher.Match(o.posts[i%len(o.posts)], nil)
			}
		}
	})
	n := 20_000
	if b.short {
		n = 2000
	}
	changes := timesOf(n, func(i int) {
		r := rule.Rule{ID: int64(i/3 + 1), User: 1, Value: rules[len(rules)-1-i].Value}
		if i%3 == 1 {
			index.Remove(r.ID)
		} else {
			_ = index.Put(r) // its value was loaded, so it is right
		}
	})
	x := uint64(1)
	arithmetic := timesOf(n, func(int) {
		for range 15_000 {
			x = x*6364136223846793005 + 1442695040888963407
		}
	})
	runtime.KeepAlive(x)
	close(stop)
	matching.Wait()
	return result{
		what: "change a rule while matching, " + o.kind + number(float64(len(rules))) + " rules", unit: "us, 99.9 %", aim: 1000, atMost: true,
		reached: changes.wall.at(0.999), baseline: arithmetic.wall.at(0.999), baselineWhat: "arithmetic that allocates nothing",
		note: fmt.Sprintf("50 %% %.0f us, slowest %.0f us (arithmetic: %.0f us); without waits for the processor 99.9 %% %.0f us, slowest %.0f us (%.0f us)",
			changes.wall.at(0.5), changes.wall.at(1), arithmetic.wall.at(1),
			changes.worked.at(0.999), changes.worked.at(1), arithmetic.worked.at(1)),
	}
}

// times are microseconds, ascending.
type times []float64

// at is the time that a share takes at most.
func (t times) at(share float64) float64 { return t[min(len(t)-1, int(float64(len(t))*share))] }

// timesOf calls do n times, and tells how long each call took and for how much of
// that it had a processor.
func timesOf(n int, do func(i int)) (t struct{ wall, worked times }) {
	// A thread of its own, so that its processor time is that of the calls.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t.wall, t.worked = make(times, n), make(times, n)
	for i := range n {
		before, start := threadTime(), time.Now()
		do(i)
		t.wall[i] = float64(time.Since(start).Nanoseconds()) / 1000
		t.worked[i] = float64((threadTime() - before).Nanoseconds()) / 1000
	}
	slices.Sort(t.wall)
	slices.Sort(t.worked)
	return t
}

// threadTime is the processor time that the calling thread has used.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err) // Linux has had this clock for twenty years
	}
	return time.Duration(t.Nano())
}

// benchMixed has rules as people write them: 40 % one word, 25 % two, 15 %
// phrases, 10 % from:, 10 % the rest.
func benchMixed(ctx context.Context, b *bench) ([]result, error) {
	const n = 1_000_000
	w := newWords(n)
	values := make([]string, n)
	for i := range values {
		values[i] = w.mixed()
	}
	return benchRules(ctx, b, rowsOf{kind: "mixed, ", values: values, posts: w.posts(20_000), memory: true, changes: true})
}

// benchWorst has the worst rules that could be found: none asks for anything
// that is not in many posts, and most match none.
func benchWorst(ctx context.Context, b *bench) ([]result, error) {
	const n = 1_000_000
	w := newWords(n)
	values := make([]string, n)
	for i := range values {
		values[i] = w.worst()
	}
	last := matchSizes[len(matchSizes)-1]
	return benchRules(ctx, b, rowsOf{
		kind: "the worst, ", values: values, posts: w.posts(20_000), aim: worstShare * last.aim, memory: true, changes: true,
	})
}

// benchReal has captured posts of each network, and rules of words that they hold.
func benchReal(ctx context.Context, b *bench) ([]result, error) {
	tweets, err := b.corpus(ctx)
	if err != nil {
		return nil, err
	}
	skeets, origin1, err1 := b.recorded("jetstream-*.ndjson.gz", "pkg/source/jetstream/testdata/messages.ndjson")
	toots, origin2, err2 := b.recorded("mastodon-statuses*.ndjson", "pkg/source/mastodon/testdata/statuses.ndjson")
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	var results []result
	for _, of := range []struct {
		what, origin string
		messages     [][]byte
		decoder      event.Decoder
	}{
		{"tweets", tweets.origin, tweets.messages, twitter.NewDecoder()},
		{"Bluesky's posts", origin1, skeets, jetstream.NewDecoder()},
		{"Mastodon's statuses", origin2, toots, mastodon.NewDecoder("")},
	} {
		posts := postsOf(of.messages, of.decoder)
		rows, err := benchRules(ctx, b, rowsOf{kind: of.what + ", ", values: newWords(realRules).valuesFor(wordsOf(posts), realRules), posts: posts})
		if err != nil {
			return results, err
		}
		rows[0].note += fmt.Sprintf(", %d posts: %s", len(posts), of.origin)
		results = append(results, rows...)
	}
	return results, nil
}

const realRules = 100_000

// postsOf decodes those messages that are posts with a text.
func postsOf(messages [][]byte, decoder event.Decoder) (posts []*event.Event) {
	for _, message := range messages {
		ev := new(event.Event)
		if decoder.Decode(ev, message) == nil && !ev.Deleted && ev.Text != "" {
			posts = append(posts, ev.Clone())
		}
	}
	return posts
}

// wordsOf gives the longer words of posts, each once.
func wordsOf(posts []*event.Event) (words []string) {
	for _, ev := range posts {
		for _, word := range strings.FieldsFunc(strings.ToLower(ev.Text), func(r rune) bool { return !unicode.IsLetter(r) }) {
			if len(word) > 3 && word != "https" {
				words = append(words, word)
			}
		}
	}
	slices.Sort(words)
	return slices.DeleteFunc(slices.Compact(words), func(word string) bool {
		expr, _ := rule.Parse(word)
		return expr == nil // a filler letter, for one
	})
}

// valuesFor makes n rules, three of four of words that there are.
func (w *words) valuesFor(there []string, n int) []string {
	pick := func() string { return there[w.random.IntN(len(there))] }
	values := make([]string, n)
	for i := range values {
		switch w.random.IntN(4) {
		case 0:
			values[i] = pick() + " " + pick()
		case 1:
			values[i] = `"` + pick() + " " + pick() + `"`
		case 2:
			values[i] = pick() + " (" + pick() + " OR " + pick() + ") -is:repost"
		default:
			values[i] = word(w.last + i)
		}
	}
	return values
}

// benchGrep runs riffle match over a file of tweets, with all cores.
func benchGrep(ctx context.Context, b *bench) ([]result, error) {
	tweets, err := b.corpus(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	size := 512 << 20
	if b.short {
		size = 64 << 20
	}
	name := filepath.Join(b.dir, "tweets.ndjson")
	messages := make([][]byte, 0, len(tweets.messages)*size/tweets.bytes)
	for len(messages)*tweets.bytes < size*len(tweets.messages) {
		messages = append(messages, tweets.messages[len(messages)%len(tweets.messages)])
	}
	if err := writeLines(name, messages); err != nil {
		return nil, err
	}
	read, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	var used time.Duration
	run := func(command string, args ...string) func() (float64, error) {
		return func() (float64, error) {
			cmd := exec.CommandContext(ctx, command, append(args, name)...)
			start := time.Now()
			err := cmd.Run()
			if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() == 1 {
				err = nil // no line matched
			}
			used = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			return float64(read.Size()) / 1e6 / time.Since(start).Seconds(), err
		}
	}
	riffle := filepath.Join(b.dir, "bin", "riffle")
	rate, err := pairs(min(3, b.rounds()), run("grep", "-a", "-i", "-w", "coffee"), run(riffle, "match", "coffee"))
	if err != nil {
		return nil, err
	}
	return []result{{
		what: fmt.Sprintf("riffle match, %d cores", runtime.GOMAXPROCS(0)), unit: "MB/s", aim: 300, reached: rate[1],
		baseline: rate[0], baselineWhat: "grep -a -i -w, which reads bytes",
		note: fmt.Sprintf("%.0f MB for each second of processor time", float64(read.Size())/1e6/used.Seconds()),
	}}, os.Remove(name)
}

// benchRuleLoad starts a filter over a MariaDB with many rules, and tells when it
// has them all: its start, connections and the reading of the metrics included.
func benchRuleLoad(ctx context.Context, b *bench) ([]result, error) {
	n := 1_000_000
	if b.short {
		n = 50_000
	}
	address, err := b.freshStore(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	n, err = b.writeRules(ctx, address, n)
	if err != nil {
		return nil, err
	}
	bare, err := bareRules(ctx, address)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	p, err := b.start(ctx, "riffle-filter", "--buffer", b.servers.redis, "--store", address)
	if err != nil {
		return nil, err
	}
	ready, err := p.waitRules(ctx, n)
	took := ready.Sub(start).Seconds()
	used, errCPU := cpu(p.cmd.Process.Pid)
	memory, errPeak := peak(p.cmd.Process.Pid)
	if err := errors.Join(err, errCPU, errPeak, p.stop()); err != nil {
		return nil, err
	}
	return []result{{
		what: "filter ready from its start, " + number(float64(n)) + " mixed rules in MariaDB", unit: "s", aim: 5, atMost: true,
		reached: took, baseline: bare, baselineWhat: "a bare SELECT of the same rows",
		note: fmt.Sprintf("%.1f s of processor time, %.0f MiB at most", used, memory/(1<<20)),
	}}, nil
}

// writeRules adds n rules as people write them, and tells how many there are then.
func (b *bench) writeRules(ctx context.Context, address string, n int) (total int, err error) {
	const step = 20_000
	b.say("writing %d rules to MariaDB", n)
	db, err := mysql.Open(address)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	w := newWords(1_000_000)
	for from := 0; from < n; from += step {
		rules := make([]rule.Rule, min(step, n-from))
		for i := range rules {
			value := w.mixed()
			// No two are the same.
			rules[i] = rule.Rule{User: int64((from+i)/rulesOfUser + 1), Value: value, Canonical: fmt.Sprint(value, " ", from+i), Enabled: true}
		}
		if _, err := db.AddRules(ctx, rules); err != nil {
			return 0, err
		}
	}
	stats, err := db.Stats(ctx)
	return int(stats.Rules), err
}

// bareRules reads the rules with one statement into nothing, and gives the
// seconds.
func bareRules(ctx context.Context, address string) (seconds float64, err error) {
	db, err := openBare(address)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	start := time.Now()
	rows, err := db.QueryContext(ctx, "SELECT id, user_id, value, tag, action, enabled, flooded_at FROM rules ORDER BY id")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var fields [7]sql.RawBytes
	places := make([]any, len(fields))
	for i := range fields {
		places[i] = &fields[i]
	}
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return 0, err
		}
	}
	return time.Since(start).Seconds(), rows.Err()
}

// waitRules waits until a filter has n rules in force, and tells when that was.
func (p *process) waitRules(ctx context.Context, n int) (time.Time, error) {
	for range 6000 {
		rules, err := p.metric(ctx, "riffle_filter_rules")
		if err != nil {
			return time.Time{}, err
		}
		if int(rules) >= n {
			return time.Now(), nil
		}
		select {
		case <-p.done:
			return time.Time{}, p.failed("ended while it read rules")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return time.Time{}, p.failed("does not get all rules")
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

// values makes n rules that rest on one rare word each, of the forms that people
// write.
func (w *words) values(n int) []string {
	values := make([]string, n)
	for i := range values {
		values[i] = w.value(w.first + i)
	}
	w.random.Shuffle(n, func(i, k int) { values[i], values[k] = values[k], values[i] })
	return values
}

// rulesOf makes rules of ten for each user, and tells how many bytes their text
// has.
func rulesOf(values []string) (rules []rule.Rule, text int) {
	rules = make([]rule.Rule, len(values))
	for i, value := range values {
		rules[i] = rule.Rule{ID: int64(i + 1), User: int64(i/rulesOfUser + 1), Value: value, Enabled: true}
		text += len(value)
	}
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

// common draws one of the sixty commonest words.
func (w *words) common() string { return word(1 + w.random.IntN(60)) }

// from draws a word as posts have it, but none of the commonest.
func (w *words) from(rank int) string {
	for {
		if r := w.draw(); r >= rank {
			return word(r)
		}
	}
}

func (w *words) mixed() string {
	switch x := w.random.IntN(100); {
	case x < 40:
		return word(w.first/3 + w.random.IntN(w.last))
	case x < 65:
		return w.from(w.first/300) + " " + w.from(w.first/300)
	case x < 80:
		return `"` + w.from(20) + " " + w.from(20) + `"`
	case x < 90:
		return fmt.Sprint("from:user", w.random.IntN(1_000_000))
	}
	return w.other()
}

// other is one of the terms that few rules have.
func (w *words) other() string {
	switch w.random.IntN(10) {
	case 0:
		return "#" + w.from(500)
	case 1:
		return "@" + w.from(500)
	case 2:
		return "url:" + w.from(500) + ".com"
	case 3:
		return w.from(500) + " lang:de"
	case 4:
		return w.from(500) + " -" + w.from(20) + " -is:repost"
	case 5:
		return "(" + w.from(5000) + " OR " + w.from(5000) + ") " + w.from(50)
	case 6:
		return `"` + w.from(200) + " " + w.from(200) + `"~3`
	case 7:
		return w.from(5000) + "ing*"
	case 8:
		return "contains:" + w.from(5000) + w.from(5000)
	}
	return "/" + w.from(2000) + "[0-9]+/"
}

// worst asks for common words alone, in ways that hardly ever match.
func (w *words) worst() string {
	switch w.random.IntN(5) {
	case 0:
		return fmt.Sprintf(`"%s %s %s"`, w.common(), w.common(), w.common())
	case 1:
		return fmt.Sprintf("%s %s %s %s", w.common(), w.common(), w.common(), w.common())
	case 2:
		return fmt.Sprintf("%s -%s -%s has:video", w.common(), w.common(), w.common())
	case 3:
		return fmt.Sprintf("%s followers:%d.. lang:de", w.common(), 1_000_000+w.random.IntN(9_000_000))
	}
	return fmt.Sprintf(`"%s %s"~2 from:user%d`, w.common(), w.common(), w.random.IntN(1000))
}
