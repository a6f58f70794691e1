// Package api is the stage that hands matches out: HTTP routes under /v1, their
// JSON forms, tokens and sessions, and the page at /.
//
// It keeps no state that another node would miss: any api node serves any
// request. What a client can rely on is specified in docs/api.md.
package api
