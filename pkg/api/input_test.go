package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

// given are values of parameters, by hand: all are taken.
var given = map[string][]string{
	"limit": {"1", "200"}, "tag": {"pets", strings.Repeat("t", 100)}, "rule": {"7"}, "id": {"AAAA", "AAAA,AAAB"},
	"before": {cursorOf(42)}, "after": {cursorOf(1 << 60)}, "wait": {"1ms"},
}

// outside are values of parameters that are refused, by the document too.
var outside = map[string][]string{
	"limit": {"0", "201", "1.5"}, "tag": {strings.Repeat("t", 101)}, "rule": {"0", "x"}, "before": {"x"}, "after": {"x"}, "wait": {"1d", "-1s"},
}

// bodies are what calls take, by hand: each property stands in one, and an empty
// one is none at all. What is in braces is made for the test.
var bodies = map[string][]string{
	"POST /v1/rules":                   {`{"value":"cat","tag":"pets","action":"drop","enabled":false}`, `{"value":"cat"}`},
	"PUT /v1/rules/{id}":               {`{"value":"cat","tag":"pets","action":"drop","enabled":false}`, `{"value":"cat"}`},
	"POST /v1/rules/validate":          {`{"value":"cat","id":"{rule}"}`, `{"value":"cat"}`},
	"POST /v1/rules/preview":           {`{"value":"cat","tag":"pets","action":"drop","enabled":false}`, `{"value":"cat"}`},
	"POST /v1/rules/explain":           {`{"value":"cat","match":"{match}"}`, `{"value":"cat","event":{"text":"a cat"}}`},
	"POST /v1/tokens":                  {`{"scopes":["read"],"expires_at":"2999-01-01T00:00:00Z"}`, `{}`},
	"POST /v1/tokens/{id}/rotate":      {`{"overlap":"1h","expires_at":"2999-01-01T00:00:00Z"}`, `{}`, ``},
	"POST /v1/session":                 {`{"code":"{code}"}`, `{"token":"{secret}"}`},
	"POST /v1/users":                   {`{"name":"carol"}`},
	"POST /v1/dead-letters/{id}/retry": {`{}`, ``},
	"POST /v1/stages/{stage}/pause":    {`{"reason":"disk","for":"10m","accept_gap":true}`, `{}`, ``},
	"POST /v1/stages/{stage}/resume":   {`{"reason":"a new disk"}`, `{}`, ``},
}

// TestDocumentedInput sends every call what the document says that it takes, and
// what it does not.
func TestDocumentedInput(t *testing.T) {
	t.Parallel()
	calls := theDocument(t).calls()
	for call := range bodies {
		if calls[call] == nil || calls[call].Body == nil {
			t.Errorf("%s: its body is not documented", call)
		}
	}
	for call, o := range calls {
		if !strings.Contains(call, " /v1/") {
			continue
		}
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			checkParameters(t, call, o)
			if o.Body != nil {
				checkBody(t, call, o)
			} else if strings.HasPrefix(call, "P") {
				t.Error("got no body in the document")
			}
		})
	}
}

// askFor makes a world that has all that a call may name, and a function that
// makes the call there as one who may do everything.
func askFor(t *testing.T, call string) func(query, body string) *response {
	t.Helper()
	w, m := memoryWorld(t)
	header := w.token(t, w.alice, auth.Read|auth.Write|auth.Admin)
	secret := strings.TrimPrefix(header.Get("Authorization"), "Bearer ")
	token := strconv.FormatInt(m.tokens[0].ID, 10)
	rule := into[ruleAnswer](t, w.do(t, header, "POST /v1/rules", `{"value":"bird"}`).want(t, http.StatusCreated).Data).ID
	keep(t, m, w.alice.ID, "test:1", "a cat", "pets", 1)
	match := m.changes[w.alice.ID][0].ID
	frame, err := event.Alone(&event.Event{Key: "test:1", Version: event.VersionOnly, Network: "test", Text: "dead"})
	if err != nil {
		t.Fatal(err)
	}
	m.dead = []event.DeadLetter{{ID: 1, Frame: frame.ID, Data: frame.Data}}
	id := map[string]string{
		"matches": match, "rules": rule, "tokens": token, "users": strconv.FormatInt(w.bob.ID, 10), "dead-letters": "1",
	}[strings.Split(call, "/")[2]]
	names := strings.NewReplacer("{id}", id, "{rule}", rule, "{match}", match, "{secret}", secret, "{stage}", "filter",
		"{token}", strings.Split(w.link(t, w.alice, "atom"), "/")[3],
		"{code}", into[struct{ Code string }](t, []byte(w.login(t, w.alice, auth.Read, m.now().Add(auth.LoginLifetime)))).Code)
	return func(query, body string) *response {
		t.Helper()
		return w.do(t, header, names.Replace(call)+query, names.Replace(body))
	}
}

