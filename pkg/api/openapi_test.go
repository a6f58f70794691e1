package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/auth"
	"riffle/pkg/rule"
)

// document is openapi.json as far as the tests look at it.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Responses map[string]documented `json:"responses"`
		Schemas   map[string]*schema    `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	Parameters []struct{ Name, In string } `json:"parameters"`
	Security   []map[string][]string       `json:"security"`
	Body       *json.RawMessage            `json:"requestBody"`
	Responses  map[string]documented       `json:"responses"`
}

// documented is one answer.
type documented struct {
	Ref     string                              `json:"$ref"`
	Headers map[string]json.RawMessage          `json:"headers"`
	Content map[string]struct{ Schema *schema } `json:"content"`
}

// schema is JSON Schema as far as the document uses it.
type schema struct {
	Ref        string             `json:"$ref"`
	Type       any                `json:"type"`
	Enum       []any              `json:"enum"`
	Pattern    string             `json:"pattern"`
	Minimum    *float64           `json:"minimum"`
	Items      *schema            `json:"items"`
	Required   []string           `json:"required"`
	Properties map[string]*schema `json:"properties"`
	// Additional is true, or a schema, where any name may stand.
	Additional any       `json:"additionalProperties"`
	OneOf      []*schema `json:"oneOf"`
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

// checkDocumented holds an answer to the document: its status, headers, type and
// body stand there.
func checkDocumented(t *testing.T, method, pattern string, answer *response) {
	t.Helper()
	doc := theDocument(t)
	path := strings.TrimSuffix(pattern[strings.Index(pattern, " ")+1:], "{$}")
	if method == http.MethodHead {
		method = http.MethodGet
	}
	described, ok := doc.Paths[path][strings.ToLower(method)]
	if !ok {
		t.Errorf("%s %s is not documented", method, path)
		return
	}
	given, ok := described.Responses[strconv.Itoa(answer.status)]
	if !ok {
		t.Errorf("%s %s: status %d is not documented: %s", method, path, answer.status, answer.body)
		return
	}
	if given.Ref != "" {
		given = doc.Components.Responses[given.Ref[strings.LastIndex(given.Ref, "/")+1:]]
	}
	for name := range given.Headers {
		if answer.header.Get(name) == "" && name != "ETag" {
			t.Errorf("%s %s: got %d without the header %s", method, path, answer.status, name)
		}
	}
	media, _, _ := mime.ParseMediaType(answer.header.Get("Content-Type"))
	content, ok := given.Content[media]
	if !ok && (media != "" || len(given.Content) > 0) {
		t.Errorf("%s %s: got %d of type %q, which is not documented", method, path, answer.status, media)
		return
	}
	if strings.HasSuffix(media, "json") && answer.body != "" {
		var body any
		if err := json.Unmarshal([]byte(answer.body), &body); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		for _, wrong := range doc.check(content.Schema, body, "") {
			t.Errorf("%s %s: %d: %s", method, path, answer.status, wrong)
		}
	}
}

// check lists what of a value is not as the schema says, or not in it.
func (d *document) check(s *schema, v any, at string) []string {
	if s.Ref != "" {
		return d.check(d.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]], v, at)
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
	case float64:
		if s.Minimum != nil && v < *s.Minimum {
			wrong = append(wrong, fmt.Sprintf("%s: got %v, want at least %v", at, v, *s.Minimum))
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
	} {
		var v any
		if err := json.Unmarshal([]byte(bad), &v); err != nil {
			t.Fatal(err)
		}
		if wrong := doc.check(doc.Components.Schemas[name], v, ""); len(wrong) == 0 {
			t.Errorf("%s: got nothing wrong with %s", name, bad)
		}
	}
}

// TestDocumentedCalls compares the document with the table of routes.
func TestDocumentedCalls(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	type call struct {
		Scopes, Params []string
		Body           bool
	}
	got, want := map[string]call{}, map[string]call{}
	for path, operations := range theDocument(t).Paths {
		for method, o := range operations {
			if !strings.HasPrefix(path, "/v1/") {
				continue
			}
			c := call{Body: o.Body != nil}
			for _, way := range o.Security {
				for _, scopes := range way {
					c.Scopes = scopes
				}
			}
			for _, p := range o.Parameters {
				if p.In == "query" {
					c.Params = append(c.Params, p.Name)
				}
			}
			slices.Sort(c.Params)
			got[strings.ToUpper(method)+" "+path] = c
		}
	}
	for _, rt := range w.api.table() {
		method, _, _ := strings.Cut(rt.pattern, " ")
		c := call{Params: slices.Sorted(slices.Values(rt.params)), Body: method == "POST" || method == "PUT"}
		if rt.scopes != 0 {
			c.Scopes = rt.scopes.Names()
		}
		want[rt.pattern] = c
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes and document (-route +document):\n%s", diff)
	}
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
			"Failures": produceFailures, "Expired": produceExpired, "Plain": producePlain, "Pause": producePause, "Limits": produceLimits, "Dead letters": testDeadLetters,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w, m := memoryWorld(t)
				w.produced = all
				test(t, w, m)
			})
		}
		t.Run("Stopping", func(t *testing.T) {
			t.Parallel()
			produceStopping(t, all)
		})
	})
	for path, operations := range theDocument(t).Paths {
		for method, o := range operations {
			for status := range o.Responses {
				if call := strings.ToUpper(method) + " " + path + " " + status; !all.seen[call] {
					t.Errorf("%s is documented, but never came", call)
				}
			}
		}
	}
}

// produceFailures goes wrong on every route in every way that is common to all.
func produceFailures(t *testing.T, w *world, m *memory) {
	for _, rt := range w.api.table() {
		method, path, _ := strings.Cut(rt.pattern, " ")
		if path == "/v1/stream" {
			method = http.MethodHead
		}
		feed := strings.TrimPrefix(w.token(t, w.alice, auth.Feed).Get("Authorization"), "Bearer ")
		call := method + " " + strings.NewReplacer("{id}", "1", "{token}", feed).Replace(path)
		all := func() http.Header { return w.token(t, w.alice, auth.Read|auth.Write|auth.Admin) }
		body := map[string]string{
			"/v1/rules": `{"value":"a"}`, "/v1/rules/{id}": `{"value":"a"}`, "/v1/rules/preview": `{"value":"a"}`,
			"/v1/rules/explain": `{"value":"a","match":"AAAA"}`, "/v1/tokens": `{}`, "/v1/users": `{"name":"x"}`, "/v1/session": loginBody(t),
		}[path]
		if method == http.MethodGet || method == http.MethodHead || method == http.MethodDelete {
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
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/rules", nil)
	r.Header = owner
	list := httptest.NewRecorder() // the document is held to shorter ones
	w.api.Handler().ServeHTTP(list, r)
	if want := fmt.Sprintf(`{"summary":{"count":%d},"data":[{`, maxRules); !strings.HasPrefix(list.Body.String(), want) {
		t.Errorf("got %.50s, want %s", list.Body, want)
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

func producePlain(t *testing.T, w *world, _ *memory) {
	for _, path := range []string{"/", "/livez", "/readyz", "/openapi.json"} {
		w.do(t, nil, "GET "+path, "").want(t, http.StatusOK)
	}
	w.do(t, w.token(t, w.alice, auth.Read), "HEAD /v1/stream", "").want(t, http.StatusOK)
}

func produceStopping(t *testing.T, all *produced) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newMemory(time.Now), time.Now)
		w.produced = all
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := w.api.Run(ctx); err != nil {
			t.Fatal(err)
		}
		w.do(t, nil, "GET /readyz", "").want(t, http.StatusServiceUnavailable)
	})
}
