package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"riffle/pkg/auth"
	"riffle/pkg/event"
	"riffle/pkg/retry"
)

// kind is a sort of failure that clients can rely on; docs/api.md lists them.
type kind struct {
	status int
	code   string
	title  string
}

// The kinds of failure. A code never changes its meaning.
var (
	badParameter     = kind{http.StatusBadRequest, "bad_parameter", "A parameter is wrong"}
	badCursor        = kind{http.StatusBadRequest, "bad_cursor", "A cursor is not one of ours"}
	badBody          = kind{http.StatusBadRequest, "bad_body", "The body cannot be read"}
	badField         = kind{http.StatusBadRequest, "bad_field", "A field of the body is wrong"}
	unauthorized     = kind{http.StatusUnauthorized, "unauthorized", "A valid token is needed"}
	forbidden        = kind{http.StatusForbidden, "forbidden", "This is not allowed"}
	notFound         = kind{http.StatusNotFound, "not_found", "There is nothing here"}
	methodNotAllowed = kind{http.StatusMethodNotAllowed, "method_not_allowed", "This method is not known here"}
	exists           = kind{http.StatusConflict, "exists", "There is one already"}
	gapNotAccepted   = kind{http.StatusConflict, "gap_not_accepted", "This would lose posts"}
	busy             = kind{http.StatusConflict, "busy", "Somebody else is at it"}
	tooMany          = kind{http.StatusConflict, "too_many", "There are as many as there may be"}
	rotated          = kind{http.StatusConflict, "rotated", "Another token stands in its place"}
	cursorExpired    = kind{http.StatusGone, "cursor_expired", "The cursor is older than what is kept"}
	bodyTooLarge     = kind{http.StatusRequestEntityTooLarge, "body_too_large", "The body is too large"}
	wrongContentType = kind{http.StatusUnsupportedMediaType, "wrong_content_type", "The body is not JSON"}
	invalidRule      = kind{http.StatusUnprocessableEntity, "invalid_rule", "The rule cannot be understood"}
	unreadable       = kind{http.StatusUnprocessableEntity, "unreadable", "This cannot be read"}
	rateLimited      = kind{http.StatusTooManyRequests, "rate_limited", "Too many requests"}
	internal         = kind{http.StatusInternalServerError, "internal", "Something went wrong on our side"}
	maintenance      = kind{http.StatusServiceUnavailable, "maintenance", "Down for maintenance"}
)

// retryAfter is what a client is told to wait when the store is away.
const retryAfter = "5"

// requestError ends a request with a failure in the envelope.
type requestError struct {
	kind   kind
	detail string
	errors []mistake
	header map[string]string
	// cause is for the log alone.
	cause error
}

func (e *requestError) Error() string {
	if e.cause != nil {
		return e.kind.code + ": " + e.cause.Error()
	}
	return e.kind.code + ": " + e.detail
}

func (e *requestError) Unwrap() error { return e.cause }

// because makes a failure with the sentence that a client reads.
func (k kind) because(format string, args ...any) *requestError {
	return &requestError{kind: k, detail: fmt.Sprintf(format, args...)}
}

// with adds single mistakes.
func (e *requestError) with(mistakes ...mistake) *requestError {
	e.errors = append(e.errors, mistakes...)
	return e
}

// telling sets a header of the answer.
func (e *requestError) telling(name, value string) *requestError {
	if e.header == nil {
		e.header = map[string]string{}
	}
	e.header[name] = value
	return e
}

func (e *requestError) envelope() envelope {
	mistakes := e.errors
	if mistakes == nil {
		mistakes = []mistake{}
	}
	return envelope{Summary: none{}, Error: &failure{
		Code: e.kind.code, Title: e.kind.title, Status: e.kind.status, Detail: e.detail, Errors: mistakes,
	}}
}

// failed turns any error of a handler into what the client is told. Nothing of
// an error that is not meant for clients reaches them.
func failed(err error) *requestError {
	var known *requestError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, event.ErrNotFound):
		return notFound.because("Nothing is kept under this id, or it is not yours.")
	case errors.Is(err, event.ErrCursorExpired):
		return cursorExpired.because("What changed after this cursor is no longer kept. Read the newest matches without a cursor and go on from their next.")
	case errors.Is(err, event.ErrExists):
		return exists.because("The name is taken.")
	case errors.Is(err, auth.ErrUnknownToken):
		return unknownToken()
	case retry.IsTransient(err), errors.Is(err, context.DeadlineExceeded):
		return away(err)
	}
	failure := internal.because("The error is in the server's log under the X-Request-Id of this answer.")
	failure.cause = err
	return failure
}

// away says that the store cannot be reached now.
func away(cause error) *requestError {
	failure := maintenance.because("The store cannot be reached. Nothing is lost: try again in a few seconds.").telling("Retry-After", retryAfter)
	failure.cause = cause
	return failure
}

func unknownToken() *requestError {
	return unauthorized.because("The token is unknown, revoked or expired. Make a new one with `riffle token create`.").
		telling("WWW-Authenticate", `Bearer realm="riffle", error="invalid_token"`)
}
