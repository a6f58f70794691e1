package rule

import (
	"cmp"
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// sortProblems orders them as they stand in the rule.
func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Offset, b.Offset) })
}

func tooLongProblem(value string) Problem {
	return Problem{
		Code: CodeTooLong, Offset: MaxLength, Length: len(value) - MaxLength,
		Message: fmt.Sprintf("The rule has %d bytes; at most %d are allowed.", len(value), MaxLength),
		Hint:    "split it into several rules",
	}
}

func emptyProblem(offset, length int, message string) Problem {
	return Problem{
		Code: CodeEmptyRule, Offset: offset, Length: length, Message: message,
		Hint: "write at least one word to look for, such as coffee",
	}
}

func tooManyProblem(l lexeme) Problem {
	return Problem{
		Code: CodeTooManyTerms, Offset: l.start, Length: l.end - l.start,
		Message: fmt.Sprintf("The rule has more than %d terms; this is the first too many.", MaxTerms),
		Hint:    "split it into several rules",
	}
}

func tooDeepProblem(open lexeme) Problem {
	return Problem{
		Code: CodeTooDeep, Offset: open.start, Length: 1,
		Message: fmt.Sprintf("More than %d parentheses stand in one another here.", MaxDepth),
		Hint:    "leave out parentheses that change nothing",
	}
}

func unopenedProblem(l lexeme) Problem {
	return Problem{
		Code: CodeUnbalancedParenthesis, Offset: l.start, Length: 1,
		Message: "This closing parenthesis has no opening one before it.",
		Hint:    "remove it, or write ( where the group begins",
	}
}

func unclosedProblem(open lexeme) Problem {
	return Problem{
		Code: CodeUnbalancedParenthesis, Offset: open.start, Length: 1,
		Message: "This parenthesis is opened and never closed.",
		Hint:    "write ) where the group ends, or remove it",
	}
}

func unterminatedProblem(rule string, open int) Problem {
	return Problem{
		Code: CodeUnterminatedQuote, Offset: open, Length: quoteSize(rule[open:]),
		Message: "These quotes are opened and never closed.",
		Hint:    `write " where the words end, or remove it`,
	}
}

func danglingProblem(l lexeme, word, code string) Problem {
	return Problem{
		Code: code, Offset: l.start, Length: l.end - l.start,
		Message: fmt.Sprintf("%s needs a term or a group before it and after it.", word),
		Hint:    fmt.Sprintf(`cat %s dog; or "%s" in quotes, or in small letters, to look for the word`, word, word),
	}
}

func danglingMinusProblem(l lexeme) Problem {
	return Problem{
		Code: CodeDanglingMinus, Offset: l.start, Length: 1,
		Message: "This minus stands before nothing that it could exclude.",
		Hint:    "write it directly before a term or group, such as -dog, or remove it",
	}
}

func explicitAndProblem(l lexeme) Problem {
	return Problem{
		Code: CodeExplicitAnd, Offset: l.start, Length: l.end - l.start, Warning: true,
		Message: "AND is read as the operator; terms side by side mean the same.",
		Hint:    `leave it out, or write "and" to look for the word`,
	}
}

func lowercaseProblem(l lexeme, text string) Problem {
	hint := "OR"
	switch strings.ToLower(text) {
	case "and":
		hint = "leave it out: terms side by side must all match"
	case "not":
		hint = "a minus directly before what is to be excluded, such as -dog"
	}
	return Problem{
		Code: CodeLowercaseOr, Offset: l.start, Length: l.end - l.start, Warning: true,
		Message: fmt.Sprintf("%q is read as a word to look for, not as an operator.", text),
		Hint:    hint,
	}
}

func bareURLProblem(l lexeme, value string) Problem {
	return Problem{
		Code: CodeBareURL, Offset: l.start, Length: l.end - l.start, Warning: true,
		Message: "A link is looked for among the links of posts, not in their words.",
		Hint:    "url:" + quoteIfNeeded(linkText(value)),
	}
}

func unknownProblem(l lexeme, name string) Problem {
	return Problem{
		Code: CodeUnknownOperator, Offset: l.start, Length: len(name),
		Message: fmt.Sprintf("There is no operator %q. To look for these words, put them in quotes.", name+":"),
		Hint:    nearest(name, allOperatorNames()) + ":",
	}
}

func allOperatorNames() []string {
	names := make([]string, len(operatorNames))
	for i, o := range operatorNames {
		names[i] = o.name
	}
	return names
}

func badValue(start, end int, message, hint string) Problem {
	return Problem{Code: CodeBadValue, Offset: start, Length: end - start, Message: message, Hint: hint}
}

// missingProblem is of a name without a value.
func missingProblem(l lexeme, name, rule string) Problem {
	meant := name + ":"
	if _, known := operatorNamed(name); !known {
		meant = "url:" // http: and https: are read as that
	}
	return badValue(l.start, l.start+len(name),
		fmt.Sprintf("The value after %q is missing; it must follow the colon without a space.", name+":"),
		meant+likelyValue(meant, strings.TrimLeftFunc(rule[l.end:], isSpace)))
}

