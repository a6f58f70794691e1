package sim

import (
	"bufio"
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed words/*.txt
var files embed.FS

// vocabulary is what posts are made of, in all languages.
//
// A file of words holds one language: "lang CODE" and "weight N", then global
// lists, then "[any]" with sentences that go with every topic, then
// "[topic NAME WEIGHT]" with lists and sentences of its own. "name = a | b" is a
// list, the frequent first. "- " begins a sentence of a post, "+ " a description
// of a picture. In both, {name} stands for an entry of the list, and {n}, {n2},
// {deg}, {time} and {made} for a number, a small one, a temperature, a time of
// day and a made-up name.
type vocabulary struct {
	languages []language
	english   int // its index
	pick      choice
}

type language struct {
	code    string
	weight  int
	names   words
	closers []sentence
	topics  []topic
	pick    choice
}

type topic struct {
	name      string
	weight    int
	tags      words
	cashtags  words
	emoji     words
	sentences []sentence
	alts      []sentence
}

// words is a list from which the first are drawn most.
type words struct {
	list []string
	pick choice
}

func (w words) draw(r *rng) string { return w.list[w.pick.draw(r)] }

// sentence is a template, cut where words are to be filled in.
type sentence []piece

type piece struct {
	kind    pieceKind
	literal string
	words   words
}

type pieceKind uint8

const (
	pieceLiteral pieceKind = iota
	pieceWords
	pieceNumber
	pieceSmall
	pieceDegrees
	pieceTime
	pieceMade
)

// emoji by topic; some of several code points.
var emoji = map[string][]string{
	"":         {"😂", "❤️", "😊", "👍🏽", "🙏", "🤷‍♀️", "✨", "🎉", "😭", "🔥"},
	"coffee":   {"☕", "☕️✨", "🫖", "🍵", "😴"},
	"football": {"⚽", "🏆", "😱", "🔥", "🇧🇷"},
	"weather":  {"🌧️", "☀️", "❄️", "⛈️", "🌈"},
	"cats":     {"🐱", "😻", "🐈‍⬛", "🐾", "🐶"},
	"music":    {"🎶", "🎸", "🎧", "🎹"},
	"trains":   {"🚆", "🚂", "🛤️", "⏰"},
	"news":     {"📰", "🗳️", "⚠️"},
	"tech":     {"👩‍💻", "🤖", "🐛", "🚀"},
	"food":     {"🍕", "🍜", "😋", "🥖"},
	"running":  {"🏃‍♀️", "🚴", "💪🏽"},
	"games":    {"🎮", "♟️", "🎲"},
	"cricket":  {"🏏", "🇮🇳"},
}

// loadVocabulary reads the embedded files.
func loadVocabulary() (*vocabulary, error) {
	names, err := fs.Glob(files, "words/*.txt")
	if err != nil {
		return nil, err
	}
	v := &vocabulary{}
	var weights []int
	for _, name := range names {
		content, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		l, err := parseLanguage(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if l.code == "en" {
			v.english = len(v.languages)
		}
		v.languages = append(v.languages, l)
		weights = append(weights, l.weight)
	}
	v.pick = newChoice(weights)
	return v, nil
}

// draft is a topic as it is read: its sentences are cut once all lists are known.
type draft struct {
	name            string
	weight          int
	lists           map[string][]string
	sentences, alts []string
}

func newDraft(name string, weight int) *draft {
	return &draft{name: name, weight: weight, lists: map[string][]string{}}
}

func parseLanguage(content []byte) (language, error) {
	l := language{}
	global := newDraft("", 0)
	closers := newDraft("", 0)
	var topics []*draft
	now := global
	lines := bufio.NewScanner(bytes.NewReader(content))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case line == "[any]":
			now = closers
		case strings.HasPrefix(line, "[topic "):
			now = newDraft("", 0)
			if _, err := fmt.Sscanf(line, "[topic %s %d]", &now.name, &now.weight); err != nil {
				return l, fmt.Errorf("line %d: %w", n, err)
			}
			topics = append(topics, now)
		default:
			if err := l.line(now, line); err != nil {
				return l, fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	return l, l.finish(global, closers, topics)
}

// line reads a line that is no heading.
func (l *language) line(now *draft, line string) (err error) {
	switch {
	case line == "" || line[0] == '#':
	case strings.HasPrefix(line, "- "):
		now.sentences = append(now.sentences, line[2:])
	case strings.HasPrefix(line, "+ "):
		now.alts = append(now.alts, line[2:])
	case strings.HasPrefix(line, "lang "):
		l.code = line[len("lang "):]
	case strings.HasPrefix(line, "weight "):
		l.weight, err = strconv.Atoi(line[len("weight "):])
	default:
		name, list, isList := strings.Cut(line, " = ")
		if !isList {
			return fmt.Errorf("%q is no list, sentence or heading", line)
		}
		if strings.Contains(list, "{") {
			return fmt.Errorf("%q: a list holds words, not templates", line)
		}
		now.lists[name] = strings.Split(list, " | ")
	}
	return err
}

// finish cuts the sentences of all topics.
func (l *language) finish(global, closers *draft, topics []*draft) (err error) {
	l.names = newWords(global.lists["name"])
	if l.closers, err = cutAll(closers.sentences, closers.lists, global.lists); err != nil {
		return err
	}
	var weights []int
	for _, d := range topics {
		t := topic{
			name: d.name, weight: d.weight, tags: newWords(d.lists["tag"]), cashtags: newWords(d.lists["cash"]),
			emoji: newWords(emoji[d.name]),
		}
		if len(t.emoji.list) == 0 {
			t.emoji = newWords(emoji[""])
		}
		if t.sentences, err = cutAll(d.sentences, d.lists, global.lists); err != nil {
			return err
		}
		if t.alts, err = cutAll(d.alts, d.lists, global.lists); err != nil {
			return err
		}
		l.topics = append(l.topics, t)
		weights = append(weights, t.weight)
	}
	l.pick = newChoice(weights)
	return nil
}

func cutAll(templates []string, lists ...map[string][]string) ([]sentence, error) {
	all := make([]sentence, 0, len(templates))
	for _, template := range templates {
		s, err := cut(template, lists)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", template, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// cut makes a sentence of a template; lists are searched in order.
func cut(template string, lists []map[string][]string) (sentence, error) {
	var s sentence
	for template != "" {
		literal, rest, more := strings.Cut(template, "{")
		if literal != "" {
			s = append(s, piece{literal: literal})
		}
		if !more {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("{%s is not closed", rest)
		}
		p, err := newPiece(name, lists)
		if err != nil {
			return nil, err
		}
		s, template = append(s, p), after
	}
	return s, nil
}

func newPiece(name string, lists []map[string][]string) (piece, error) {
	switch name {
	case "n":
		return piece{kind: pieceNumber}, nil
	case "n2":
		return piece{kind: pieceSmall}, nil
	case "deg":
		return piece{kind: pieceDegrees}, nil
	case "time":
		return piece{kind: pieceTime}, nil
	case "made":
		return piece{kind: pieceMade}, nil
	}
	for _, l := range lists {
		if list, there := l[name]; there {
			return piece{kind: pieceWords, words: newWords(list)}, nil
		}
	}
	return piece{}, fmt.Errorf("there is no list %q", name)
}

func newWords(list []string) words {
	if len(list) == 0 {
		return words{}
	}
	weights := make([]int, len(list))
	for i := range weights {
		weights[i] = 10_000 / (i + 2) // Zipf, a little flattened at its head
	}
	return words{list, newChoice(weights)}
}
