package api

import (
	"bytes"
	"context"
	"hash/fnv"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"riffle/pkg/event"
)

const (
	// pollAfter is what a poller is told to wait when it has everything.
	pollAfter = time.Second
	// recheckEvery is how often a waiting reader's token is looked at again.
	recheckEvery = time.Second
)

// MatchReader reads the matches of one user.
type MatchReader interface {
	// Matches answers a query; see event.Page.
	// Errors: event.ErrCursorExpired; transient ones marked.
	Matches(ctx context.Context, q event.Query) (event.Page, error)
}

// listMatches serves GET /v1/matches.
func (a *API) listMatches(w http.ResponseWriter, r *http.Request, who *identity) error {
	q, err := parseMatchQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	q.User = who.user()
	if q.wait > 0 {
		page, err := a.awaitMatches(r.Context(), who, q)
		if err != nil {
			return err
		}
		w.Header()["Link"] = links(&q.Query, &page)
		writePage(w, &page, q.HasAfter)
		return nil
	}
	return a.pollMatches(w, r, who, q.Query)
}

// The names of headers in the form that http.Header keeps them in: to find it
// costs more than all else that is done about them.
const (
	etagKey       = "Etag"
	rateKey       = "Ratelimit"
	ratePolicyKey = "Ratelimit-Policy"
)

// revalidate lets a client keep an answer, and ask each time whether it is good.
var revalidate = []string{"private, no-cache"}

// pollMatches answers at once, with 304 where the client has the answer.
func (a *API) pollMatches(w http.ResponseWriter, r *http.Request, who *identity, q event.Query) error {
	// Read before the page: a change between the two makes the tag older than
	// the page, and the next poll reads once too often, never too seldom.
	last, err := a.versions.last(r.Context(), q.User)
	if err != nil {
		return err
	}
	if isNewest(&q) {
		a.versions.polls(&q)
	}
	moves := a.moves(&q)
	tag := a.pageTag(last, &q, moves)
	header := w.Header()
	header[etagKey] = []string{tag}
	header["Cache-Control"] = revalidate
	if hasTag(r.Header.Get("If-None-Match"), tag) {
		a.refund(header, who.entry)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	page, ok := a.pages.get(tag)
	if !ok {
		ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
		defer cancel()
		if page, err = a.readPage(ctx, q, last, moves); err != nil {
			return err
		}
		page = a.pages.put(tag, page)
	}
	header["Link"] = page.links
	c := codingFor(w, len(page.body))
	writeCoded(w, http.StatusOK, jsonBody, c, page.in(c))
	return nil
}

// readPage reads a page and gives its answer. An empty one gives its own cursor
// back unless that moves: the same question is asked again then, which 304 can
// answer.
func (a *API) readPage(ctx context.Context, q event.Query, last int64, moves bool) (*cachedPage, error) {
	page, err := a.store.Matches(ctx, q)
	if err != nil {
		return nil, err
	}
	if q.HasAfter && last <= q.After && !moves && len(page.Changes) == 0 && !page.More {
		page.Next = q.After
	}
	buffer := takeBuffer()
	defer giveBuffer(buffer)
	*buffer = appendPage(*buffer, &page, q.HasAfter)
	return &cachedPage{body: bytes.Clone(*buffer), links: links(&q, &page)}, nil
}

// links is the header Link of a page: where its summary's next and prev lead,
// with what else was asked.
func links(q *event.Query, page *event.Page) []string {
	asked := "/v1/matches?"
	if q.Limit != defaultLimit {
		asked += "limit=" + strconv.Itoa(q.Limit) + "&"
	}
	if q.Tag != "" {
		asked += "tag=" + url.QueryEscape(q.Tag) + "&"
	}
	if q.Rule != "" {
		asked += "rule=" + q.Rule + "&"
	}
	link := linkTo(asked+"after="+cursorOf(page.Next), "next")
	if page.Prev > 0 {
		link += ", " + linkTo(asked+"before="+cursorOf(page.Prev), "prev")
	}
	return []string{link}
}

// linkTo is one link of a header (RFC 8288); the address is escaped already.
func linkTo(address, relation string) string { return "<" + address + `>; rel="` + relation + `"` }

// steady is how long the cursor of a poll without news may stand still.
const steady = time.Hour

// moves reports whether the cursor of a poll must move on though there may be no
// news: it is older than steady, or than half of what is kept, so that it would
// expire under a poller who is answered 304. Where nobody has changes after it
// there is nowhere to go, and it does not expire. Numbers are microseconds of the
// store's clock; the newest stands for it where ours is behind.
func (a *API) moves(q *event.Query) bool {
	if !q.HasAfter {
		return false
	}
	kept, newest := a.versions.kept()
	now := max(newest, a.now().UnixMicro())
	return newest > q.After && now-q.After >= min(steady.Microseconds(), (now-kept)/2)
}

// pageTag makes the ETag of a page: what the user's newest change is, what was
// asked, and whether next leads elsewhere though there is no news. It is weak,
// since poll_after_ms is advice and no content.
func (a *API) pageTag(last int64, q *event.Query, moves bool) string {
	hash := fnv.New64a()
	b := make([]byte, 0, 128)
	for _, number := range []int64{q.User, q.Before, q.After, int64(q.Limit)} {
		b = append(strconv.AppendInt(b, number, 36), '.')
	}
	b = strconv.AppendBool(b, q.HasAfter)
	b = strconv.AppendBool(b, moves)
	for _, text := range append([]string{a.version, q.Tag, q.Rule}, q.IDs...) {
		b = strconv.AppendQuote(b, text)
	}
	_, _ = hash.Write(b) // never fails
	tag := append(make([]byte, 0, 40), `W/"`...)
	tag = append(strconv.AppendInt(tag, last, 36), '-')
	tag = strconv.AppendUint(tag, hash.Sum64(), 36)
	return string(append(tag, '"'))
}

// hasTag reports whether an If-None-Match header names the tag, by the weak
// comparison of RFC 9110.
func hasTag(header, tag string) bool {
	if header == tag { // what nearly every client sends
		return true
	}
	opaque := strings.TrimPrefix(tag, "W/")
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == opaque {
			return true
		}
	}
	return false
}

