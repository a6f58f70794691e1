package api

import (
	"net/http"
	"strings"
)

// What other sites' scripts may do: send a token in a header, and read what
// comes. Browsers send no cookie along where the origin is "*", so that nobody's
// session can be used by another site.
var (
	corsAny     = []string{"*"}
	corsExpose  = []string{"ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"}
	corsHeaders = "Authorization, Content-Type, If-None-Match, Last-Event-ID"
	corsMaxAge  = "86400"
)

// shared reports whether scripts of other sites may read what is at a path. To
// log in is the business of our own page.
func shared(path string) bool {
	return path == "/openapi.json" || strings.HasPrefix(path, "/v1/") && path != "/v1/session"
}

// allowOrigin lets a script of another site read the answer.
func allowOrigin(header http.Header, r *http.Request) {
	if r.Header["Origin"] == nil || !shared(r.URL.Path) {
		return
	}
	header["Access-Control-Allow-Origin"] = corsAny
	header["Access-Control-Expose-Headers"] = corsExpose
}

// options answers OPTIONS on a path that knows some methods; a browser asks so
// before it lets a script of another site send a token.
func options(w http.ResponseWriter, r *http.Request, allow string) {
	header := w.Header()
	header.Set("Allow", allow)
	if shared(r.URL.Path) && r.Header.Get("Access-Control-Request-Method") != "" {
		header.Set("Access-Control-Allow-Methods", allow)
		header.Set("Access-Control-Allow-Headers", corsHeaders)
		header.Set("Access-Control-Max-Age", corsMaxAge)
	}
	w.WriteHeader(http.StatusNoContent)
}
