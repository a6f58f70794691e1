package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"riffle/pkg/auth"
	"riffle/pkg/event"
	"riffle/pkg/rule"
)

const (
	feedLimit = 50
	// feedTitle is the most letters of an entry's title.
	feedTitle = 80
)

var feedParameters = []string{"tag", "before"}

// feed is a page of matches on its way to a feed reader.
type feed struct {
	user    int64
	tag     string
	home    string // address of the page
	self    string
	next    string // of the page of older ones; empty: none
	updated time.Time
	entries []feedEntry
}

// feedEntry is a match as a feed shows it.
type feedEntry struct {
	id      string
	matched time.Time
	event   *event.Event
	tags    []string
}

// serveAtom serves GET /v1/feeds/{token}/atom.
func (a *API) serveAtom(w http.ResponseWriter, r *http.Request, _ *identity) error {
	return a.serveFeed(w, r, "application/atom+xml; charset=utf-8", (*feed).atom)
}

// serveJSONFeed serves GET /v1/feeds/{token}/json.
func (a *API) serveJSONFeed(w http.ResponseWriter, r *http.Request, _ *identity) error {
	return a.serveFeed(w, r, "application/feed+json; charset=utf-8", (*feed).json)
}

// serveFeed answers with the newest matches, by the token in the path: feed
// readers send no headers. That token can do nothing else.
func (a *API) serveFeed(w http.ResponseWriter, r *http.Request, contentType string, form func(*feed) ([]byte, error)) error {
	token, entry, err := a.feedToken(r)
	if err != nil {
		return err
	}
	if err := a.charge(w.Header(), entry); err != nil {
		return err
	}
	q, err := feedQuery(r)
	if err != nil {
		return err
	}
	q.User = token.User
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	last, err := a.versions.last(ctx, q.User)
	if err != nil {
		return err
	}
	floods, err := a.floods.of(ctx, q.User, a.versions.rules())
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("ETag", a.pageTag(last+floodNumber(floods), &q, false))
	header.Set("Cache-Control", "private, no-cache")
	if hasTag(r.Header.Get("If-None-Match"), header.Get("ETag")) {
		a.refund(header, entry)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	page, err := a.store.Matches(ctx, q)
	if err != nil {
		return err
	}
	f := newFeed(r, &q, last, &page)
	if q.Before == 0 {
		f.tellFloods(floods)
	}
	body, err := form(f)
	if err != nil {
		return fmt.Errorf("api: write feed: %w", err)
	}
	if f.next != "" {
		header.Set("Link", linkTo(f.next, "next"))
	}
	writeWhole(w, http.StatusOK, contentType, body)
	return nil
}

// floods remembers each user's rules that are off because they kept too much,
// until any rule changes.
type floods struct {
	reader RuleReader

	mu     sync.Mutex
	number int64 // of the newest change of a rule when these were read, or before
	users  map[int64][]rule.Rule
}

// of gives a user's, as new as the number of the newest change of a rule.
func (f *floods) of(ctx context.Context, user, number int64) ([]rule.Rule, error) {
	f.mu.Lock()
	known, ok := f.users[user]
	ok = ok && f.number == number
	f.mu.Unlock()
	if ok {
		return known, nil
	}
	found, err := f.reader.FloodedRules(ctx, user)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.number != number || len(f.users) >= versionsMax {
		f.number, f.users = number, map[int64][]rule.Rule{}
	}
	f.users[user] = found
	return found, nil
}

// floodNumber changes with the rules that are off because they kept too much.
func floodNumber(rules []rule.Rule) (sum int64) {
	for i := range rules {
		sum += rules[i].Number
	}
	return sum
}

// tellFloods puts an entry in front for each rule that was switched off because
// it kept too much: a feed that falls silent must say why.
func (f *feed) tellFloods(rules []rule.Rule) {
	for i := range rules {
		x := &rules[i]
		if f.tag != "" && f.tag != x.Tag {
			continue
		}
		f.entries = append([]feedEntry{{
			id:      uuidOf(fmt.Sprintf("flood %d %d", x.ID, x.FloodedAt.UnixMicro())),
			matched: x.FloodedAt,
			event: &event.Event{
				URL:    f.home,
				Author: event.Author{Name: "riffle"},
				Text: fmt.Sprintf("Your rule was switched off: %s\n\nIt kept more posts in one minute than a rule may. "+
					"Add a word that says what you look for, or switch it on again as it is.", x.Value),
			},
		}}, f.entries...)
		f.updated = latest(f.updated, x.FloodedAt)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (a *API) feedToken(r *http.Request) (auth.Token, *tokenEntry, error) {
	secret, err := auth.ParseToken(r.PathValue("token"))
	if err != nil {
		return auth.Token{}, nil, unauthorized.because("The feed's link is mistyped or cut.")
	}
	token, entry, err := a.tokens.find(r.Context(), secret.Hash(), false)
	if err != nil {
		return auth.Token{}, nil, err
	}
	if token.Scopes != auth.Feed {
		return auth.Token{}, nil, forbidden.because("Only a token of scope feed may stand in a link. Revoke this one: it has been in an address.")
	}
	return token, entry, nil
}

func feedQuery(r *http.Request) (event.Query, error) {
	q := matchQuery{Query: event.Query{Limit: feedLimit}}
	found, err := parseParams(r.URL.RawQuery, feedParameters...)
	if err != nil {
		return q.Query, err
	}
	for _, name := range feedParameters {
		if value, given := found[name]; given {
			if err := q.set(name, value); err != nil {
				return q.Query, err
			}
		}
	}
	return q.Query, nil
}

func newFeed(r *http.Request, q *event.Query, last int64, page *event.Page) *feed {
	scheme := "http"
	if isSecure(r) {
		scheme = "https"
	}
	home := url.URL{Scheme: scheme, Host: r.Host, Path: "/"}
	self := url.URL{Scheme: scheme, Host: r.Host, Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	f := &feed{user: q.User, tag: q.Tag, home: home.String(), self: self.String(), updated: time.UnixMicro(last).UTC()}
	if page.More && page.Prev > 0 {
		older := self.Query()
		older.Set("before", cursorOf(page.Prev))
		self.RawQuery = older.Encode()
		f.next = self.String()
	}
	for i := range page.Changes {
		if entry, ok := newEntry(&page.Changes[i]); ok {
			f.entries = append(f.entries, entry)
		}
	}
	return f
}

// newEntry reads a match. What an older version stored in another form is left
// out: the rest of the feed is worth more.
func newEntry(c *event.Change) (feedEntry, bool) {
	ev, err := event.ParseJSON(c.Event)
	if err != nil {
		return feedEntry{}, false
	}
	entry := feedEntry{id: uuidOf("match " + c.ID), matched: c.MatchedAt.Std(), event: ev}
	var rules []event.RuleMatch
	if json.Unmarshal(c.Rules, &rules) != nil {
		return feedEntry{}, false
	}
	for _, r := range rules {
		if r.Tag != "" && !slices.Contains(entry.tags, r.Tag) {
			entry.tags = append(entry.tags, r.Tag)
		}
	}
	return entry, true
}

// uuidOf names something for ever, as RFC 4287 asks, by a UUID of version 8 made
// from its own name.
func uuidOf(name string) string {
	id := sha256.Sum256([]byte("riffle " + name))
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

func (f *feed) id() string { return uuidOf(fmt.Sprintf("feed %d %q", f.user, f.tag)) }

func (f *feed) title() string {
	if f.tag == "" {
		return "riffle: matches"
	}
	return "riffle: " + f.tag
}

// title is the beginning of the text, up to a word.
func (e *feedEntry) title() string {
	text := strings.Join(strings.Fields(e.text()), " ")
	if text == "" {
		return "Post by " + e.author()
	}
	if utf8.RuneCountInString(text) <= feedTitle {
		return text
	}
	cut := string([]rune(text)[:feedTitle])
	if at := strings.LastIndexByte(cut, ' '); at > len(cut)/2 {
		cut = cut[:at]
	}
	return cut + "…"
}

func (e *feedEntry) text() string {
	if e.event.Text == "" && e.event.RepostOf != nil {
		return e.event.RepostOf.Text
	}
	return e.event.Text
}

func (e *feedEntry) author() string {
	for _, name := range []string{e.event.Author.Name, e.event.Author.Handle, e.event.Author.ID} {
		if name != "" {
			return name
		}
	}
	return "unknown"
}

// content is the whole as plain text: nothing that a network sends is markup.
func (e *feedEntry) content() string {
	var b strings.Builder
	b.WriteString(e.text())
	if quoted := e.event.QuoteOf; quoted != nil && quoted.Text != "" {
		fmt.Fprintf(&b, "\n\n> %s", strings.ReplaceAll(quoted.Text, "\n", "\n> "))
	}
	for _, m := range e.event.Media {
		if m.Alt != "" {
			fmt.Fprintf(&b, "\n\n[%s: %s]", m.Type, m.Alt)
		}
	}
	return b.String()
}

// published is when the post was written, as far as it says.
func (e *feedEntry) published() time.Time {
	if written := e.event.CreatedAt.Std(); !written.IsZero() {
		return written
	}
	return e.matched
}

// isWeb reports whether an address is one that a reader may be sent to.
func isWeb(address string) bool {
	return strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")
}

// The elements of RFC 4287, in the order that its schema suggests.
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID         string         `xml:"id"`
	Title      string         `xml:"title"`
	Updated    string         `xml:"updated"`
	Published  string         `xml:"published"`
	Author     atomAuthor     `xml:"author"`
	Links      []atomLink     `xml:"link"`
	Categories []atomCategory `xml:"category"`
	Content    atomContent    `xml:"content"`
}

type atomAuthor struct {
	Name string `xml:"name"`
}

type atomCategory struct {
	Term string `xml:"term,attr"`
}

type atomContent struct {
	Type string `xml:"type,attr"`
	Lang string `xml:"http://www.w3.org/XML/1998/namespace lang,attr,omitempty"`
	Text string `xml:",chardata"`
}

func (f *feed) atom() ([]byte, error) {
	doc := atomFeed{
		ID: f.id(), Title: f.title(), Updated: f.updated.Format(time.RFC3339),
		Links: []atomLink{{"self", f.self}, {"alternate", f.home}},
	}
	if f.next != "" {
		doc.Links = append(doc.Links, atomLink{"next", f.next})
	}
	for i := range f.entries {
		doc.Entries = append(doc.Entries, f.entries[i].atom())
	}
	body, err := xml.Marshal(doc)
	return append([]byte(xml.Header), body...), err
}

func (e *feedEntry) atom() atomEntry {
	entry := atomEntry{
		ID: e.id, Title: e.title(), Updated: e.matched.Format(time.RFC3339), Published: e.published().Format(time.RFC3339),
		Author: atomAuthor{e.author()}, Content: atomContent{Type: "text", Text: e.content(), Lang: e.lang()},
	}
	if isWeb(e.event.Permalink()) {
		entry.Links = append(entry.Links, atomLink{"alternate", e.event.Permalink()})
	}
	for _, m := range e.event.Media {
		if isWeb(m.URL) {
			entry.Links = append(entry.Links, atomLink{"enclosure", m.URL})
		}
	}
	for _, tag := range e.tags {
		entry.Categories = append(entry.Categories, atomCategory{tag})
	}
	return entry
}

func (e *feedEntry) lang() string {
	if len(e.event.Langs) == 0 {
		return ""
	}
	return e.event.Langs[0]
}

// The fields of JSON Feed 1.1.
type jsonFeed struct {
	Version     string     `json:"version"`
	Title       string     `json:"title"`
	HomePageURL string     `json:"home_page_url"`
	FeedURL     string     `json:"feed_url"`
	NextURL     string     `json:"next_url,omitempty"`
	Items       []jsonItem `json:"items"`
}

type jsonItem struct {
	ID            string       `json:"id"`
	URL           string       `json:"url,omitempty"`
	Title         string       `json:"title"`
	ContentText   string       `json:"content_text"`
	Image         string       `json:"image,omitempty"`
	DatePublished string       `json:"date_published"`
	DateModified  string       `json:"date_modified"`
	Authors       []jsonAuthor `json:"authors"`
	Tags          []string     `json:"tags,omitempty"`
	Language      string       `json:"language,omitempty"`
}

type jsonAuthor struct {
	Name string `json:"name"`
}

func (f *feed) json() ([]byte, error) {
	doc := jsonFeed{
		Version: "https://jsonfeed.org/version/1.1", Title: f.title(), HomePageURL: f.home,
		FeedURL: f.self, NextURL: f.next, Items: []jsonItem{},
	}
	for i := range f.entries {
		doc.Items = append(doc.Items, f.entries[i].json())
	}
	return json.Marshal(doc)
}

func (e *feedEntry) json() jsonItem {
	item := jsonItem{
		ID: e.id, Title: e.title(), ContentText: e.content(), Language: e.lang(), Tags: e.tags,
		DatePublished: e.published().Format(time.RFC3339), DateModified: e.matched.Format(time.RFC3339),
		Authors: []jsonAuthor{{e.author()}},
	}
	if isWeb(e.event.Permalink()) {
		item.URL = e.event.Permalink()
	}
	for _, m := range e.event.Media {
		if m.Type == event.MediaImage && isWeb(m.URL) && item.Image == "" {
			item.Image = m.URL
		}
	}
	return item
}
