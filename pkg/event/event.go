package event

import (
	"math"
	"time"
)

// Event is one version of a post, or its deletion, cut down to what later
// stages need.
//
// A decoder fills an Event whose strings may point into memory of its own that
// the next call overwrites; Clone makes one that lasts. Absent fields are zero.
// Field names in JSON are those of docs/events.md.
type Event struct {
	// Key is the identity: twitter:ID, bluesky:DID/COLLECTION/RKEY,
	// mastodon:HOST/ID, SOURCE:ID for others. Of a deleted account it is
	// NETWORK:ACCOUNT and Account is true.
	Key string
	// Version orders the versions of one key; the greatest wins.
	Version int64
	// Deleted events carry Key, Version, Account, Audience, Network, Source and
	// ReceivedAt alone.
	Deleted bool
	// Account marks the deletion of an account with all that it wrote.
	Account bool
	// Revised marks what may replace an earlier version, so that its version
	// must be remembered even when no rule keeps it.
	Revised bool
	// Recorded marks what comes from a file or was made up: how many arrive in a
	// minute says nothing about how much is going on.
	Recorded bool

	// Audience lists the accounts that saw the event as NETWORK:ACCOUNT; empty
	// means that it is public.
	Audience []string
	Network  string
	Source   string
	Kind     Kind
	Author   Author

	Text       string
	Langs      []string
	CreatedAt  Time
	ReceivedAt Time
	// URL is the permalink; empty where Permalink derives it from the key.
	URL      string
	Links    []string
	Hashtags []string // without sign, as written
	Cashtags []string
	Mentions []string // handles without sign, or native ids where the network gives no handle
	Media    []Media

	ReplyTo  *Ref
	RepostOf *Ref
	QuoteOf  *Ref
	// Thread is the key of the post at the head of the thread.
	Thread    string
	Sensitive bool
	// Truncated says that a field was cut at its limit, or that the network
	// itself gave no full text.
	Truncated bool
}

// Author is who wrote an event.
type Author struct {
	ID     string
	Handle string
	Name   string
	// Followers is the number of followers plus one; 0 means unknown.
	Followers int64
	Verified  bool
}

// Media is one attachment; it stays a link.
type Media struct {
	Type MediaType
	URL  string
	Alt  string
}

// Ref is another post as far as the event tells of it. A missing part is empty.
type Ref struct {
	Key          string
	AuthorID     string
	AuthorHandle string
	Text         string
}

// Kind says what sort of post an event is. A reply that quotes is KindReply
// with QuoteOf set.
type Kind uint8

// The kinds of a post.
const (
	KindPost Kind = iota
	KindReply
	KindRepost
	KindQuote
)

// MediaType is what an attachment is.
type MediaType uint8

// The types of media.
const (
	MediaImage MediaType = iota
	MediaVideo
	MediaAudio
	MediaLink
)

// Versions of networks that do not number theirs.
const (
	// VersionOnly is the version of a post that its network never edits.
	VersionOnly int64 = 1
	// VersionFinal is that of a deletion which names no version: nothing comes
	// after it.
	VersionFinal int64 = math.MaxInt64
)

// Time is a moment in milliseconds since 1970 in UTC; 0 is unknown.
type Time int64

// TimeOf converts t; the zero time gives 0.
func TimeOf(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixMilli())
}

// Std converts to the standard library's time in UTC; 0 gives the zero time.
func (t Time) Std() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(t)).UTC()
}
