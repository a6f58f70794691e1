package jetstream

import (
	"strings"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
	"riffle/pkg/shrink"
)

// Network is the name under which Bluesky's posts go in keys and fields.
const Network = "bluesky"

// The collections whose records become events.
const (
	collectionPost   = "app.bsky.feed.post"
	collectionRepost = "app.bsky.feed.repost"
)

// Decoder shrinks the messages of a Jetstream: posts, reposts, their deletions
// and those of accounts.
type Decoder struct {
	draft    shrink.Draft
	envelope envelope
	commit   commit
	post     post
	scratch  []byte
}

// envelope is what stands around each event.
type envelope struct {
	did, kind jsonscan.String
	micros    int64 // 0: unknown
	account   account
}

type account struct {
	active bool
	status jsonscan.String
	time   jsonscan.String
}

// commit is one change of an account's records.
type commit struct {
	rev, operation, collection, rkey jsonscan.String
	// record is the record's text where it stands before the collection's name.
	record    []byte
	hasRecord bool
}

// NewDecoder makes a decoder. It is used by one goroutine at a time.
func NewDecoder() *Decoder { return &Decoder{} }

// Decode shrinks one message.
//
// In: msg is one JSON object as Jetstream's /subscribe sends it.
// Out: a post, a repost, or a deletion; strings of ev are valid until the next
// call, for as long as msg stays as it is.
// Errors: *event.InvalidError; *event.PassedOverError for what is no post, under
// the name of its collection or kind.
// Source: docs/events.md, "Bluesky".
func (d *Decoder) Decode(ev *event.Event, msg []byte) error {
	d.draft.Begin(ev)
	if len(msg) > event.MaxMessage {
		return shrink.Reject(event.ReasonOversize)
	}
	if shrink.IsBlank(msg) {
		return shrink.Blank
	}
	s := jsonscan.New(msg)
	if s.Peek() != '{' {
		return shrink.Reject(event.ReasonSyntax)
	}
	d.read(&s)
	if !s.End() {
		return shrink.Reject(event.ReasonSyntax)
	}
	if over := d.dismiss(); over != nil {
		return over
	}
	if s.Mismatch() {
		return shrink.Reject(event.ReasonBadField)
	}
	err := d.fill(ev)
	if d.draft.Arena.Bad() {
		return shrink.Reject(event.ReasonSyntax)
	}
	return err
}

func (d *Decoder) read(s *jsonscan.Scanner) {
	d.envelope, d.commit = envelope{}, commit{}
	d.post.reset()
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "did":
			d.envelope.did = s.Str()
		case "kind":
			d.envelope.kind = s.Str()
		case "time_us":
			if n, ok := s.Int(); ok && n > 0 && n < maxMicros {
				d.envelope.micros = n
			}
		case "commit":
			d.readCommit(s)
		case "account":
			d.envelope.account.read(s)
		default:
			s.Skip()
		}
	}
}

// maxMicros is where a time in microseconds no longer fits a revision, in the
// year 2255.
const maxMicros = 1 << 53

func (a *account) read(s *jsonscan.Scanner) {
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "active":
			a.active = s.Bool()
		case "status":
			a.status = s.Str()
		case "time":
			a.time = s.Str()
		default:
			s.Skip()
		}
	}
}

func (d *Decoder) readCommit(s *jsonscan.Scanner) {
	c := &d.commit
	for more := s.Object(); more; more = s.NextField() {
		switch string(s.Key()) {
		case "rev":
			c.rev = s.Str()
		case "operation":
			c.operation = s.Str()
		case "collection":
			c.collection = s.Str()
		case "rkey":
			c.rkey = s.Str()
		case "record":
			c.hasRecord = s.Peek() == '{'
			d.readRecord(s)
		default:
			s.Skip()
		}
	}
	if c.record != nil {
		late := jsonscan.New(c.record)
		d.readRecord(&late)
		s.Adopt(&late)
	}
}

