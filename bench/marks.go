package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"

	"riffle/pkg/event"
	"riffle/pkg/source/twitter"
)

// mark is the word that rule i of a stream asks for. Nothing else has it.
func mark(i int) string { return "zqx" + strconv.Itoa(i) + "y" }

// stream is lines of a file with posts that rules keep, and deletions.
type stream struct {
	lines [][]byte
	posts int
	kept  int // by one rule each
}

// newStream makes a stream of the tweets in which the share kept carries the
// word of one of the rules each, and of whose lines the share deletions delete
// an earlier tweet.
func newStream(c *corpus, kept, deletions float64, rules int) stream {
	random := rand.New(rand.NewPCG(1, 2))
	var s stream
	decoder := twitter.NewDecoder()
	var ev event.Event
	var ids []string
	for _, m := range c.messages {
		if random.Float64() < kept {
			if marked := addWord(m, mark(random.IntN(rules))); marked != nil {
				m = marked
				s.kept++
			}
		}
		if err := decoder.Decode(&ev, m); err == nil {
			ids = append(ids, ev.Key[len(twitter.Network)+1:])
		}
		s.lines = append(s.lines, m)
		s.posts++
		for random.Float64() < deletions && len(ids) > 0 {
			k := random.IntN(len(ids))
			s.lines = append(s.lines, fmt.Appendf(nil, `{"delete":{"status":{"id":%s,"id_str":%q,"user_id":3,"user_id_str":"3"},"timestamp_ms":"1479424501000"}}`, ids[k], ids[k]))
			ids[k] = ids[len(ids)-1]
			ids = ids[:len(ids)-1]
		}
	}
	return s
}

// addWord appends a word to all texts of a tweet, those of what it reposts
// included; nil when it has none. Appended, it moves no entity.
func addWord(m []byte, word string) []byte {
	var out []byte
	found := false
	for {
		i := bytes.Index(m, []byte(`text":"`))
		if i < 0 {
			break
		}
		end := i + len(`text":"`)
		for m[end] != '"' {
			if m[end] == '\\' {
				end++
			}
			end++
		}
		out = append(out, m[:end]...)
		hashtag := bytes.HasPrefix(m[end:], []byte(`","indices"`)) || bytes.HasPrefix(m[end:], []byte(`", "indices"`))
		name := m[max(0, i-5):i]
		if !hashtag && (bytes.HasSuffix(name, []byte(`"`)) || bytes.HasSuffix(name, []byte(`full_`))) {
			out = append(append(out, ' '), word...)
			found = true
		}
		m = m[end:]
	}
	if !found {
		return nil
	}
	return append(out, m...)
}
