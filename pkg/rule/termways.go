package rule

import (
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"

	"riffle/pkg/rule/token"
)

// termWays gives the ways to satisfy a selective term: one, but for a regular
// expression that begins with a choice.
func (a *arena) termWays(t *term, known knowledge) []way {
	switch t.op {
	case opText:
		return a.way(len(t.words) == 1 && t.words[0].isKey(), a.textConditions(t.words, known)...)
	case opNear:
		return a.way(false, a.wordConditions(t.words, known)...)
	case opURL:
		return a.way(false, known.correct(a.linkConditions(t.words))...)
	case opContains:
		return a.oneCondition(false, gramCondition(t.value, t.marked, known))
	case opRegexp:
		return a.regexpWays(t, known)
	}
	c := keyCondition(nameKeys[t.op], t.value, t.chance(), true)
	c.chance = known.chance(c.hash, c.chance)
	return a.oneCondition(true, c)
}

var nameKeys = map[operator]keyKind{
	opHashtag: keyHashtag, opCashtag: keyCashtag, opMention: keyMention, opFrom: keyFrom,
	opTo: keyTo, opRepostsOf: keyRepostsOf, opConversation: keyConversation,
}

// isKey reports whether finding the word's key is finding the word.
func (w word) isKey() bool {
	return !w.prefix && (!w.run || utf8.RuneCountInString(w.form) == 1)
}

func (a *arena) wordConditions(words []word, known knowledge) []condition {
	conditions := a.conditions.take(len(words))
	for i, w := range words {
		conditions[i] = w.condition(known)
		conditions[i].exact = len(words) == 1 && w.isKey()
	}
	return known.correct(conditions)
}

// textConditions adds neighbours that are common each, but less so together.
func (a *arena) textConditions(words []word, known knowledge) []condition {
	conditions := a.wordConditions(words, known)
	for i := 1; i < len(words); i++ {
		if words[i-1].isCommon() && words[i].isCommon() {
			x, y := &conditions[i-1], &conditions[i]
			conditions = append(conditions, condition{
				hash: rowHash(x.hash, y.hash), chance: x.chance * y.chance, kind: keyRow,
			})
		}
	}
	return known.correct(conditions)
}

func rowHash(first, second uint64) uint64 { return keyRow.hash(token.Combine(first, second)) }

// isCommon reports whether the word is one that rows are made of.
func (w word) isCommon() bool {
	return !w.marked && !w.run && !w.prefix && isCommonHash(token.Hash(w.form))
}

func (w word) condition(known knowledge) condition {
	switch {
	case w.prefix:
		return prefixCondition(w)
	case w.run:
		return runCondition(w.form, known)
	case w.marked:
		return keyCondition(keyMarked, w.form, wordChance(w.form), false)
	}
	return keyCondition(keyWord, w.form, wordChance(w.form), false)
}

const (
	shortPrefix = 3 // letters
	longPrefix  = 5
)

func prefixCondition(w word) condition {
	plain, _ := token.Fold(w.form)
	if beginning, ok := firstLetters(plain, longPrefix); ok {
		return keyCondition(keyLong, beginning, 0.001, false)
	}
	if beginning, ok := firstLetters(plain, shortPrefix); ok {
		return keyCondition(keyShort, beginning, 0.01, false)
	}
	return everyCondition()
}

// firstLetters gives the first n runes of s, if it has as many.
func firstLetters[T string | []byte](s T, n int) (T, bool) {
	at := 0
	for range n {
		if at >= len(s) {
			return s, false
		}
		at++
		for at < len(s) && s[at]&0xc0 == 0x80 {
			at++
		}
	}
	return s[:at], true
}

// runCondition asks for the least likely two letters of a run.
func runCondition(form string, known knowledge) condition {
	letters := []rune(form)
	if len(letters) == 1 {
		return keyCondition(keyLetter, form, letterChance(letters[0]), false)
	}
	var best condition
	for i := 1; i < len(letters); i++ {
		hash := pairHash(letters[i-1], letters[i])
		chance := known.chance(hash, letterChance(letters[i-1])*letterChance(letters[i]))
		if i == 1 || chance < best.chance {
			best = condition{hash: hash, chance: chance, kind: keyPair}
		}
	}
	return best
}

func pairHash(first, second rune) uint64 {
	return keyPair.hash(uint64(first)<<32 | uint64(second))
}

