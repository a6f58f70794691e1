package rule

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"sync"

	"riffle/pkg/rule/token"
)

const (
	maxRegexp = 256 // bytes
	// maxProgram is in instructions (docs/adr/0007). It bounds what one byte of text may cost: RE2 takes time in
	// proportion to the size of the program, and {1000} makes that large.
	maxProgram = 2000
)

var errRegexpTooLarge = errors.New("it repeats too much")

// regexpSyntax gives the code of an error of syntax; none of another.
func regexpSyntax(err error) syntax.ErrorCode {
	if wrong, ok := errors.AsType[*syntax.Error](err); ok {
		return wrong.Code
	}
	return ""
}

// expression is a regular expression that was read.
type expression struct {
	tree   *syntax.Regexp
	marked bool // written with a mark, so it looks at the text with marks
}

// parseRegexp reads an expression of Go's RE2 syntax that matches in any case.
func parseRegexp(pattern string) (*expression, error) {
	tree, err := syntax.Parse(pattern, syntax.Perl|syntax.FoldCase)
	if err != nil {
		return nil, err
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	if len(program.Inst) > maxProgram {
		return nil, errRegexpTooLarge
	}
	plain, marked := token.Fold(pattern)
	return &expression{tree: tree, marked: plain != marked}, nil
}

// regexps are the expressions of one rule, each compiled when an event first
// needs it.
type regexps struct{ list []lazyRegexp }

type lazyRegexp struct {
	once     sync.Once
	compiled *regexp.Regexp
}

// newRegexps makes place for n of them; nil for none.
func newRegexps(n int) *regexps {
	if n == 0 {
		return nil
	}
	return &regexps{make([]lazyRegexp, n)}
}

func (r *regexps) get(ordinal int, pattern string) *regexp.Regexp {
	x := &r.list[ordinal]
	x.once.Do(func() { x.compiled = compileFolded(pattern) })
	return x.compiled
}

// compileFolded compiles a pattern for texts that are folded. Where a literal
// stands in such a text in one form only, there is no need to look for it in
// any case, which is much slower.
func compileFolded(pattern string) *regexp.Regexp {
	tree, err := syntax.Parse(pattern, syntax.Perl|syntax.FoldCase)
	if err != nil {
		panic(err) // it was read when the rule was
	}
	foldLiterals(tree)
	return regexp.MustCompile(tree.String())
}

func foldLiterals(x *syntax.Regexp) {
	for _, sub := range x.Sub {
		foldLiterals(sub)
	}
	if x.Op != syntax.OpLiteral || x.Flags&syntax.FoldCase == 0 {
		return
	}
	var folded []rune
	for _, r := range x.Rune {
		form, ok := foldedForm(r)
		if !ok {
			return
		}
		folded = append(folded, []rune(form)...)
	}
	x.Rune = folded
	x.Flags &^= syntax.FoldCase
}
