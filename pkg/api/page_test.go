package api

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
)

// withPage gives a world's api a page of these files.
func withPage(t *testing.T, w *world, files fstest.MapFS) {
	t.Helper()
	page, err := readPage(files)
	if err != nil {
		t.Fatalf("readPage: %v", err)
	}
	w.api.routes = w.api.mux(page)
}

// producePage asks for a built page and all that it is made of.
func producePage(t *testing.T, w *world, _ *memory) {
	script := strings.Repeat("console.log(1);\n", 100)
	withPage(t, w, fstest.MapFS{
		"index.html": {Data: []byte("<!doctype html><title>riffle</title>")}, ".gitkeep": {},
		"page.js": {Data: []byte(script)}, "page.css": {Data: []byte("a{}")}, "icon.svg": {Data: []byte("<svg/>")},
	})
	for target, want := range map[string]string{
		"/": "text/html; charset=utf-8", "/page.js": "text/javascript; charset=utf-8", "/page.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml",
	} {
		answer := w.do(t, nil, "GET "+target, "").want(t, http.StatusOK)
		if got := answer.header.Get("Content-Type"); got != want {
			t.Errorf("%s: got type %q, want %q", target, got, want)
		}
		again := w.do(t, http.Header{"If-None-Match": {answer.header.Get("ETag")}}, "GET "+target, "").want(t, http.StatusNotModified)
		for _, header := range []http.Header{answer.header, again.header} {
			policy := header.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "require-trusted-types-for 'script'") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: got policy %q", target, policy)
			}
			for name, want := range map[string]string{
				"Cross-Origin-Opener-Policy": "same-origin", "Permissions-Policy": "camera=(), geolocation=(), microphone=()", "Cache-Control": "no-cache",
			} {
				if got := header.Get(name); got != want {
					t.Errorf("%s: got %s %q, want %q", target, name, got, want)
				}
			}
		}
	}
	for _, hidden := range []string{"/.gitkeep", "/index.html", "/page.ts"} {
		w.do(t, nil, "GET "+hidden, "").wantFailure(t, http.StatusNotFound, "not_found")
	}
	for accept, want := range map[string]string{"gzip, br": "gzip", "gzip;q=0": "", "br, gzip; q=0": "", "GZIP;q=0.1": "gzip", "x-gzip": "", "": ""} {
		answer := w.do(t, http.Header{"Accept-Encoding": {accept}}, "GET /page.js", "").want(t, http.StatusOK)
		if got := answer.header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: got %q, want %q", accept, got, want)
		}
		if answer.body != script || (answer.sent < len(script)) != (want == "gzip") {
			t.Errorf("Accept-Encoding %q: got %d bytes for %d of the script, %d unpacked", accept, answer.sent, len(script), len(answer.body))
		}
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
		w, _ := memoryWorld(t)
		withPage(t, w, files)
		answer := w.do(t, nil, "GET /", "").want(t, http.StatusOK)
		if !strings.Contains(answer.body, "built without its page") {
			t.Errorf("%s: got %s", name, answer.body)
		}
		if got := answer.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s: got type %q", name, got)
		}
	}
}
