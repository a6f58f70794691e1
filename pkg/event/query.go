package event

// Query asks for matches of one user. At most one of Before and After is set.
type Query struct {
	User int64
	// Before pages back: matches with a number below it, newest first. 0: from
	// the newest.
	Before int64
	// After, where HasAfter, asks for changes with a number above it, oldest
	// first, deletions included.
	After    int64
	HasAfter bool
	Limit    int
	Tag      string // only matches with a rule of this tag
	Rule     string // only matches of this rule's id
	IDs      []string
}

// Page answers a Query.
type Page struct {
	Changes []Change
	// More says that the next page in the same direction is not empty, or was
	// not looked at.
	More bool
	// Next is the number from which a reader of changes goes on; it is valid on
	// an empty page too.
	Next int64
	// Prev is the number from which to page back; 0 where there is no older one.
	Prev int64
}

// News is what has changed in the store since an earlier look.
type News struct {
	// Changes is the number of the newest change of all matches, Tokens that of
	// the newest change of a token, Rules that of a rule. What changed before
	// Kept may have been purged.
	Changes, Tokens, Rules, Kept int64
	// Users gives the number of the newest change of each user who has one since
	// then.
	Users map[int64]int64
	// Whole says that Users misses nobody. It is false after a long pause, and
	// while a filter of an older version writes.
	Whole bool
}
