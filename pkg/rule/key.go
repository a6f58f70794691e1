package rule

import "riffle/pkg/rule/token"

// keyKind is a kind of key: something that an event has or has not, by which
// rules are filed.
type keyKind uint8

const (
	keyWord   keyKind = iota // a token without marks
	keyMarked                // a token that has marks, with them
	keyLetter                // a letter of a run

	// Names are compared whole. They follow the order of nameKind.
	keyHashtag
	keyCashtag
	keyMention
	keyFrom
	keyTo
	keyRepostsOf
	keyConversation
	keyNetwork
	keySource
	keyLang // a language, or what it is a variety of

	// Those below only lead to rules; what they lead to is judged.
	keyEvery // every event has it
	keyPair  // two letters of a run
	keyShort // the first three letters or digits of a token
	keyLong  // the first five
	keyRow   // two words in a row
	keyGram  // six bytes of the folded text
	keyGramFour
	keyGramThree
	keyGramTwo
	keyMarkedGram // six bytes of the folded text with marks
	keyMarkedGramFour
	keyMarkedGramThree
	keyMarkedGramTwo
	keyLink    // a token of a link
	keyLinkOf  // a token of a link that has marks, with them
	keyLinkRun // a letter of a run in a link
	keyKinds
)

const (
	firstName = keyHashtag
	firstGram = keyGram
	grams     = 4 // sizes of grams, with marks and without
)

// gramSizes are those of the kinds from firstGram on, the longest first.
var gramSizes = [grams]int{6, 4, 3, 2}

func (k keyKind) isGram() bool { return firstGram <= k && k < firstGram+2*grams }

// name is the nameKind of a key that is a name.
func (k keyKind) name() nameKind { return nameKind(k - firstName) }

func (k keyKind) isName() bool { return firstName <= k && k < firstName+keyKind(nameKinds) }

// isWord reports whether such keys are those of a wordSet.
func (k keyKind) isWord() bool { return k <= keyLetter }

// hash makes the hash of a key from that of its text.
func (k keyKind) hash(text uint64) uint64 {
	if k == keyWord {
		return text
	}
	return token.Combine(text, uint64(k))
}

// eventKey is a key that an event has.
type eventKey struct {
	hash uint64
	kind keyKind
	unit uint32 // of a word
	name string // of a name
}