// likelyValue takes the next word for the value that was meant, where it is a
// word and the operator accepts it.
func likelyValue(meant, following string) string {
	word := following[:bareLength(following)]
	first, _ := utf8.DecodeRuneInString(strings.TrimPrefix(word, "@"))
	isWord := unicode.IsLetter(first) || unicode.IsNumber(first)
	if isWord && word != "OR" && word != "AND" && nameLength(word) == 0 && accepts(meant+word) {
		return word
	}
	return exampleValue(strings.TrimSuffix(meant, ":"))
}

// accepts reports whether a term is right, if not as a whole rule.
func accepts(term string) bool {
	_, problems := Parse(term)
	return !slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning && p.Code != CodeNoSelectiveTerm })
}

const exampleKey = "twitter:20"

// exampleValue is one that an operator accepts.
func exampleValue(name string) string {
	op, _ := operatorNamed(name)
	switch op {
	case opURL:
		return "example.org"
	case opConversation:
		return exampleKey
	case opLang:
		return "en"
	case opNetwork:
		return "bluesky"
	case opSource:
		return "jetstream"
	case opIs:
		return "reply"
	case opHas:
		return "images"
	case opFollowers:
		if name == minFollowers {
			return "1000"
		}
		return "1000.."
	case opSample:
		return "10"
	case opContains:
		return `"c++"`
	}
	return "ann"
}

func starProblem(start, end int) Problem {
	return badValue(start, end,
		"A star may only stand at the end of a word, where it means any ending.", "cat* for cat, cats, category")
}

func noTokenProblem(l lexeme, text string) Problem {
	hint := "a word"
	if inner := strings.TrimFunc(text, func(r rune) bool { return isQuote(r) || isSpace(r) }); len(inner) >= minSubstring {
		hint = "contains:" + quoteIfNeeded(inner)
	}
	return badValue(l.start, l.end, "There is no word, number or emoji in this term to look for.", hint)
}

func noTagProblem(l lexeme, text string) Problem {
	return badValue(l.start, l.end,
		fmt.Sprintf("A name is missing after %q.", text[:1]), text[:1]+"name")
}

func withinProblem(rule string, l lexeme) Problem {
	return badValue(l.start, l.end,
		fmt.Sprintf("After ~ stands how many other words may come between, from 1 to %d.", maxWithin),
		rule[l.start:l.valueEnd]+`"~3`)
}

func nearOneProblem(rule string, l lexeme) Problem {
	return badValue(l.start, l.end,
		"There is only one word in these quotes, so nothing can come between.", rule[l.start:l.valueEnd]+`"`)
}

func prefixProblem(l lexeme, form string) Problem {
	return Problem{
		Code: CodePrefixTooShort, Offset: l.start, Length: l.end - l.start,
		Message: fmt.Sprintf("Before a star stand at least %d letters or digits.", minPrefix),
		Hint:    fmt.Sprintf("a longer beginning, or the whole word %s without a star", form),
	}
}

func badRegexp(l lexeme, message, hint string) Problem {
	return Problem{Code: CodeBadRegex, Offset: l.start, Length: l.end - l.start, Message: message, Hint: hint}
}

func noSlashProblem(rule string, l lexeme) Problem {
	text := l.text(rule)
	return badRegexp(l, "A slash at the front begins a regular expression, and there is no slash that ends it.",
		fmt.Sprintf(`"%s" to look for the words, or %s/ for a regular expression`, strings.TrimPrefix(text, "/"), text))
}

func afterSlashProblem(rule string, l lexeme) Problem {
	return badRegexp(l, "After the slash that ends a regular expression comes a space or the end.",
		fmt.Sprintf(`"%s" to look for the words; inside a regular expression a slash is written \/`, l.text(rule)))
}

func regexpLengthProblem(l lexeme, length int) Problem {
	return badRegexp(l, fmt.Sprintf("A regular expression has from 1 to %d bytes, this one has %d.", maxRegexp, length),
		"/colou?r/")
}

func regexpSizeProblem(l lexeme) Problem {
	return badRegexp(l, "The regular expression repeats too much, which would make every post slow to look at.",
		"repeat less, such as {1,9} or + for {1,1000}")
}

func regexpProblem(l lexeme, err error) Problem {
	why, hint := err.Error(), `put \ before signs that stand for themselves, such as \( and \+`
	if wrong, ok := errors.AsType[*syntax.Error](err); ok {
		why = fmt.Sprintf("%s: %s", wrong.Code, wrong.Expr)
		if wrong.Code == syntax.ErrInvalidRepeatSize {
			hint = "repeat less, at most 1000 times in all, the smaller number first, such as {1,9}"
		}
	}
	return badRegexp(l, "The regular expression can't be read: "+why+".", hint)
}

func substringProblem(l lexeme, value string) Problem {
	return badValue(l.valueStart, l.valueEnd,
		fmt.Sprintf("At least %d characters are needed here.", minSubstring), "contains:"+quoteIfNeeded(value+"…"))
}

