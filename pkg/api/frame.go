package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/obs"
)

// Log fields of this package.
const (
	fieldRequest = "request_id"
	fieldRoute   = "route"
	fieldStatus  = "status"
	fieldBytes   = "bytes"
)

// statusGone is counted for a request whose client left before the answer, as
// nginx does.
const statusGone = 499

// requestIDs numbers requests, so that a client's complaint finds its line in
// the log: a random part of the process, and a count.
type requestIDs struct {
	process string
	count   *atomic.Uint64
}

func newRequestIDs() requestIDs {
	return requestIDs{process: strings.ToLower(rand.Text()[:8]), count: new(atomic.Uint64)}
}

func (ids requestIDs) next() string {
	b := append(make([]byte, 0, 24), ids.process...)
	return string(strconv.AppendUint(append(b, '-'), ids.count.Add(1), 10))
}

// answer is a response on its way: it remembers what was sent.
type answer struct {
	http.ResponseWriter
	id     string
	route  string
	user   int64
	accept string // the codings that the client reads
	status int
	bytes  int64
}

// WriteHeader notes the status, and adds what every answer with a body has.
func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		if status != http.StatusNotModified { // what the client has kept has them: most answers are this one
			addMissing(w.Header(), everyBody)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (w *answer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// frame is what is done around every request: number, headers, count, log, and
// the end of a panic.
func (a *API) frame(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		out := &answer{ResponseWriter: w, id: a.requests.next(), route: "other"}
		if accept := r.Header["Accept-Encoding"]; accept != nil {
			out.accept = accept[0]
		}
		setHeaders(w.Header(), out.id)
		allowOrigin(w.Header(), r)
		secureAlone(w.Header(), r)
		defer func() {
			a.recovered(out, r, recover())
			a.done(out, r, time.Since(began))
		}()
		next.ServeHTTP(out, r)
	})
}

// everyAnswer is what every answer has: it is for its asker alone. The values are
// shared by all answers; a handler that wants another sets it.
var everyAnswer = http.Header{
	"Cache-Control": {"no-store"},
	"Vary":          {"Accept-Encoding, Authorization, Cookie, Origin"},
}

// everyBody is what an answer with a body has beside that: it is what its type
// says, and gives a browser nothing to run or embed.
var everyBody = http.Header{
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
	"Referrer-Policy":              {"no-referrer"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
}

func setHeaders(header http.Header, id string) {
	for name, values := range everyAnswer {
		header[name] = values
	}
	header["X-Request-Id"] = []string{id}
}

func addMissing(header, more http.Header) {
	for name, values := range more {
		if header[name] == nil {
			header[name] = values
		}
	}
}

// recovered ends a panic: it is logged with its stack, and the client is told if
// it was told nothing yet; else the connection is cut, so that a half answer is
// not taken for a whole one.
func (a *API) recovered(out *answer, r *http.Request, cause any) {
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	a.counters.panicked()
	a.log.Error("panic in a request", zap.String(fieldRequest, out.id), zap.String(fieldRoute, out.route),
		zap.Any(obs.Reason, cause), zap.StackSkip("stack", 2))
	if out.status != 0 {
		panic(http.ErrAbortHandler)
	}
	a.fail(out, r, errPanic)
}

var errPanic = errors.New("panic")

// guard calls f, which no request's frame is around, and ends its panic.
//
// Errors: errPanic.
func (a *API) guard(route string, f func()) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			a.counters.panicked()
			a.log.Error("panic behind a request", zap.String(fieldRoute, route), zap.Any(obs.Reason, cause), zap.StackSkip("stack", 2))
			err = errPanic
		}
	}()
	f()
	return nil
}

func (a *API) done(out *answer, r *http.Request, took time.Duration) {
	a.counters.request(out.route, out.status, took)
	if line := a.log.Check(zap.DebugLevel, "request"); line != nil {
		line.Write(zap.String(fieldRequest, out.id), zap.String("method", r.Method), zap.String(fieldRoute, out.route),
			zap.Int(fieldStatus, out.status), zap.Int64(fieldBytes, out.bytes), zap.Int64(obs.UserID, out.user),
			zap.Int64(obs.ElapsedMS, took.Milliseconds()))
	}
}