func (a *arena) linkConditions(words []word) []condition {
	conditions := a.conditions.take(len(words))
	for i, w := range words {
		switch {
		case w.run:
			first := firstLetter(w.form)
			conditions[i] = keyCondition(keyLinkRun, first, 0.001, false)
		case w.marked:
			conditions[i] = keyCondition(keyLinkOf, w.form, 0.0001, false)
		default:
			conditions[i] = keyCondition(keyLink, w.form, linkChance(w.form), false)
		}
	}
	return conditions
}

func everyCondition() condition {
	return condition{hash: keyEvery.hash(0), chance: 1, kind: keyEvery}
}

// gramCondition asks for the least likely bytes of a text: as many as there are
// grams of.
func gramCondition(text string, marked bool, known knowledge) condition {
	kind := firstGram
	if marked {
		kind += grams
	}
	size := gramSizes[0]
	for i := range gramSizes {
		if size = gramSizes[i]; len(text) >= size {
			kind += keyKind(i)
			break
		}
	}
	var best condition
	for i := 0; i+size <= len(text); i++ {
		hash := gramHash(kind, text[i:i+size])
		chance := known.chance(hash, gramChance(text[i:i+size]))
		if i == 0 || chance < best.chance {
			best = condition{hash: hash, chance: chance, kind: kind}
		}
	}
	return best
}

// gramHash is that of the bytes of a gram.
func gramHash(kind keyKind, gram string) uint64 {
	var n uint64
	for i := range len(gram) {
		n = n<<8 | uint64(gram[i])
	}
	return kind.hash(n)
}

// regexpWays asks for a text that every match holds, or for one of several.
func (a *arena) regexpWays(t *term, known knowledge) []way {
	texts := requiredTexts(t.regexp.tree)
	if len(texts) == 0 {
		return a.oneCondition(false, everyCondition())
	}
	ways := a.ways.take(len(texts))
	for i, text := range texts {
		ways[i].conditions = a.conditions.take(1)
		ways[i].conditions[0] = gramCondition(text, t.marked, known)
	}
	return ways
}

// maxChoices bounds the texts of which one must be there.
const maxChoices = 16

// requiredTexts gives texts of which every match of x holds at least one, nil
// if none can be told. They are folded, and two bytes at least.
func requiredTexts(x *syntax.Regexp) []string {
	switch x.Op {
	case syntax.OpLiteral:
		if text := longestFolded(x.Rune); len(text) >= gramSizes[grams-1] {
			return []string{text}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return requiredTexts(x.Sub[0])
	case syntax.OpRepeat:
		if x.Min > 0 {
			return requiredTexts(x.Sub[0])
		}
	case syntax.OpConcat:
		return bestTexts(x.Sub)
	case syntax.OpAlternate:
		return allTexts(x.Sub)
	}
	return nil
}

// bestTexts takes from parts that are all required the one whose shortest text
// is longest.
func bestTexts(parts []*syntax.Regexp) []string {
	var best []string
	for _, part := range parts {
		if texts := requiredTexts(part); len(texts) > 0 && (best == nil || shortest(texts) > shortest(best)) {
			best = texts
		}
	}
	return best
}

func shortest(texts []string) int {
	n := len(texts[0])
	for _, text := range texts {
		n = min(n, len(text))
	}
	return n
}

// allTexts joins those of parts of which one is required.
func allTexts(parts []*syntax.Regexp) []string {
	var all []string
	for _, part := range parts {
		texts := requiredTexts(part)
		if len(texts) == 0 || len(all)+len(texts) > maxChoices {
			return nil
		}
		all = append(all, texts...)
	}
	return all
}

// longestFolded gives the longest stretch of a literal that stands in folded
// text in one form only.
func longestFolded(literal []rune) string {
	longest, current := "", ""
	for _, r := range literal {
		form, ok := foldedForm(r)
		if !ok {
			current = ""
			continue
		}
		current += form
		if len(current) > len(longest) {
			longest = current
		}
	}
	return longest
}

// foldedForm gives the one rune that a rune of a pattern finds in folded text.
// Only what is told easily is told: ASCII, and letters that have no case.
func foldedForm(r rune) (string, bool) {
	switch {
	case r < utf8.RuneSelf && r != ' ':
		return strings.ToLower(string(r)), true
	case r == ' ':
		return " ", true
	case unicode.SimpleFold(r) == r && unicode.IsLetter(r):
		return string(r), true
	}
	return "", false
}
