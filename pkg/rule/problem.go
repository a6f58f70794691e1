package rule

// Codes of what is wrong with a rule. The list only grows.
const (
	CodeEmptyRule             = "empty_rule"
	CodeTooLong               = "too_long"
	CodeTooManyTerms          = "too_many_terms"
	CodeTooDeep               = "too_deep"
	CodeUnbalancedParenthesis = "unbalanced_parenthesis"
	CodeUnterminatedQuote     = "unterminated_quote"
	CodeDanglingOr            = "dangling_or"
	CodeDanglingAnd           = "dangling_and"
	CodeDanglingMinus         = "dangling_minus"
	CodeUnknownOperator       = "unknown_operator"
	CodeBadValue              = "bad_value"
	CodeBadRegex              = "bad_regex"
	CodePrefixTooShort        = "prefix_too_short"
	CodeNoSelectiveTerm       = "no_selective_term"
	// CodeDuplicateRule needs the user's other rules: the caller adds it.
	CodeDuplicateRule = "duplicate_rule"
)

// Codes of warnings: the rule is accepted.
const (
	CodeLowercaseOr   = "lowercase_or"
	CodeExplicitAnd   = "explicit_and"
	CodeBareURL       = "bare_url"
	CodeAlwaysFalse   = "always_false"
	CodeRedundantTerm = "redundant_term"
	// CodeUnresolvedHandle is told of every handle that only Bluesky could have:
	// nothing here looks handles up.
	CodeUnresolvedHandle = "unresolved_handle"
	// CodeBroad needs what is stored: the caller adds it.
	CodeBroad = "broad"
)

// Problem is one thing that is wrong with a rule, or a warning.
type Problem struct {
	Code string `json:"code"`
	// Offset and Length are bytes of the rule.
	Offset  int    `json:"offset"`
	Length  int    `json:"length"`
	Message string `json:"message"` // what is wrong, for people who don't program
	Hint    string `json:"hint"`    // what to write instead
	Warning bool   `json:"-"`
}

// ProblemError is a rule that was not accepted, with all that is wrong with it.
type ProblemError struct{ Problems []Problem }

func (e *ProblemError) Error() string {
	first := e.Problems[0]
	return "rule: " + first.Code + ": " + first.Message
}

// failed reports whether a list of problems holds an error.
func failed(problems []Problem) bool {
	for _, p := range problems {
		if !p.Warning {
			return true
		}
	}
	return false
}
