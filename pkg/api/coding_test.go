package api

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"riffle/pkg/auth"
)

func TestCodingOf(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]coding{
		"":                            "",
		"gzip":                        codingGzip,
		"gzip, deflate, br, zstd":     codingZstd,
		"zstd;q=0.5, GZIP;q=0.9":      codingGzip,
		"gzip;q=0.5,zstd;q=0.5":       codingZstd,
		"gzip;q=0":                    "",
		"zstd;q=0, gzip;q=0.001":      codingGzip,
		"br, identity":                "",
		"*":                           "",
		"gzip;q=2":                    "",
		"gzip;q=NaN":                  "",
		"gzip;level=9":                "",
		",;,gzip ; q=1 ,":             codingGzip,
		"notgzip":                     "",
		strings.Repeat("x,", 10) + "": "",
	} {
		if got := codingOf(accept); got != want {
			t.Errorf("%q: got %q, want %q", accept, got, want)
		}
	}
}

// TestCodings reads every kind of long body in every coding: it is the same
// answer, under the same tag.
func TestCodings(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	for _, key := range keys(20) {
		keep(t, m, w.alice.ID, key, "text of "+key, "a", 1)
	}
	for _, path := range []string{"/v1/matches", "/v1/matches?wait=1s", "/openapi.json", w.link(t, w.alice, "atom"), w.link(t, w.alice, "json")} {
		header := w.token(t, w.alice, auth.Read)
		plain := w.do(t, header, "GET "+path, "")
		for _, c := range []coding{codingGzip, codingZstd} {
			header.Set("Accept-Encoding", string(c))
			for range 2 { // the second comes from the cache
				answer := w.do(t, header, "GET "+path, "")
				if got := answer.header; got.Get("Content-Encoding") != string(c) ||
					got.Get("ETag") != plain.header.Get("ETag") || !strings.Contains(got.Get("Vary"), "Accept-Encoding") {
					t.Errorf("%s in %s: got header %v", path, c, got)
				}
				if answer.body != plain.body || answer.sent >= plain.sent {
					t.Errorf("%s in %s: got %d bytes for %d, want the same answer in fewer", path, c, answer.sent, plain.sent)
				}
				if head := w.do(t, header, "HEAD "+path, ""); head.header.Get("Content-Length") != strconv.Itoa(answer.sent) {
					t.Errorf("HEAD %s in %s: got Content-Length %s, want that of GET, %d", path, c, head.header.Get("Content-Length"), answer.sent)
				}
			}
			if tag := plain.header.Get("ETag"); tag != "" {
				header.Set("If-None-Match", tag)
				if got := w.do(t, header, "GET "+path, "").want(t, http.StatusNotModified); got.header.Get("Content-Encoding") != "" {
					t.Errorf("%s in %s: got 304 in %s", path, c, got.header.Get("Content-Encoding"))
				}
				header.Del("If-None-Match")
			}
		}
	}
	header := w.token(t, w.alice, auth.Read)
	header.Set("Accept-Encoding", "gzip")
	if got := w.do(t, header, "GET /v1/me", "").header.Get("Content-Encoding"); got != "" {
		t.Errorf("got a short body in %s, want it as it is", got)
	}
}
