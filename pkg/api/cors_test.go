package api

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"riffle/pkg/auth"
)

// testMethods asks for what each path knows, and for what it does not.
func testMethods(t *testing.T, w *world, _ *memory) {
	allowed := map[string][]string{}
	for _, rt := range w.api.table() {
		method, path, _ := strings.Cut(rt.pattern, " ")
		allowed[path] = append(allowed[path], method)
		if method == http.MethodGet {
			allowed[path] = append(allowed[path], http.MethodHead)
		}
	}
	for path, known := range allowed {
		if strings.HasPrefix(path, "/v1/rules/") && path != "/v1/rules/{id}" {
			continue // these are ids too for the other methods
		}
		target := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "1")
		for _, method := range []string{"PATCH", "TRACE", "PROPFIND", "GET", "POST", "PUT", "DELETE"} {
			if strings.Contains(" "+strings.Join(known, " ")+" ", " "+method+" ") {
				continue
			}
			answer := w.do(t, nil, method+" "+target, "").wantFailure(t, http.StatusMethodNotAllowed, "method_not_allowed")
			allow := answer.header.Get("Allow")
			for _, m := range append(known, "OPTIONS") {
				if !strings.Contains(", "+allow+",", ", "+m+",") {
					t.Errorf("%s %s: got Allow %q, want %s in it", method, path, allow, m)
				}
			}
		}
		options := w.do(t, nil, "OPTIONS "+target, "").want(t, http.StatusNoContent)
		if got := options.header.Get("Allow"); !strings.HasSuffix(got, ", OPTIONS") || options.body != "" {
			t.Errorf("OPTIONS %s: got Allow %q and body %q", path, got, options.body)
		}
	}
	w.do(t, nil, "OPTIONS /v1/nowhere", "").wantFailure(t, http.StatusNotFound, "not_found")
}

// TestCORS: another site's script may use a token, and nobody's session.
func TestCORS(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	foreign := http.Header{"Origin": {"https://other.example"}}
	preflight := foreign.Clone()
	preflight.Set("Access-Control-Request-Method", "PUT")
	preflight.Set("Access-Control-Request-Headers", "authorization,content-type")
	asked := w.do(t, preflight, "OPTIONS /v1/rules/1", "").want(t, http.StatusNoContent)
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, HEAD, PUT, DELETE, OPTIONS",
		"Access-Control-Allow-Headers": corsHeaders, "Access-Control-Max-Age": "86400", "Access-Control-Allow-Credentials": "",
	} {
		if got := asked.header.Get(name); got != want {
			t.Errorf("got %s %q, want %q", name, got, want)
		}
	}
	for _, call := range []string{"GET /v1/me", "GET /v1/nowhere", "GET /v1/matches?x=1"} {
		header := w.token(t, w.alice, auth.Read)
		header.Set("Origin", "https://other.example")
		got := w.do(t, header, call, "").header
		if got.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(got.Get("Access-Control-Expose-Headers"), "ETag") ||
			got.Get("Access-Control-Allow-Credentials") != "" || !strings.Contains(got.Get("Vary"), "Origin") {
			t.Errorf("%s: got %v", call, got)
		}
	}
	own := w.do(t, w.token(t, w.alice, auth.Read), "GET /v1/me", "")
	if got := own.header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("got Access-Control-Allow-Origin %q without an Origin, want none", got)
	}
	for _, call := range []string{"POST /v1/session", "OPTIONS /v1/session", "GET /"} {
		got := w.do(t, preflight, call, "").header
		if got.Get("Access-Control-Allow-Origin") != "" || got.Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("%s: got %v, want nothing for other sites", call, got)
		}
	}
}

// TestLinks follows the header from page to page.
func TestLinks(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	for _, key := range keys(5) {
		keep(t, m, w.alice.ID, key, key, "a&b", 1)
	}
	reader := w.token(t, w.alice, auth.Read)
	follow := func(target, relation string) string {
		t.Helper()
		link := w.do(t, reader, "GET "+target, "").want(t, http.StatusOK).header.Get("Link")
		found := regexp.MustCompile(`<([^>]*)>; rel="` + relation + `"`).FindStringSubmatch(link)
		if found == nil {
			return ""
		}
		return found[1]
	}
	seen := 0
	target := "/v1/matches?limit=2&tag=a%26b&rule=7"
	for ; target != ""; target = follow(target, "prev") {
		if !strings.HasPrefix(target, "/v1/matches?limit=2&tag=a%26b&rule=7") {
			t.Fatalf("got %s, want what else was asked in it", target)
		}
		seen += len(into[[]matchForm](t, w.do(t, reader, "GET "+target, "").Data))
	}
	if seen != 5 {
		t.Errorf("got %d matches on the way back, want 5", seen)
	}
	next := follow("/v1/matches", "next")
	keep(t, m, w.alice.ID, "test:new", "new", "a", 1)
	if got := into[[]matchForm](t, w.do(t, reader, "GET "+next, "").want(t, http.StatusOK).Data); len(got) != 1 {
		t.Errorf("got %d matches by the link next, want the new one", len(got))
	}
	if got := follow("/v1/matches?wait=1s", "next"); got == "" {
		t.Error("got no link next from an answer that waited")
	}
}
