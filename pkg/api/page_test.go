package api

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// askPage sends a request to a page of these files.
func askPage(t *testing.T, files fstest.MapFS, target string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	page, err := readPage(files)
	if err != nil {
		t.Fatalf("readPage: %v", err)
	}
	mux := http.NewServeMux()
	addPage(mux, page)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, r)
	return answer
}

func TestPage(t *testing.T) {
	t.Parallel()
	script := strings.Repeat("console.log(1);\n", 100)
	files := fstest.MapFS{
		"index.html": {Data: []byte("<!doctype html><title>riffle</title>")}, ".gitkeep": {},
		"page.js": {Data: []byte(script)}, "page.css": {Data: []byte("a{}")}, "icon.svg": {Data: []byte("<svg/>")},
	}
	for target, want := range map[string]string{
		"/": "text/html; charset=utf-8", "/page.js": "text/javascript; charset=utf-8", "/page.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml",
	} {
		answer := askPage(t, files, target, nil)
		if got := answer.Header().Get("Content-Type"); answer.Code != http.StatusOK || got != want {
			t.Errorf("%s: got %d of type %q, want 200 of %q", target, answer.Code, got, want)
		}
		policy := answer.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "require-trusted-types-for 'script'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: got policy %q", target, policy)
		}
		if got := answer.Header().Get("Cross-Origin-Opener-Policy"); got != "same-origin" || answer.Header().Get("Permissions-Policy") == "" {
			t.Errorf("%s: got opener policy %q and permissions %q", target, got, answer.Header().Get("Permissions-Policy"))
		}
		again := askPage(t, files, target, http.Header{"If-None-Match": {answer.Header().Get("Etag")}})
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s: got %d with its tag, want 304", target, again.Code)
		}
	}
	for _, hidden := range []string{"/.gitkeep", "/index.html", "/page.ts"} {
		if got := askPage(t, files, hidden, nil).Code; got != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", hidden, got)
		}
	}
	packed := askPage(t, files, "/page.js", http.Header{"Accept-Encoding": {"gzip, br"}})
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Body.Len() >= len(script) {
		t.Fatalf("got %d bytes of encoding %q", packed.Body.Len(), packed.Header().Get("Content-Encoding"))
	}
	for accept, want := range map[string]string{"gzip;q=0": "", "br, gzip; q=0": "", "GZIP;q=0.1": "gzip", "x-gzip": "", "": ""} {
		answer := askPage(t, files, "/page.js", http.Header{"Accept-Encoding": {accept}})
		if got := answer.Header().Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: got %q, want %q", accept, got, want)
		}
	}
	reader, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(reader); err != nil || string(got) != script {
		t.Errorf("got %d bytes unpacked (%v), want the script", len(got), err)
	}
}

// maxPage is what a first visit may cost on a phone.
const maxPage = 150_000

func TestPageIsSmall(t *testing.T) {
	t.Parallel()
	page, err := builtPage()
	if err != nil {
		t.Fatal(err)
	}
	if len(page) == 1 {
		t.Skip("the page is not built; make build does it")
	}
	total := 0
	for _, file := range page {
		if file.small != nil {
			total += len(file.small)
		} else {
			total += len(file.plain)
		}
	}
	if total >= maxPage {
		t.Errorf("the page has %d bytes compressed, want less than %d", total, maxPage)
	}
}

// A binary that was built without npm says so.
func TestPageUnbuilt(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]fstest.MapFS{"nothing": {}, "the placeholder": {".gitkeep": {}}} {
		answer := askPage(t, files, "/", nil)
		if !strings.Contains(answer.Body.String(), "built without its page") || answer.Code != http.StatusOK {
			t.Errorf("%s: got %d: %s", name, answer.Code, answer.Body)
		}
		if got := answer.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s: got type %q", name, got)
		}
	}
}