// checkParameters compares the parameters of a call with those that it takes.
func checkParameters(t *testing.T, call string, o *operation) {
	t.Helper()
	documented := map[string][]string{}
	for _, p := range o.Parameters {
		documented[p.In] = append(documented[p.In], p.Name)
		if p.In != "query" {
			continue
		}
		good, bad := given[p.Name], outside[p.Name]
		if call == "GET /v1/dead-letters" && p.Name == "before" {
			good, bad = []string{"5"}, nil // an id, of which the document says nothing
		}
		if len(good) == 0 {
			t.Errorf("%s: nobody sends one", p.Name)
		}
		for _, value := range good {
			checkParameter(t, call, &p, value, true)
		}
		for _, value := range bad {
			checkParameter(t, call, &p, value, false)
		}
	}
	var inPath []string
	for _, name := range regexp.MustCompile(`{([^}]*)}`).FindAllStringSubmatch(call, -1) {
		inPath = append(inPath, name[1])
	}
	if diff := cmp.Diff(inPath, documented["path"]); diff != "" {
		t.Errorf("parameters in the path (-path +document):\n%s", diff)
	}
	_, unchanged := o.Responses["304"]
	if slices.Contains(documented["header"], "If-None-Match") != unchanged {
		t.Errorf("got header parameters %v, and an answer 304: %t", documented["header"], unchanged)
	}
	refused := askFor(t, call)("?bogus=1", "").wantFailure(t, http.StatusBadRequest, "bad_parameter")
	if diff := cmp.Diff(knownIn(t, refused), slices.Sorted(slices.Values(documented["query"]))); diff != "" {
		t.Errorf("parameters (-taken +document):\n%s", diff)
	}
}

func checkParameter(t *testing.T, call string, p *parameter, value string, good bool) {
	t.Helper()
	var read any = value
	if number, err := strconv.ParseFloat(value, 64); err == nil && p.Schema.Type == "integer" {
		read = number
	}
	if wrong := theDocument(t).check(p.Schema, read, p.Name); good == (len(wrong) > 0) {
		t.Errorf("%s=%s: the document finds it wrong: %q, want it taken: %t", p.Name, value, wrong, good)
	}
	answer := askFor(t, call)("?"+p.Name+"="+value, "")
	if good && answer.status != http.StatusOK || !good && answer.status != http.StatusBadRequest {
		t.Errorf("%s=%s: got %d, want it taken: %t: %s", p.Name, value, answer.status, good, answer.body)
	}
}

// knownIn reads the names that a failure says are known.
func knownIn(t *testing.T, refused *response) (names []string) {
	t.Helper()
	message := refused.Error.Errors[0].Message
	if strings.HasSuffix(message, "; this call takes none") {
		return nil
	}
	_, list, found := strings.Cut(message, "; known are ")
	if !found {
		t.Fatalf("got %q, want it told what is known", message)
	}
	return slices.Sorted(strings.SplitSeq(list, ", "))
}

// checkBody compares the body of a call with what it takes.
func checkBody(t *testing.T, call string, o *operation) {
	t.Helper()
	doc := theDocument(t)
	form := o.Body.Content["application/json"].Schema
	if form.Ref != "" {
		form = doc.Components.Schemas[lastPart(form.Ref)]
	}
	documented := slices.Sorted(maps.Keys(form.Properties))
	refused := askFor(t, call)("", `{"bogus":1}`).wantFailure(t, http.StatusBadRequest, "bad_field")
	if diff := cmp.Diff(knownIn(t, refused), documented); diff != "" {
		t.Errorf("properties (-taken +document):\n%s", diff)
	}
	sent, withNone := map[string]bool{}, false
	for _, body := range bodies[call] {
		if answer := askFor(t, call)("", body); answer.status >= 300 {
			t.Errorf("%s: got %d: %s", body, answer.status, answer.body)
		}
		if body == "" {
			withNone = true
			continue
		}
		for _, wrong := range doc.checkText(form, strings.NewReplacer("{rule}", "1", "{match}", "a").Replace(body), "") {
			t.Errorf("%s: %s", body, wrong)
		}
		for name := range into[map[string]any](t, []byte(body)) {
			sent[name] = true
			spoil(t, call, form, body, name)
		}
	}
	if diff := cmp.Diff(documented, slices.Sorted(maps.Keys(sent))); diff != "" {
		t.Errorf("properties (-document +sent):\n%s", diff)
	}
	if withNone == o.Body.Required {
		t.Errorf("got a body that is required: %t, and taken without: %t", o.Body.Required, withNone)
	}
	if o.Body.Required {
		askFor(t, call)("", "").wantFailure(t, http.StatusUnsupportedMediaType, "wrong_content_type")
	}
}

// spoil leaves a property out where it is required, and gives it a value of
// another type.
func spoil(t *testing.T, call string, form *schema, body, name string) {
	t.Helper()
	properties := into[map[string]any](t, []byte(body))
	refused := func(how string) {
		t.Helper()
		text, err := json.Marshal(properties)
		if err != nil {
			t.Fatal(err)
		}
		if wrong := theDocument(t).checkText(form, string(text), ""); len(wrong) == 0 {
			t.Errorf("%s: the document finds nothing wrong with %s", text, how)
		}
		answer := askFor(t, call)("", string(text)).wantFailure(t, http.StatusBadRequest, "bad_field")
		if got := answer.Error.Errors[0].Pointer; got != "/"+name {
			t.Errorf("%s: got %q found wrong, want /%s", text, got, name)
		}
	}
	properties[name] = map[string]any{"no": "object"}
	if form.Properties[name].Type == "object" {
		properties[name] = "no text"
	}
	refused("the type of " + name)
	if slices.Contains(form.Required, name) {
		delete(properties, name)
		refused("a missing " + name)
	}
}
