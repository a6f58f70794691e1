package rule

import "riffle/pkg/rule/token"

// Expr is a rule that was understood.
type Expr struct {
	value  string
	root   *node
	normal *branch
}

// Value gives the rule as it was written.
func (e *Expr) Value() string { return e.value }

// node is a part of a rule's tree.
type node struct {
	kind nodeKind
	kids []*node // of an AND or OR two or more, of a NOT one
	term *term
	// start and end are bytes of the rule, parentheses around it included but
	// for a term's.
	start, end int
}

type nodeKind uint8

const (
	nodeTerm nodeKind = iota
	nodeNot
	nodeAnd
	nodeOr
)

// term is one condition of a rule.
type term struct {
	op operator
	// start and end are bytes of the rule.
	start, end int

	words  []word // of opText, opNear and opURL
	within int    // of opNear: other tokens allowed between first and last
	// value is folded where that is how it is compared. Of opRegexp it is as
	// written.
	value  string
	marked bool // of opContains and opRegexp: written with a mark

	low, high int64 // of opFollowers, ends included; low of opSample
	what      fact  // of opIs and opHas
	regexp    *expression
}

// word is one token of a term.
type word struct {
	form   string // folded
	marked bool   // written with a mark, so compared with the text's marks
	run    bool   // letters of a script without spaces: a substring of a run
	prefix bool   // a token starts with it
}

// operator is the kind of a term.
type operator uint8

const (
	opText operator = iota // words in a row
	opNear                 // words in a window
	opContains
	opHashtag
	opCashtag
	opMention
	opFrom
	opTo
	opRepostsOf
	opURL
	opConversation
	opRegexp
	// Those below are not selective.
	opLang
	opNetwork
	opSource
	opIs
	opHas
	opFollowers
	opSample
)

// selective reports whether a branch may rest on such a term.
func (o operator) selective() bool { return o <= opRegexp }

// fact is what is: and has: ask for.
type fact uint8

const (
	factPost fact = iota
	factReply
	factRepost
	factQuote
	factVerified
	factLinks
	factHashtags
	factCashtags
	factMentions
	factMedia
	factImages
	factVideo
	factAlt
)

var isFacts = []struct {
	name string
	fact fact
}{
	{"post", factPost}, {"reply", factReply}, {"repost", factRepost},
	{"quote", factQuote}, {"verified", factVerified}, {"retweet", factRepost},
}

var hasFacts = []struct {
	name string
	fact fact
}{
	{"links", factLinks}, {"hashtags", factHashtags}, {"cashtags", factCashtags},
	{"mentions", factMentions}, {"media", factMedia}, {"images", factImages},
	{"video", factVideo}, {"alt", factAlt}, {"video_link", factVideo},
}

func wordOf(t token.Token) word {
	return word{form: t.Marked, marked: t.Marked != t.Plain, run: t.Run}
}
