package api

import (
	"embed"
	"net/http"
)

// pageFiles are the page at / as it is sent: no build step, nothing from
// elsewhere.
//
//go:embed page
var pageFiles embed.FS

// pagePolicy lets the page run its own script and style and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (a *API) addPage(mux *http.ServeMux) {
	for path, file := range map[string]string{
		"/{$}": "page/index.html", "/page.js": "page/page.js", "/page.css": "page/page.css", "/icon.svg": "page/icon.svg",
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			header := w.Header()
			header.Set("Content-Security-Policy", pagePolicy)
			header.Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, pageFiles, file)
		})
	}
}