// awaitMatches reads like pollMatches, but holds an empty page back until there
// is a change, the time is over, or the api stops.
func (a *API) awaitMatches(ctx context.Context, who *identity, q matchQuery) (event.Page, error) {
	release, err := who.hold()
	if err != nil {
		return event.Page{}, err
	}
	defer release()
	waiting, cancel := a.untilStop(ctx)
	defer cancel()
	waiting, cancelWait := context.WithTimeout(waiting, q.wait)
	defer cancelWait()
	for {
		seen, page, err := a.readNow(ctx, q.Query)
		if err != nil || len(page.Changes) > 0 {
			return page, err
		}
		if q.HasAfter {
			q.After = page.Next // what was looked at and left out is not looked at again
			if page.More {
				continue
			}
		}
		changed, err := a.awaitChange(waiting, who, seen)
		if err != nil || !changed {
			return page, err
		}
	}
}

// readNow reads a page and the number that was the last before it.
func (a *API) readNow(ctx context.Context, q event.Query) (int64, event.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	last, err := a.versions.last(ctx, q.User)
	if err != nil {
		return 0, event.Page{}, err
	}
	page, err := a.store.Matches(ctx, q)
	return last, page, err
}

// awaitChange waits until the asker has a change above seen; false says that
// ctx ended first.
//
// Errors: auth.ErrUnknownToken once the token is revoked; the store's.
func (a *API) awaitChange(ctx context.Context, who *identity, seen int64) (bool, error) {
	w := a.news.join(who.user())
	defer a.news.leave(who.user(), w)
	look := time.NewTicker(recheckEvery)
	defer look.Stop()
	for {
		changed := a.news.wait(ctx, w, seen, look.C)
		if ctx.Err() != nil {
			return false, nil
		}
		if err := a.recheck(ctx, who); err != nil && ctx.Err() == nil {
			return false, err
		}
		if changed {
			return true, nil
		}
	}
}