func accountProblem(l lexeme, op operator) Problem {
	if op == opConversation {
		return badValue(l.valueStart, l.valueEnd, "This is no key of a post.", exampleKey)
	}
	return badValue(l.valueStart, l.valueEnd, "This is no handle or id; it is one word, with or without @.", "ann@example.org")
}

// unresolvedProblem takes what stands before the handle, such as from: and @.
func unresolvedProblem(start, end int, before string) Problem {
	return Problem{
		Code: CodeUnresolvedHandle, Offset: start, Length: end - start, Warning: true,
		Message: "Bluesky's stream tells no handles, so that this one matches none of its posts.",
		Hint:    strings.ToLower(before) + "did:plc:… with the DID of the account",
	}
}

func placeProblem(l lexeme, name string) Problem {
	return badValue(l.valueStart, l.valueEnd, "This is the name of no "+name+".", name+":"+exampleValue(name))
}

func linkProblem(start, end int, value string) Problem {
	return badValue(start, end, fmt.Sprintf("There is nothing in %q that a link could hold.", value), "url:example.org")
}

func langProblem(l lexeme, value string) Problem {
	return badValue(l.valueStart, l.valueEnd,
		fmt.Sprintf("%q is no language tag; it is two or three letters, and maybe a region after a minus.", value),
		"lang:"+likelyLang(value))
}

// likelyLang guesses the tag behind the commonest mistakes.
func likelyLang(value string) string {
	value = strings.ReplaceAll(strings.ToLower(value), "_", "-")
	if isLang(value) {
		return value
	}
	guesses := map[string]string{
		"english": "en", "spanish": "es", "español": "es", "portuguese": "pt", "german": "de",
		"deutsch": "de", "french": "fr", "français": "fr", "italian": "it", "japanese": "ja",
		"jp": "ja", "chinese": "zh", "cn": "zh", "korean": "ko", "russian": "ru", "arabic": "ar",
		"turkish": "tr", "dutch": "nl", "polish": "pl", "ukrainian": "uk", "hindi": "hi", "thai": "th",
		"czech": "cs", "cz": "cs", "danish": "da", "dk": "da", "swedish": "sv", "greek": "el", "gr": "el",
	}
	if tag, ok := guesses[value]; ok {
		return tag
	}
	return "en"
}

func factProblem(l lexeme, name, value string, names []string) Problem {
	return badValue(l.valueStart, l.valueEnd,
		fmt.Sprintf("%q is none of what %s: knows: %s.", value, strings.ToLower(name), strings.Join(names, ", ")),
		strings.ToLower(name)+":"+nearest(strings.ToLower(value), names))
}

func followersProblem(l lexeme, name, value string) Problem {
	if name == minFollowers {
		return badValue(l.valueStart, l.valueEnd, fmt.Sprintf("%q is no number.", value), name+":1000")
	}
	return badValue(l.valueStart, l.valueEnd,
		fmt.Sprintf("%q is no number or range of numbers, the smaller one first.", value),
		"followers:1000.., followers:..50 or followers:10..20")
}

func sampleProblem(l lexeme, value string) Problem {
	return badValue(l.valueStart, l.valueEnd,
		fmt.Sprintf("%q is no share in percent; it is a whole number from 1 to 100.", value), "sample:10")
}

func sampleNegatedProblem(l lexeme, value string) Problem {
	return badValue(l.valueStart, l.valueEnd,
		"A share can't be excluded by a minus.", fmt.Sprintf("sample:%s without a minus", value))
}

func selectiveProblem(start, end int) Problem {
	return Problem{
		Code: CodeNoSelectiveTerm, Offset: start, Length: end - start,
		Message: "This part would have to be looked up in every post there is: it asks for no word, tag, link or author.",
		Hint:    "add a word to it, such as coffee, or from:, url:, #tag, @handle",
	}
}

func alwaysFalseProblem(t *term) Problem {
	return Problem{
		Code: CodeAlwaysFalse, Offset: t.start, Length: t.end - t.start, Warning: true,
		Message: "This contradicts another part of the rule, so that nothing can match both.",
		Hint:    "remove one of the two, or write OR between them",
	}
}

func redundantProblem(t *term) Problem {
	return Problem{
		Code: CodeRedundantTerm, Offset: t.start, Length: t.end - t.start, Warning: true,
		Message: "This term changes nothing: another part of the rule says it already.",
		Hint:    "remove it",
	}
}

func quoteIfNeeded(s string) string {
	if bareLength(s) == len(s) && s != "" {
		return s
	}
	return `"` + s + `"`
}

// nearest gives the name with the fewest changes of a letter from what was
// written, the first of several.
func nearest(written string, names []string) string {
	if len(written) > 64 {
		written = written[:64]
	}
	best, distance := "", 1<<30
	for _, name := range names {
		if d := editDistance(written, name); d < distance {
			best, distance = name, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, substitutions and swaps of
// neighbours that turn a into b.
func editDistance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
