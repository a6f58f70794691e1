package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/auth"
	"riffle/pkg/rule"
)

// document is openapi.json as far as the tests look at it.
type document struct {
	// Elsewhere is what is answered where no path or method fits.
	Elsewhere struct {
		Responses map[string]documented `json:"responses"`
	} `json:"x-elsewhere"`
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		// Headers stand on any answer; those that are required, on every one.
		Headers   map[string]headerOf   `json:"headers"`
		Responses map[string]documented `json:"responses"`
		Schemas   map[string]*schema    `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	Parameters []parameter           `json:"parameters"`
	Security   []map[string][]string `json:"security"`
	Body       *struct {
		Required bool             `json:"required"`
		Content  map[string]media `json:"content"`
	} `json:"requestBody"`
	Responses map[string]documented `json:"responses"`
}

type parameter struct {
	Name, In string
	Schema   *schema
}

// documented is one answer.
type documented struct {
	Ref     string              `json:"$ref"`
	Headers map[string]headerOf `json:"headers"`
	Content map[string]media    `json:"content"`
}

type headerOf struct{ Required bool }

type media struct {
	Schema *schema `json:"schema"`
	// Item is one event of a stream.
	Item *schema `json:"x-itemSchema"`
}

// schema is JSON Schema as far as the document uses it.
type schema struct {
	Ref        string             `json:"$ref"`
	Type       any                `json:"type"`
	Enum       []any              `json:"enum"`
	Pattern    string             `json:"pattern"`
	MaxLength  *int               `json:"maxLength"`
	Minimum    *float64           `json:"minimum"`
	Maximum    *float64           `json:"maximum"`
	Items      *schema            `json:"items"`
	Required   []string           `json:"required"`
	Properties map[string]*schema `json:"properties"`
	// Additional is true, or a schema, where any name may stand.
	Additional any       `json:"additionalProperties"`
	OneOf      []*schema `json:"oneOf"`
	// Content is that of a string which is JSON itself.
	Content *schema `json:"contentSchema"`
}

var readDocument = sync.OnceValues(func() (*document, error) {
	var doc document
	return &doc, json.Unmarshal(openAPI, &doc)
})

func theDocument(t *testing.T) *document {
	t.Helper()
	doc, err := readDocument()
	if err != nil {
		t.Fatalf("read openapi.json: %v", err)
	}
	return doc
}

// produced remembers which answers a run has seen.
type produced struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (p *produced) note(call string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[call] = true
}

// find gives what the document says of an answer, and where it does: at the call,
// or, where that is not in it, elsewhere.
func (d *document) find(method, target string, status int) (place string, given documented, ok bool) {
	place, responses := "elsewhere", d.Elsewhere.Responses
	path := d.pathOf(target)
	if described, known := d.Paths[path][strings.ToLower(method)]; known {
		place, responses = method+" "+path, described.Responses
	}
	given, ok = responses[strconv.Itoa(status)]
	if given.Ref != "" {
		given = d.Components.Responses[lastPart(given.Ref)]
	}
	return place + " " + strconv.Itoa(status), given, ok
}

// pathOf is the path of the document that fits a target with the fewest
// parameters; empty: none does.
func (d *document) pathOf(target string) (found string) {
	most := -1
	for path := range d.Paths {
		if n := literalParts(path, target); n > most {
			found, most = path, n
		}
	}
	return found
}

// literalParts counts the parts of a path that a target has too; -1: it does not
// fit.
func literalParts(path, target string) (literal int) {
	parts, asked := strings.Split(path, "/"), strings.Split(target, "/")
	if len(parts) != len(asked) {
		return -1
	}
	for i, part := range parts {
		switch {
		case part == asked[i]:
			literal++
		case !strings.HasPrefix(part, "{") || asked[i] == "":
			return -1
		}
	}
	return literal
}

func lastPart(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }

// httpHeaders are those of HTTP itself, of which OpenAPI does not speak.
var httpHeaders = []string{"Content-Type", "Content-Length", "Connection", "Date"}

// checkDocumented holds an answer to the document: its status, headers, type and
// body stand there. It gives the place where they do.
func checkDocumented(t *testing.T, call string, answer *response) (place string) {
	t.Helper()
	doc := theDocument(t)
	method, target, _ := strings.Cut(strings.Replace(call, "HEAD ", "GET ", 1), " ")
	target, _, _ = strings.Cut(target, "?")
	place, given, ok := doc.find(method, target, answer.status)
	if !ok {
		t.Errorf("%s: %s is not documented: %s", call, place, answer.body)
		return place
	}
	for _, wrong := range doc.checkHeaders(given.Headers, answer.header) {
		t.Errorf("%s: %s: %s", call, place, wrong)
	}
	kind, _, _ := mime.ParseMediaType(answer.header.Get("Content-Type"))
	content, ok := given.Content[kind]
	if !ok && (kind != "" || len(given.Content) > 0) {
		t.Errorf("%s: got %s of type %q, which is not documented", call, place, kind)
		return place
	}
	if strings.HasSuffix(kind, "json") && answer.body != "" {
		for _, wrong := range doc.checkText(content.Schema, answer.body, "") {
			t.Errorf("%s: %s: %s", call, place, wrong)
		}
	}
	return place
}

// checkHeaders lists what is missing in a header, and what is not documented.
func (d *document) checkHeaders(given map[string]headerOf, header http.Header) (wrong []string) {
	known := slices.Clone(httpHeaders)
	for _, documented := range []map[string]headerOf{given, d.Components.Headers} {
		for name, h := range documented {
			known = append(known, http.CanonicalHeaderKey(name))
			if h.Required && header.Get(name) == "" {
				wrong = append(wrong, "got no header "+name)
			}
		}
	}
	for name, values := range header {
		if !slices.Contains(known, name) {
			wrong = append(wrong, fmt.Sprintf("the header %s: %q is not documented", name, values))
		}
	}
	return wrong
}

// checkSSE holds an event of a stream to the document. It gives the place where
// it stands.
func checkSSE(t *testing.T, e sse) (place string) {
	t.Helper()
	doc := theDocument(t)
	v := map[string]any{"id": e.id}
	if e.kind != "" {
		v["event"], v["data"] = e.kind, e.data
	}
	item := doc.Paths["/v1/stream"]["get"].Responses["200"].Content["text/event-stream"].Item
	for _, wrong := range doc.check(item, v, "") {
		t.Errorf("GET /v1/stream: %+v: %s", e, wrong)
	}
	if e.kind != "" && e.kind != "gap" && !strings.Contains(e.data, `"change":"`+e.kind+`"`) {
		t.Errorf("GET /v1/stream: got an event %s of %s", e.kind, e.data)
	}
	return streamed(e.kind)
}

// streamed is the place of a kind of event in the document; empty: a mark.
func streamed(kind string) string { return "GET /v1/stream 200, event " + strconv.Quote(kind) }

// kindsOf lists the kinds of events that a schema has.
func (d *document) kindsOf(s *schema) (kinds []string) {
	if s.Ref != "" {
		return d.kindsOf(d.Components.Schemas[lastPart(s.Ref)])
	}
	for _, one := range s.OneOf {
		event, ok := one.Properties["event"]
		if !ok {
			kinds = append(kinds, "")
			continue
		}
		for _, kind := range event.Enum {
			kinds = append(kinds, fmt.Sprint(kind))
		}
	}
	return kinds
}

// checkText is check for a value as JSON.
func (d *document) checkText(s *schema, text, at string) []string {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return []string{fmt.Sprintf("%s: %v", at, err)}
	}
	return d.check(s, v, at)
}

// check lists what of a value is not as the schema says, or not in it.
func (d *document) check(s *schema, v any, at string) []string {
	if s.Ref != "" {
		return d.check(d.Components.Schemas[lastPart(s.Ref)], v, at)
	}
	if len(s.OneOf) > 0 {
		return d.checkOne(s.OneOf, v, at)
	}
	var wrong []string
	if !hasType(s.Type, v) {
		return []string{fmt.Sprintf("%s: got %v, want %v", at, v, s.Type)}
	}
	if s.Enum != nil && !slices.Contains(s.Enum, v) {
		wrong = append(wrong, fmt.Sprintf("%s: got %v, want one of %v", at, v, s.Enum))
	}
	switch v := v.(type) {
	case string:
		if s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(v) {
			wrong = append(wrong, fmt.Sprintf("%s: got %q, want %s", at, v, s.Pattern))
		}
		if s.MaxLength != nil && utf8.RuneCountInString(v) > *s.MaxLength {
			wrong = append(wrong, fmt.Sprintf("%s: got %q, want at most %d characters", at, v, *s.MaxLength))
		}
		if s.Content != nil {
			wrong = append(wrong, d.checkText(s.Content, v, at+"/")...)
		}
	case float64:
		if s.Minimum != nil && v < *s.Minimum {
			wrong = append(wrong, fmt.Sprintf("%s: got %v, want at least %v", at, v, *s.Minimum))
		}
		if s.Maximum != nil && v > *s.Maximum {
			wrong = append(wrong, fmt.Sprintf("%s: got %v, want at most %v", at, v, *s.Maximum))
		}
	case []any:
		for i, item := range v {
			wrong = append(wrong, d.check(s.Items, item, fmt.Sprintf("%s/%d", at, i))...)
		}
	case map[string]any:
		wrong = append(wrong, d.checkObject(s, v, at)...)
	}
	return wrong
}

func (d *document) checkOne(of []*schema, v any, at string) []string {
	var fits int
	var wrong []string
	for _, s := range of {
		mistakes := d.check(s, v, at)
		if len(mistakes) == 0 {
			fits++
		}
		wrong = append(wrong, mistakes...)
	}
	if fits == 1 {
		return nil
	}
	return append(wrong, fmt.Sprintf("%s: fits %d of %d forms", at, fits, len(of)))
}

func (d *document) checkObject(s *schema, v map[string]any, at string) (wrong []string) {
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s: got no %s", at, name))
		}
	}
	for name, value := range v {
		property, ok := s.Properties[name]
		if ok {
			wrong = append(wrong, d.check(property, value, at+"/"+name)...)
		} else if s.Additional == nil {
			wrong = append(wrong, fmt.Sprintf("%s: %s is not documented", at, name))
		}
	}
	return wrong
}

func hasType(want, v any) bool {
	if all, ok := want.([]any); ok {
		return slices.ContainsFunc(all, func(one any) bool { return hasType(one, v) })
	}
	switch v := v.(type) {
	case nil:
		return want == "null"
	case bool:
		return want == "boolean"
	case string:
		return want == "string"
	case float64:
		return want == "number" || want == "integer" && v == float64(int64(v))
	case []any:
		return want == "array"
	}
	return want == "object"
}

// TestSchemaCheck makes sure that the check can fail.
func TestSchemaCheck(t *testing.T) {
	t.Parallel()
	doc := theDocument(t)
	for name, bad := range map[string]string{
		"LiveMatch":   `{"id":"a","change":"delete","event":{"key":"k","version":"1"},"rules":[],"matched_at":null}`,
		"GoneMatch":   `{"id":"a","change":"delete","event":{}}`,
		"Match":       `{"id":"a","change":"gone"}`,
		"Time":        `"yesterday"`,
		"Cursor":      `"short"`,
		"PageSummary": `{"count":-1,"next":"AAAAAAAAAAAAAAAA","prev":null,"more":false,"poll_after_ms":0}`,
		"Count":       `{"count":1.5}`,
		"Gone":        `{}`,
		"Scopes":      `["read",1]`,
		"Event":       `{"key":"k","version":"1","new":1}`,
		"StreamEvent": `{"id":"AAAAAAAAAAAAAAAA","event":"delete","data":"{\"id\":\"a\",\"change\":\"new\"}"}`,
	} {
		if wrong := doc.checkText(doc.Components.Schemas[name], bad, ""); len(wrong) == 0 {
			t.Errorf("%s: got nothing wrong with %s", name, bad)
		}
	}
}

// TestDocumentedCalls compares the document with the table of routes.
func TestDocumentedCalls(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	got, want := map[string][]string{}, map[string][]string{}
	for call, o := range theDocument(t).calls() {
		if strings.Contains(call, " /v1/") {
			got[call] = nil
			for _, way := range o.Security {
				for _, scopes := range way {
					got[call] = scopes
				}
			}
		}
	}
	for _, rt := range w.api.table() {
		want[rt.pattern] = nil
		if rt.scopes != 0 {
			want[rt.pattern] = rt.scopes.Names()
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("scopes by route and by document (-route +document):\n%s", diff)
	}
}

// calls are the operations of the document, each by its method and path.
func (d *document) calls() map[string]*operation {
	all := map[string]*operation{}
	for path, operations := range d.Paths {
		for method, o := range operations {
			all[strings.ToUpper(method)+" "+path] = &o
		}
	}
	return all
}

// TestEveryDocumentedAnswer produces each answer of the document at least once.
func TestEveryDocumentedAnswer(t *testing.T) {
	t.Parallel()
	all := &produced{seen: map[string]bool{}}
	t.Run("produce", func(t *testing.T) {
		for name, test := range suite {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w, _ := memoryWorld(t)
				w.produced = all
				test(t, w)
			})
		}
		for name, test := range map[string]func(*testing.T, *world, *memory){
			"Failures": produceFailures, "Expired": produceExpired, "Heads": produceHeads, "Pause": producePause, "Limits": produceLimits, "Dead letters": testDeadLetters,
			"Stream": produceStream, "Page": producePage, "Elsewhere": testUnknownPaths, "Methods": testMethods, "Below": produceBelow, "Stopping": produceStopping,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w, m := memoryWorld(t)
				w.produced = all
				test(t, w, m)
			})
		}
	})
	for _, place := range theDocument(t).places() {
		if !all.seen[place] {
			t.Errorf("%s is documented, but never came", place)
		}
	}
}

// places lists all that can come.
func (d *document) places() (all []string) {
	for call, o := range d.calls() {
		for status := range o.Responses {
			all = append(all, call+" "+status)
		}
	}
	for status := range d.Elsewhere.Responses {
		all = append(all, "elsewhere "+status)
	}
	for _, kind := range d.kindsOf(d.Paths["/v1/stream"]["get"].Responses["200"].Content["text/event-stream"].Item) {
		all = append(all, streamed(kind))
	}
	return all
}

// produceFailures goes wrong on every route in every way that is common to all.
func produceFailures(t *testing.T, w *world, m *memory) {
	for _, rt := range w.api.table() {
		method, path, _ := strings.Cut(rt.pattern, " ")
		feed := strings.TrimPrefix(w.token(t, w.alice, auth.Feed).Get("Authorization"), "Bearer ")
		call := method + " " + strings.NewReplacer("{id}", "1", "{token}", feed).Replace(path)
		all := func() http.Header { return w.token(t, w.alice, auth.Read|auth.Write|auth.Admin) }
		body := map[string]string{
			"/v1/rules": `{"value":"a"}`, "/v1/rules/{id}": `{"value":"a"}`, "/v1/rules/preview": `{"value":"a"}`,
			"/v1/rules/explain": `{"value":"a","match":"AAAA"}`, "/v1/tokens": `{}`, "/v1/users": `{"name":"x"}`, "/v1/session": loginBody(t),
		}[path]
		if method == http.MethodGet || method == http.MethodDelete {
			body = ""
		}
		w.do(t, all(), call+"?bogus=1", body).want(t, http.StatusBadRequest)
		if method == http.MethodPost || method == http.MethodPut {
			w.do(t, all(), call, `{"value":"`+strings.Repeat("a", maxBody)+`"}`).wantFailure(t, http.StatusRequestEntityTooLarge, "body_too_large")
			plain := all()
			plain.Set("Content-Type", "text/plain")
			w.do(t, plain, call, `{}`).wantFailure(t, http.StatusUnsupportedMediaType, "wrong_content_type")
		}
		for status, down := range map[int]error{http.StatusServiceUnavailable: errAway, http.StatusInternalServerError: errors.New("broken")} {
			header := all()
			m.setDown(down)
			w.do(t, header, call, body).want(t, status)
			m.setDown(nil)
		}
		if rt.pattern != "POST /v1/session" {
			header := all()
			w.api.rate = 1 / rateWindow.Seconds() // one, and no more
			w.do(t, header, call, body)
			w.do(t, header, call, body).wantFailure(t, http.StatusTooManyRequests, "rate_limited")
			w.api.rate = DefaultRate
		}
	}
}

// produceLimits reaches what one user may have, and goes a step further.
func produceLimits(t *testing.T, w *world, m *memory) {
	owner := w.token(t, w.alice, auth.Read|auth.Write)
	add := func(call, body string, status int) {
		t.Helper()
		answer := w.do(t, owner, "POST "+call, body).want(t, status)
		if status == http.StatusConflict {
			answer.wantFailure(t, status, "too_many")
		}
	}
	for i := range int64(maxRules - 1) {
		m.rules = append(m.rules, rule.Rule{ID: m.next(), User: w.alice.ID, Canonical: strconv.FormatInt(i, 10), Value: strconv.FormatInt(i, 10)})
	}
	add("/v1/rules", `{"value":"the last"}`, http.StatusCreated)
	add("/v1/rules", `{"value":"one too many"}`, http.StatusConflict)
	list := w.ask(t, owner, "GET /v1/rules", "")
	if got, want := list.body, fmt.Sprintf(`{"summary":{"count":%d},"data":[{`, maxRules); !strings.HasPrefix(got, want) {
		t.Errorf("got %.50s, want %s", got, want)
	}
	for range maxTokens - 2 { // and the owner's
		w.token(t, w.alice, auth.Read)
	}
	m.tokens = append(m.tokens, auth.Token{ID: m.next(), User: w.alice.ID, RevokedAt: m.now()}, auth.Token{ID: m.next(), User: w.alice.ID, ExpiresAt: m.now()})
	add("/v1/tokens", `{}`, http.StatusCreated)
	add("/v1/tokens", `{}`, http.StatusConflict)
	w.do(t, w.token(t, w.bob, auth.Read|auth.Write), "POST /v1/tokens", `{}`).want(t, http.StatusCreated)
}

func produceExpired(t *testing.T, w *world, m *memory) {
	m.floor = m.number
	w.do(t, w.token(t, w.alice, auth.Read), "GET /v1/matches?after="+cursorOf(1), "").want(t, http.StatusGone)
}

// produceHeads makes every GET, and its HEAD, which is answered the same without
// a body.
func produceHeads(t *testing.T, w *world, _ *memory) {
	header := w.token(t, w.alice, auth.Read|auth.Write|auth.Admin)
	for call := range theDocument(t).calls() {
		path, isGet := strings.CutPrefix(call, "GET ")
		if !isGet {
			continue
		}
		path = strings.NewReplacer("{id}", strconv.FormatInt(w.bob.ID, 10), "{token}", "x", "{file}", "icon.svg").Replace(path)
		whole, head := w.do(t, header, "GET "+path, ""), w.do(t, header, "HEAD "+path, "")
		head.want(t, whole.status)
		for name := range whole.header {
			got, want := head.header.Get(name), whole.header.Get(name)
			varies := slices.Contains([]string{"Date", "X-Request-Id", "Ratelimit"}, name) || path == "/v1/status" && name == "Content-Length" // it tells the time
			if got == "" && name != "Connection" || got != want && !varies && path != "/v1/stream" {
				t.Errorf("HEAD %s: got %s %q, want that of GET, %q", path, name, got, want)
			}
		}
	}
}

// produceStream follows a stream through all that it can tell.
func produceStream(t *testing.T, w *world, m *memory) {
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.api.Run(ctx) }()
	reader := w.token(t, w.alice, auth.Read)
	m.mu.Lock()
	m.floor = m.number
	m.mu.Unlock()
	c := w.listen(t, reader, "/v1/stream?after="+cursorOf(m.floor-1))
	for _, step := range []struct {
		want string
		do   func()
	}{
		{"gap", func() {}},
		{"new", func() { keep(t, m, w.alice.ID, "test:1", "hers\nwith a line", "a", 1) }},
		{"update", func() { keep(t, m, w.alice.ID, "test:1", "hers, edited", "a", 2) }},
		{"delete", func() { forget(t, m, "test:1") }},
	} {
		step.do()
		if got, last := kinds(c.events, 1); !cmp.Equal(got, []string{step.want}) {
			t.Errorf("got %v %s, want %s", got, last.data, step.want)
		}
	}
	c.leave()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// produceBelow sends what HTTP forbids: the server refuses it before the api sees
// it.
func produceBelow(t *testing.T, w *world, _ *memory) {
	for sent, want := range map[string]int{
		"GET / HTTP/1.1\r\n\r\n":                                                                http.StatusBadRequest,
		"GET / HTTP/1.1\r\nHost: a\r\nno header\r\n\r\n":                                        http.StatusBadRequest,
		"GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n":                                   http.StatusExpectationFailed,
		"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + strings.Repeat("x", 2*maxHeader) + "\r\n\r\n": http.StatusRequestHeaderFieldsTooLarge,
		"POST /v1/rules HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n":                 http.StatusNotImplemented,
		"GET / HTTP/3.0\r\nHost: a\r\n\r\n":                                                     http.StatusHTTPVersionNotSupported,
	} {
		conn, err := w.client().DialContext(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatalf("%.60q: %v", sent, err)
		}
		result, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%.60q: %v", sent, err)
		}
		body, err := io.ReadAll(result.Body)
		if err != nil || result.StatusCode != want || !result.Close {
			t.Errorf("%.60q: got %d, closing: %t, %v, want %d and the end", sent, result.StatusCode, result.Close, err, want)
		}
		place, given, ok := theDocument(t).find("", "", result.StatusCode)
		kind, _, _ := mime.ParseMediaType(result.Header.Get("Content-Type"))
		if _, typed := given.Content[kind]; !ok || typed != (len(body) > 0) || len(given.Content) > 0 != typed {
			t.Errorf("%.60q: got %d of type %q, which is not documented", sent, result.StatusCode, kind)
		}
		w.produced.note(place)
		if err := errors.Join(result.Body.Close(), conn.Close()); err != nil {
			t.Errorf("%.60q: close: %v", sent, err)
		}
	}
}

func produceStopping(t *testing.T, w *world, _ *memory) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := w.api.Run(ctx); err != nil {
		t.Fatal(err)
	}
	w.do(t, nil, "GET /readyz", "").want(t, http.StatusServiceUnavailable)
}