// showMatch serves GET /v1/matches/{id}.
func (a *API) showMatch(w http.ResponseWriter, r *http.Request, who *identity) error {
	change, err := a.match(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "private, no-cache")
	buffer := takeBuffer()
	defer giveBuffer(buffer)
	b := append(*buffer, `{"summary":{},"data":`...)
	b = appendMatch(b, change)
	b = append(b, ",\"error\":null}\n"...)
	writeBody(w, http.StatusOK, b)
	*buffer = b
	return nil
}

// match reads one match of the asker.
//
// Errors: event.ErrNotFound, also for another's and for one that is gone.
func (a *API) match(ctx context.Context, who *identity, id string) (*event.Change, error) {
	if !isMatchID(id) {
		return nil, event.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	page, err := a.store.Matches(ctx, event.Query{User: who.user(), IDs: []string{id}, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Changes) == 0 {
		return nil, event.ErrNotFound
	}
	return &page.Changes[0], nil
}

// pages are built in buffers that are used again.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxBuffer is what a buffer may hold to be kept: a page of 200 long events
// would pin its memory for good.
const maxBuffer = 1 << 20

func takeBuffer() *[]byte {
	buffer, _ := buffers.Get().(*[]byte)
	*buffer = (*buffer)[:0]
	return buffer
}

func giveBuffer(buffer *[]byte) {
	if cap(*buffer) <= maxBuffer {
		buffers.Put(buffer)
	}
}

// writePage answers with a page of matches.
func writePage(w http.ResponseWriter, page *event.Page, forwards bool) {
	buffer := takeBuffer()
	defer giveBuffer(buffer)
	*buffer = appendPage(*buffer, page, forwards)
	writeBody(w, http.StatusOK, *buffer)
}

// appendPage appends the body of an answer. It is built by hand, since the
// events' bytes come from the store as they are delivered: encoding/json would
// read and copy each once more.
func appendPage(b []byte, page *event.Page, forwards bool) []byte {
	b = appendSummary(b, page, forwards)
	b = append(b, `,"data":[`...)
	for i := range page.Changes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMatch(b, &page.Changes[i])
	}
	return append(b, "],\"error\":null}\n"...)
}

// appendSummary appends the summary of a page. Where a reader of changes has not
// come to the end yet, the next poll may come at once.
func appendSummary(b []byte, page *event.Page, forwards bool) []byte {
	b = append(b, `{"summary":{"count":`...)
	b = strconv.AppendInt(b, int64(len(page.Changes)), 10)
	b = append(b, `,"next":"`...)
	b = appendCursor(b, page.Next)
	b = append(b, `","prev":`...)
	if page.Prev > 0 {
		b = append(b, '"')
		b = appendCursor(b, page.Prev)
		b = append(b, '"')
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"more":`...)
	b = strconv.AppendBool(b, page.More)
	b = append(b, `,"poll_after_ms":`...)
	after := pollAfter
	if forwards && page.More {
		after = 0
	}
	b = strconv.AppendInt(b, after.Milliseconds(), 10)
	return append(b, '}')
}

// appendMatch appends one match; a deletion has id and change alone.
func appendMatch(b []byte, c *event.Change) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, c.ID...)
	b = append(b, `","change":"`...)
	b = append(b, c.Kind.String()...)
	b = append(b, '"')
	if c.Kind == event.ChangeDelete {
		return append(b, '}')
	}
	b = append(b, `,"event":`...)
	b = append(b, c.Event...)
	b = append(b, `,"rules":`...)
	if len(c.Rules) == 0 {
		b = append(b, "[]"...)
	}
	b = append(b, c.Rules...)
	b = append(b, `,"matched_at":"`...)
	b = c.MatchedAt.Std().AppendFormat(b, event.TimeLayout)
	return append(b, `"}`...)
}