// endpoint finds out who asks, serves the route, and tells the client of a
// failure.
func (a *API) endpoint(rt route) http.Handler {
	_, path, _ := strings.Cut(rt.pattern, " ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked.Add(1)
		out, ok := w.(*answer)
		if ok {
			out.route = path
		}
		if err := a.answer(w, r, &rt, out); err != nil {
			a.fail(w, r, err)
		}
	})
}

func (a *API) answer(w http.ResponseWriter, r *http.Request, rt *route, out *answer) error {
	if !rt.always {
		if err := a.refusePaused(); err != nil {
			return err
		}
	}
	var who *identity
	if rt.scopes != 0 {
		var err error
		if who, err = a.identify(r, rt); err != nil {
			return err
		}
		if out != nil {
			out.user = who.user()
		}
		if err := a.charge(w.Header(), who.entry); err != nil {
			return err
		}
	}
	if len(rt.params) == 0 { // the others read theirs themselves
		if _, err := parseParams(r.URL.RawQuery); err != nil {
			return err
		}
	}
	return rt.serve(w, r, who)
}

// fail tells the client what went wrong, and the log what only we may know.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		if out, ok := w.(*answer); ok {
			out.status = statusGone
		}
		return
	}
	failure := failed(err)
	if failure.kind == internal && !errors.Is(err, errPanic) {
		a.log.Error("request failed", zap.String(fieldRequest, w.Header().Get("X-Request-Id")),
			zap.String("call", r.Pattern), zap.NamedError(obs.Error, err))
	}
	w.Header().Del("ETag")
	w.Header().Set("Cache-Control", "no-store")
	if failure.kind == unauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="riffle"`) // RFC 9110 wants one
	}
	for name, value := range failure.header {
		w.Header().Set(name, value)
	}
	if err := writeEnvelope(w, failure.kind.status, failure.envelope()); err != nil {
		a.log.Error("failure not told", zap.NamedError(obs.Error, err))
	}
}

// exact refuses a path that the standard library would redirect to a shorter one,
// in its own words.
func (a *API) exact(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isLoose(r.URL) {
			a.fail(w, r, notFound.because("There is no such path; it has an empty part, or one of dots."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLoose reports whether a path has an empty part or one of dots.
func isLoose(u *url.URL) bool {
	if !strings.Contains(u.Path, "//") && !strings.Contains(u.Path, "/.") {
		return false // nearly every one
	}
	asked := u.EscapedPath()
	return strings.Contains(asked, "//") || path.Clean(asked) != strings.TrimSuffix(asked, "/")
}

// methods are those that a route may have, in the order of an Allow header;
// beside them every path knows OPTIONS.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete}

// fallback answers what no route matches: OPTIONS; 405 where another method
// would do, else 404.
func (a *API) fallback(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed := allowedMethods(mux, r)
		if len(allowed) == 0 {
			a.fail(w, r, notFound.because("There is no such path; /openapi.json lists all."))
			return
		}
		allow := strings.Join(append(allowed, http.MethodOptions), ", ")
		if r.Method == http.MethodOptions {
			options(w, r, allow)
			return
		}
		a.fail(w, r, methodNotAllowed.because("This path knows %s.", allow).telling("Allow", allow))
	})
}

func allowedMethods(mux *http.ServeMux, r *http.Request) []string {
	return slices.DeleteFunc(slices.Clone(methods), func(method string) bool {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		_, pattern := mux.Handler(probe)
		return pattern == "/" || pattern == ""
	})
}

// quiet hands the http server's own complaints, which clients can cause at will,
// to the log at debug.
func quiet(to *zap.Logger) *log.Logger {
	logger, err := zap.NewStdLogAt(to, zap.DebugLevel)
	if err != nil { // only for a level that does not exist
		panic(fmt.Sprintf("api: %v", err))
	}
	return logger
}
