package api

import (
	_ "embed" // the document
	"net/http"
)

// openAPI describes every call, parameter and answer. The tests hold it to what
// the server does, and the server to it.
//
//go:embed openapi.json
var openAPI []byte

// showOpenAPI serves /openapi.json.
func (a *API) showOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	writeBody(w, http.StatusOK, openAPI)
}
