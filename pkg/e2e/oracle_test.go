package e2e

import (
	"slices"
	"strings"
)

// wish is a rule with what it means, written down a second time.
type wish struct {
	user, value, action string
	holds               func(message) bool
	id                  string // as riffle rule add printed it
}

// wishes are the rules of all users.
func wishes() []*wish {
	return []*wish{
		{user: "ann", value: "coffee", holds: func(m message) bool { return m.has("coffee") }},
		{user: "ann", value: `"green tea"`, holds: func(m message) bool { return m.hasRow("green", "tea") }},
		{user: "ann", value: "#golang", holds: func(m message) bool { return slices.Contains(m.tags, "golang") }},
		{user: "ann", value: "from:author3", holds: func(m message) bool {
			return (m.network == "twitter" || m.network == "demo") && m.author == 3
		}},
		{user: "ann", value: "from:author4@social.example", holds: func(m message) bool { return m.network == "mastodon" && m.author == 4 }},
		{user: "ann", value: "(rain OR snow) cake lang:en", holds: func(m message) bool {
			return (m.has("rain") || m.has("snow")) && m.has("cake") && m.lang == "en"
		}},
		{user: "ann", value: "matcha has:links", holds: func(m message) bool { return m.has("matcha") && m.link != "" }},
		{user: "bob", value: "river -stone", holds: func(m message) bool { return m.has("river") && !m.has("stone") }},
		{user: "bob", value: "coffee", holds: func(m message) bool { return m.has("coffee") }},
		{user: "bob", value: "decaf", action: "drop", holds: func(m message) bool { return m.has("decaf") }},
	}
}

// words are the text's words, folded. The vocabulary is plain, so that cutting
// at spaces and taking off signs is all there is to it.
func (m message) words() []string {
	var words []string
	for _, w := range strings.Fields(m.text) {
		words = append(words, strings.ToLower(strings.Trim(w, "#,")))
	}
	return words
}

func (m message) has(word string) bool { return slices.Contains(m.words(), word) }

func (m message) hasRow(first, second string) bool {
	words := m.words()
	for i := 1; i < len(words); i++ {
		if words[i-1] == first && words[i] == second {
			return true
		}
	}
	return false
}

// judges reports whether a user's rules judge a message: bob is linked to the
// account 77 of Twitter.
func judges(user string, m message) bool { return m.audience == "" || user == "bob" }

// newest gives the newest version of each post that is left.
func newest(messages []message) map[string]message {
	last := make(map[string]message)
	gone := make(map[string]bool) // network and author of deleted accounts
	for _, m := range messages {
		if m.account {
			gone[m.network+m.handle()] = true
			continue
		}
		if before, ok := last[m.key()]; !ok || m.version >= before.version {
			last[m.key()] = m
		}
	}
	for key, m := range last {
		if m.deleted || gone[m.network+m.handle()] {
			delete(last, key)
		}
	}
	return last
}

// expected says what a user must have in the end, in the form of kept.
func expected(user string, messages []message, wishes []*wish) map[string]string {
	out := make(map[string]string)
	for key, m := range newest(messages) {
		if !judges(user, m) {
			continue
		}
		var rules []string
		dropped := false
		for _, w := range wishes {
			if w.user != user || !w.holds(m) {
				continue
			}
			dropped = dropped || w.action == "drop"
			rules = append(rules, w.id)
		}
		if len(rules) > 0 && !dropped {
			slices.Sort(rules)
			out[key] = strings.Join(rules, ",") + " " + m.shown()
		}
	}
	return out
}
