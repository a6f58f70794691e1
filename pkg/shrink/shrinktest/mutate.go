package shrinktest

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Mutations changes messages at random places of their trees, so that they stay
// JSON but not what a network sends, and has each checked. The same seed makes
// the same messages.
func Mutations(tb testing.TB, seed uint64, messages [][]byte, rounds int, check func(msg []byte)) {
	tb.Helper()
	m := &mutator{rand: rand.New(rand.NewPCG(seed, 7))}
	var trees []*node
	for _, msg := range messages {
		tree, err := parse(msg)
		if err != nil {
			tb.Fatalf("%v: %s", err, msg)
		}
		trees = append(trees, tree)
		m.collect(tree)
	}
	for range rounds {
		tree := trees[m.rand.IntN(len(trees))].clone()
		for range 1 + m.rand.IntN(3) {
			m.mutate(tree)
		}
		check(m.write(nil, tree))
	}
}

// node is a JSON value: an object's fields, an array's elements, or a scalar.
type node struct {
	kind     byte // '{', '[', '"', or another for what scalar holds
	names    []string
	children []*node
	text     string // a string
	scalar   string // what is neither
}

func parse(msg []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(msg))
	d.UseNumber()
	return parseValue(d)
}

func parseValue(d *json.Decoder) (*node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		n := &node{kind: byte(t)}
		for d.More() {
			if t == '{' {
				name, err := d.Token()
				if err != nil {
					return nil, err
				}
				n.names = append(n.names, name.(string))
			}
			child, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			n.children = append(n.children, child)
		}
		_, err := d.Token()
		return n, err
	case string:
		return &node{kind: '"', text: t}, nil
	case nil:
		return &node{scalar: "null"}, nil
	case bool:
		return &node{scalar: strconv.FormatBool(t)}, nil
	default:
		return &node{scalar: t.(json.Number).String()}, nil
	}
}

func (n *node) clone() *node {
	c := *n
	c.names, c.children = slices.Clone(n.names), make([]*node, len(n.children))
	for i, child := range n.children {
		c.children[i] = child.clone()
	}
	return &c
}

type mutator struct {
	rand  *rand.Rand
	names []string
	nodes []*node
}

func (m *mutator) collect(n *node) {
	m.names = append(m.names, n.names...)
	m.nodes = append(m.nodes, n)
	for _, child := range n.children {
		m.collect(child)
	}
}

var (
	odd = []string{
		"null", "true", "false", "0", "-1", "1", "12", "1.5", "1e3", "9223372036854775807", "9223372036854775808",
		`""`, `"x"`, `"12"`, `"0"`, `"-"`, `[]`, `{}`, `[{}]`, `[[]]`, `[null]`, `{"id":1}`, `{"x":[1,{"y":"}"}]}`,
	}
	snippets = []string{
		"&amp;", "&lt", "&#39;", "&", "http://t.co/aaaaaaaaaa", "http://t.co/", "https://", " ", "\n", "\u00a0", "…", "...", "$TSLA", "$BRK.B",
		"#tag", "@ann", "<p>", "</p>", "<br>", "<a href=\"https://x.example/?a&amp;b\">", "</a>", "<!-- ", "-->", "<", "é", "😀", "\x00", "\"", "\\",
		"at://", "did:plc:x", "/", "2024-05-06T07:08:09Z", "und", "in", "mention", "invisible", "q", "3lbhuvbqued2c",
	}
)

// mutate changes one place below n.
func (m *mutator) mutate(root *node) {
	n := root
	for len(n.children) > 0 && (n == root || m.rand.IntN(5) > 0) {
		i := m.rand.IntN(len(n.children))
		if m.rand.IntN(4) == 0 {
			m.changeChild(n, i)
			return
		}
		n = n.children[i]
	}
	m.change(n)
}

func (m *mutator) change(n *node) {
	switch {
	case n.kind == '"' && m.rand.IntN(3) > 0:
		at := m.rand.IntN(len(n.text) + 1)
		n.text = n.text[:at] + snippets[m.rand.IntN(len(snippets))] + n.text[min(len(n.text), at+m.rand.IntN(3)):]
	case m.rand.IntN(2) == 0:
		*n = *m.nodes[m.rand.IntN(len(m.nodes))].clone()
	default:
		replacement, err := parse([]byte(odd[m.rand.IntN(len(odd))]))
		if err != nil {
			panic(err) // the list above is JSON
		}
		*n = *replacement
	}
}

// changeChild changes the list of n's children at i.
func (m *mutator) changeChild(n *node, i int) {
	switch m.rand.IntN(4) {
	case 0:
		n.children = slices.Delete(n.children, i, i+1)
		if n.kind == '{' {
			n.names = slices.Delete(n.names, i, i+1)
		}
	case 1:
		j := m.rand.IntN(len(n.children))
		n.children[i], n.children[j] = n.children[j], n.children[i]
		if n.kind == '{' && m.rand.IntN(2) == 0 { // else the values alone change places
			n.names[i], n.names[j] = n.names[j], n.names[i]
		}
	case 2:
		if name := m.names[m.rand.IntN(len(m.names))]; n.kind == '{' && !slices.Contains(n.names, name) {
			n.names[i] = name
		}
	case 3:
		if n.kind == '[' {
			n.children = append(n.children, n.children[i].clone())
		} else if name := m.names[m.rand.IntN(len(m.names))]; !slices.Contains(n.names, name) {
			n.names = append(n.names, name)
			n.children = append(n.children, m.nodes[m.rand.IntN(len(m.nodes))].clone())
		}
	}
}

// write writes n with a little of the freedom that JSON gives.
func (m *mutator) write(b []byte, n *node) []byte {
	switch n.kind {
	case '"':
		return m.writeText(b, n.text)
	case '{', '[':
		b = append(b, n.kind)
		for i, child := range n.children {
			if i > 0 {
				b = append(m.blank(b), ',')
			}
			b = m.blank(b)
			if n.kind == '{' {
				b = append(m.blank(m.writeText(b, n.names[i])), ':')
			}
			b = m.write(m.blank(b), child)
		}
		return append(m.blank(b), n.kind+2)
	}
	return append(b, n.scalar...)
}

func (m *mutator) blank(b []byte) []byte {
	if m.rand.IntN(40) == 0 {
		return append(b, " \t"[m.rand.IntN(2)])
	}
	return b
}

func (m *mutator) writeText(b []byte, s string) []byte {
	if m.rand.IntN(3) > 0 {
		quoted, err := json.Marshal(strings.ToValidUTF8(s, "\ufffd"))
		if err != nil {
			panic(err) // a string always can be written
		}
		return append(b, quoted...)
	}
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '/' || r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r > '~' && r < 0x10000:
			b = append(b, `\u`...)
			for shift := 12; shift >= 0; shift -= 4 {
				b = append(b, "0123456789abcdef"[r>>shift&15])
			}
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}
