package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"riffle/pkg/auth"
)

// askers are those who make each call: nobody, a token of one scope each, and a
// browser that has logged in, which may read and write.
var askers = []string{"nobody", "read", "write", "admin", "feed", "session"}

// access is what each of the askers is answered, by hand and not by the table of
// routes, which it is held against. What is let through finds no such id, or a
// body without what it needs: 404 and 400 are answers of the call itself.
var access = map[string][]int{
	//                                  nobody read write admin feed session
	"GET /v1/matches":                  {401, 200, 403, 403, 403, 200},
	"GET /v1/matches/{id}":             {401, 404, 403, 403, 403, 404},
	"GET /v1/stream":                   {401, 200, 403, 403, 403, 200},
	"GET /v1/rules":                    {401, 200, 403, 403, 403, 200},
	"POST /v1/rules":                   {401, 403, 400, 403, 403, 400},
	"GET /v1/rules/counts":             {401, 200, 403, 403, 403, 200},
	"GET /v1/rules/{id}":               {401, 404, 403, 403, 403, 404},
	"PUT /v1/rules/{id}":               {401, 403, 400, 403, 403, 400},
	"DELETE /v1/rules/{id}":            {401, 403, 404, 403, 403, 404},
	"POST /v1/rules/validate":          {401, 400, 400, 403, 403, 400},
	"POST /v1/rules/preview":           {401, 400, 403, 403, 403, 400},
	"POST /v1/rules/explain":           {401, 400, 403, 403, 403, 400},
	"GET /v1/me":                       {401, 200, 200, 200, 403, 200},
	"GET /v1/tokens":                   {401, 200, 403, 403, 403, 200},
	"POST /v1/tokens":                  {401, 403, 400, 403, 403, 400},
	"DELETE /v1/tokens/{id}":           {401, 403, 404, 403, 403, 404},
	"POST /v1/tokens/{id}/rotate":      {401, 403, 404, 403, 403, 404},
	"GET /v1/users":                    {401, 403, 403, 200, 403, 403},
	"POST /v1/users":                   {401, 403, 403, 400, 403, 403},
	"GET /v1/users/{id}":               {401, 403, 403, 404, 403, 403},
	"DELETE /v1/users/{id}":            {401, 403, 403, 404, 403, 403},
	"GET /v1/dead-letters":             {401, 403, 403, 200, 403, 403},
	"GET /v1/dead-letters/{id}":        {401, 403, 403, 404, 403, 403},
	"DELETE /v1/dead-letters/{id}":     {401, 403, 403, 404, 403, 403},
	"POST /v1/dead-letters/{id}/retry": {401, 403, 403, 404, 403, 403},
	"GET /v1/status":                   {401, 403, 403, 200, 403, 403},
	"POST /v1/stages/{stage}/pause":    {401, 403, 403, 404, 403, 403},
	"POST /v1/stages/{stage}/resume":   {401, 403, 403, 404, 403, 403},
	// Logging out ends a session; a token is told that it has none.
	"DELETE /v1/session": {401, 400, 400, 400, 403, 200},
	// The code in the body says who logs in, and there is none.
	"POST /v1/session": {401, 401, 401, 401, 401, 401},
	// The asker's token stands in the path; a session's secret is not one.
	"GET /v1/feeds/{token}/atom": {401, 403, 403, 403, 200, 401},
	"GET /v1/feeds/{token}/json": {401, 403, 403, 403, 200, 401},
	// For anybody.
	"GET /livez":        {200, 200, 200, 200, 200, 200},
	"GET /readyz":       {200, 200, 200, 200, 200, 200},
	"GET /openapi.json": {200, 200, 200, 200, 200, 200},
	"GET /":             {200, 200, 200, 200, 200, 200},
	"GET /{file}":       {404, 404, 404, 404, 404, 404},
}

// testScopes makes every call as every asker: a token does what it was made for
// and nothing else.
func testScopes(t *testing.T, w *world) {
	calls := theDocument(t).calls() // those of the table of routes; see TestDocumentedCalls
	for call := range calls {
		if access[call] == nil {
			t.Errorf("%s: nobody has said who may call it", call)
		}
	}
	for call, want := range access {
		if calls[call] == nil {
			t.Errorf("%s: there is no such call", call)
			continue
		}
		for i, asker := range askers {
			answer := w.callAs(t, asker, call)
			if answer.status != want[i] {
				t.Errorf("%s by %s: got %d, want %d: %s", call, asker, answer.status, want[i], answer.body)
			}
			lacks := strings.Contains(answer.header.Get("WWW-Authenticate"), "insufficient_scope")
			if wanted := want[i] == http.StatusForbidden && !strings.HasPrefix(call, "GET /v1/feeds/"); lacks != wanted {
				t.Errorf("%s by %s: got WWW-Authenticate %q, want it told that a scope is missing: %t", call, asker, answer.header.Get("WWW-Authenticate"), wanted)
			}
		}
	}
}

func (w *world) callAs(t *testing.T, asker, call string) *response {
	t.Helper()
	header, secret := http.Header{}, "none"
	switch {
	case asker == "session":
		session := auth.NewSession()
		secret = session.Reveal()
		_, err := w.store.AddToken(t.Context(), auth.Token{
			User: w.alice.ID, Hash: session.Hash(), Hint: session.Hint(), Scopes: auth.DefaultScopes, ExpiresAt: time.Now().Add(time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		header = http.Header{"Cookie": {sessionCookie + "=" + secret}}
	case asker != "nobody":
		scopes, err := auth.ScopesOf([]string{asker})
		if err != nil {
			t.Fatal(err)
		}
		header = w.token(t, w.alice, scopes)
		secret = strings.TrimPrefix(header.Get("Authorization"), "Bearer ")
	}
	body := ""
	if strings.HasPrefix(call, "P") {
		body = `{}`
	}
	if call == "POST /v1/tokens" {
		body = `{"scopes":[]}`
	}
	return w.do(t, header, strings.NewReplacer("{id}", "999", "{stage}", "none", "{token}", secret, "{file}", "none").Replace(call), body)
}
