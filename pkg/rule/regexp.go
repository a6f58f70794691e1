package rule

import (
	"errors"
	"regexp"
	"regexp/syntax"

	"riffle/pkg/rule/token"
)

const (
	maxRegexp = 256 // bytes
	// maxProgram bounds what one byte of text may cost: RE2 takes time in
	// proportion to the size of the program, and {1000} makes that large.
	maxProgram = 2000
)

var errRegexpTooLarge = errors.New("it repeats too much")

// expression is a regular expression over folded text.
type expression struct {
	*regexp.Regexp
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
	compiled, err := regexp.Compile("(?i)" + pattern)
	if err != nil {
		return nil, err
	}
	plain, marked := token.Fold(pattern)
	return &expression{Regexp: compiled, tree: tree, marked: plain != marked}, nil
}
