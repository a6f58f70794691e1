package api

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

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

// raw sends a request and gives the answer as it came.
func (w *world) raw(t *testing.T, header http.Header, call string) *httptest.ResponseRecorder {
	t.Helper()
	method, target, _ := strings.Cut(call, " ")
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	r.Header = header.Clone()
	recorder := httptest.NewRecorder()
	w.api.Handler().ServeHTTP(recorder, r)
	return recorder
}

func unpack(t *testing.T, answer *httptest.ResponseRecorder) string {
	t.Helper()
	var from io.Reader = answer.Body
	var err error
	switch answer.Header().Get("Content-Encoding") {
	case "gzip":
		from, err = gzip.NewReader(answer.Body)
	case "zstd":
		from, err = zstd.NewReader(answer.Body)
	}
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
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
		plain := w.raw(t, header, "GET "+path)
		want := plain.Body.String()
		for _, c := range []coding{codingGzip, codingZstd} {
			header.Set("Accept-Encoding", string(c))
			for range 2 { // the second comes from the cache
				answer := w.raw(t, header, "GET "+path)
				packed := bytes.Clone(answer.Body.Bytes())
				if got := answer.Header(); got.Get("Content-Encoding") != string(c) || got.Get("Content-Length") != strconv.Itoa(len(packed)) ||
					got.Get("ETag") != plain.Header().Get("ETag") || !strings.Contains(got.Get("Vary"), "Accept-Encoding") {
					t.Errorf("%s in %s: got header %v", path, c, got)
				}
				if got := unpack(t, answer); got != want || len(packed) >= len(want) {
					t.Errorf("%s in %s: got %d bytes for %d, want the same answer in fewer", path, c, len(packed), len(want))
				}
				if head := w.raw(t, header, "HEAD "+path); head.Header().Get("Content-Length") != strconv.Itoa(len(packed)) {
					t.Errorf("HEAD %s in %s: got Content-Length %s, want that of GET, %d", path, c, head.Header().Get("Content-Length"), len(packed))
				}
			}
			if tag := plain.Header().Get("ETag"); tag != "" {
				header.Set("If-None-Match", tag)
				if got := w.raw(t, header, "GET "+path); got.Code != http.StatusNotModified || got.Header().Get("Content-Encoding") != "" {
					t.Errorf("%s in %s: got %d %v, want 304", path, c, got.Code, got.Header())
				}
				header.Del("If-None-Match")
			}
		}
	}
	header := w.token(t, w.alice, auth.Read)
	header.Set("Accept-Encoding", "gzip")
	if got := w.raw(t, header, "GET /v1/me").Header().Get("Content-Encoding"); got != "" {
		t.Errorf("got a short body in %s, want it as it is", got)
	}
}