// readRecord reads a record, whose fields mean what its collection says. One
// that stands before the collection's name is kept for later.
func (d *Decoder) readRecord(s *jsonscan.Scanner) {
	c := &d.commit
	switch {
	case c.collection.Is(collectionPost):
		d.post.read(s)
	case c.collection.Is(collectionRepost):
		d.post.readRepost(s)
	case c.collection.Empty() && c.record == nil:
		c.record = s.Raw()
	default:
		s.Skip()
	}
}

// fill makes the event of what was read.
func (d *Decoder) fill(ev *event.Event) error {
	did := d.draft.Arena.Text(d.envelope.did)
	if !isDID(did) {
		return shrink.Reject(event.ReasonNoID)
	}
	ev.Network = Network
	if d.envelope.kind.Is("account") {
		return d.fillAccount(ev, did)
	}
	c := &d.commit
	rkey := d.draft.Arena.Text(c.rkey)
	if !isRecordKey(rkey) {
		return shrink.Reject(event.ReasonNoID)
	}
	version, ok := d.version(c.rev, d.envelope.micros)
	if !ok {
		return shrink.Reject(event.ReasonBadField)
	}
	ev.Key = d.draft.Arena.Join(Network, ":", did, "/", d.draft.Arena.Text(c.collection), "/", rkey)
	ev.Version = version
	if len(ev.Key) > event.MaxShort {
		return shrink.Reject(event.ReasonNoID)
	}
	if c.operation.Is("delete") {
		ev.Deleted = true
		return nil
	}
	if !c.hasRecord {
		return shrink.Reject(event.ReasonBadField)
	}
	ev.Revised = c.operation.Is("update")
	ev.Author.ID = did
	return d.fillPost(ev, did)
}

// fillAccount makes the deletion of an account. Its version is a revision, so
// that it compares with those of the account's posts.
func (d *Decoder) fillAccount(ev *event.Event, did string) error {
	micros, ok := shrink.RFC3339(d.draft.Arena.Text(d.envelope.account.time))
	if !ok || micros <= 0 || micros >= maxMicros {
		micros = d.envelope.micros
	}
	if micros == 0 {
		return shrink.Reject(event.ReasonBadTime)
	}
	if len(Network)+1+len(did) > event.MaxShort {
		return shrink.Reject(event.ReasonNoID)
	}
	ev.Key = d.draft.Arena.Join(Network, ":", did)
	ev.Version = shrink.MicrosTID(micros)
	ev.Deleted, ev.Account = true, true
	return nil
}

// version reads a revision; a missing one is made from the time of the message.
func (d *Decoder) version(rev jsonscan.String, micros int64) (int64, bool) {
	if n, ok := shrink.TID(d.draft.Arena.Text(rev)); ok && n > 0 {
		return n, true
	}
	return shrink.MicrosTID(micros), micros > 0
}

// isDID reports whether s is a decentralised identifier, did:METHOD:NAME.
func isDID(s string) bool {
	rest, ok := strings.CutPrefix(s, "did:")
	method, name, _ := strings.Cut(rest, ":")
	return ok && method != "" && name != "" && isASCII(s, "._:%-")
}

// isRecordKey reports whether s can be the key of a record.
func isRecordKey(s string) bool { return s != "" && isASCII(s, "._:~-") }

// isASCII reports whether s consists of ASCII letters, digits and the others.
func isASCII(s, others string) bool {
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}

// atURI reads at://DID/COLLECTION/RKEY: rest is all after at://.
func atURI(s string) (rest, did, collection string, ok bool) {
	rest, ok = strings.CutPrefix(s, "at://")
	did, path, _ := strings.Cut(rest, "/")
	collection, rkey, _ := strings.Cut(path, "/")
	ok = ok && isDID(did) && collection != "" && isASCII(collection, ".-") && isRecordKey(rkey) &&
		len(Network)+1+len(rest) <= event.MaxShort
	return rest, did, collection, ok
}
