package sim

import (
	"strconv"
	"time"
	"unsafe"

	"riffle/pkg/event"
)

const network = "sim"

// What a number's generators are for, so that one draw more in one place
// changes nothing in another.
const (
	forAct uint64 = iota
	forTarget
	forWriter // who wrote a post
	forPost
	forText
	forAuthor // what an author is like
)

// act is what one event does.
type act uint8

const (
	actPost act = iota
	actReply
	actQuote
	actRepost
	actEdit
	actDelete
	actDeleteUnseen // of a post that was never there
	actDeleteEarly  // of a post that comes later
)

// acts in a thousand.
var acts = newActs(map[act]int{
	actPost: 440, actReply: 205, actQuote: 45, actRepost: 160, actEdit: 30,
	actDelete: 90, actDeleteUnseen: 20, actDeleteEarly: 10,
})

func newActs(shares map[act]int) (table [1000]act) {
	i := 0
	for a := actPost; a <= actDeleteEarly; a++ {
		for range shares[a] {
			table[i] = a
			i++
		}
	}
	return table
}

const (
	// reach is how many events back others refer, at most and mostly far less.
	reach = 20_000
	// reachHead flattens the nearest: a post is rarely answered at once.
	reachHead = 30
	// searches is how many neighbours are tried as targets.
	searches = 20
	// early is how far ahead of its post a deletion may come.
	early = 200
	// threadDepth is how far the head of a thread is looked for.
	threadDepth = 10
)

var errNoNumber = &event.InvalidError{Reason: event.ReasonSyntax}

// generator makes the event of a number.
type generator struct {
	config     Config
	vocabulary *vocabulary
	b          []byte // the strings of the event made last
	refs       [3]event.Ref
}

func newGenerator(c Config, v *vocabulary) *generator { return &generator{config: c, vocabulary: v} }

// Decode makes the event whose number msg is. All of it depends on seed and
// number, but for CreatedAt, which is now.
func (g *generator) Decode(ev *event.Event, msg []byte) error {
	ev.Reset()
	n, err := strconv.ParseInt(unsafe.String(unsafe.SliceData(msg), len(msg)), 10, 64)
	if err != nil || n < 0 {
		return errNoNumber
	}
	g.b = g.b[:0]
	ev.Network = network
	switch a := g.act(n); a {
	case actDelete, actDeleteEarly, actDeleteUnseen:
		ev.Key, ev.Version, ev.Deleted = g.deleted(n, a), event.VersionFinal, true
	case actEdit:
		g.edit(ev, n)
	default:
		g.post(ev, n, n)
	}
	return nil
}

func (g *generator) rng(n int64, purpose uint64) rng {
	return newRNG(g.config.Seed, uint64(n), purpose)
}

func (g *generator) act(n int64) act {
	r := g.rng(n, forAct)
	return acts[r.below(len(acts))]
}

// target finds a post some events before n; false near the beginning.
func (g *generator) target(n int64, suits func(act) bool) (int64, bool) {
	r := g.rng(n, forTarget)
	m := n - 1 - int64(r.rank(reach, reachHead))
	for range searches {
		if m < 0 {
			return 0, false
		}
		if suits(g.act(m)) {
			return m, true
		}
		m--
	}
	return 0, false
}

func isPost(a act) bool  { return a <= actRepost }
func hasText(a act) bool { return a <= actQuote }

// deleted is the key that a deletion names.
func (g *generator) deleted(n int64, a act) string {
	if a == actDelete {
		if m, found := g.target(n, isPost); found {
			return g.key(m)
		}
	}
	if a == actDeleteEarly {
		r := g.rng(n, forTarget)
		m := n + 1 + int64(r.below(early))
		for ; !isPost(g.act(m)); m++ {
		}
		return g.key(m)
	}
	start := len(g.b)
	g.b = append(append(append(g.b, g.config.Name...), ":x"...), strconv.FormatInt(n, 10)...)
	return g.str(start)
}

// edit makes a newer version of an earlier post; near the beginning, where there
// is none, a post.
func (g *generator) edit(ev *event.Event, n int64) {
	m, found := g.target(n, hasText)
	if !found {
		g.post(ev, n, n)
		return
	}
	g.post(ev, m, n)
	ev.Revised = true
}

// post makes post m in its version n: of an edit the text is another.
func (g *generator) post(ev *event.Event, m, n int64) {
	ev.Key, ev.Version = g.key(m), n+1
	writer := g.writer(m)
	g.author(&ev.Author, writer)
	r := g.rng(m, forPost)
	ev.CreatedAt = g.created(m, n, &r)
	ev.Sensitive = r.chance(1)
	a := g.act(m)
	target, found := g.target(m, hasText)
	if !found || !isPost(a) {
		a = actPost
	}
	switch a {
	case actReply:
		ev.Kind, ev.ReplyTo = event.KindReply, g.ref(0, target, false)
		ev.Thread = g.key(g.head(target))
	case actQuote:
		ev.Kind, ev.QuoteOf = event.KindQuote, g.ref(1, target, true)
	case actRepost:
		ev.Kind, ev.RepostOf = event.KindRepost, g.ref(2, target, true)
		return
	}
	g.write(ev, writer, n, g.act(m) == actReply)
}

// created is about now, and for an edit about when the post was.
func (g *generator) created(m, n int64, r *rng) event.Time {
	now := time.Now().Add(-time.Duration(r.below(1500)) * time.Millisecond)
	if g.config.Rate > 0 {
		now = now.Add(-time.Duration(n-m) * time.Second / time.Duration(g.config.Rate))
	}
	return event.TimeOf(now)
}

// head is the post at the head of the thread in which m stands.
func (g *generator) head(m int64) int64 {
	for range threadDepth {
		if g.act(m) != actReply {
			break
		}
		up, found := g.target(m, hasText)
		if !found {
			break
		}
		m = up
	}
	return m
}

// ref refers to post m from the place-th kind of reference.
func (g *generator) ref(place int, m int64, text bool) *event.Ref {
	writer := g.writer(m)
	ref := &g.refs[place]
	*ref = event.Ref{Key: g.key(m), AuthorID: g.authorID(writer), AuthorHandle: g.handle(writer)}
	if text {
		ref.Text = g.write(nil, writer, m, g.act(m) == actReply)
	}
	return ref
}

func (g *generator) key(m int64) string {
	start := len(g.b)
	g.b = append(append(g.b, g.config.Name...), ':')
	g.b = strconv.AppendInt(g.b, m, 10)
	return g.str(start)
}

// str is what was appended since start. The bytes stay until the next event:
// where b grows, the old ones live on with the string.
func (g *generator) str(start int) string {
	return unsafe.String(unsafe.SliceData(g.b[start:]), len(g.b)-start)
}
