package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"riffle/pkg/auth"
	"riffle/pkg/rule"
)

const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	// writeTimeout leaves the longest wait enough time for a slow client.
	writeTimeout = maxWait + 30*time.Second
	maxHeader    = 16 << 10
	touchPause   = 10 * time.Second
)

// Store is all that the api asks of the store, by resource.
type Store interface {
	MatchReader
	NumberReader
	RuleReader
	RuleWriter
	TokenKeeper
	TokenStore
	UserStore
	LoginStore
	EventReader
	Pinger
	DeadLetterCounter
	DeadLetterStore
}

// Config says what an API works with. Store, Depths, Stages and Log are
// required.
type Config struct {
	Store  Store
	Depths DepthReader
	Stages StageReader
	Log    *zap.Logger
	// Switches are what an operator flips by the API; nil: nobody can.
	Switches Switches
	// Samples keep the last hour of the status; nil: nobody does.
	Samples SampleKeeper
	// Switch pauses the api itself; nil: nobody does.
	Switch Switch
	// Retrier puts dead letters back into the buffer; nil: nobody does.
	Retrier Retrier
	// Registerer takes the counters; nil: nothing is counted.
	Registerer prometheus.Registerer
	// Rate is how many requests a second one token may make in the long run; 0:
	// DefaultRate, negative: any number.
	Rate float64
	// Version is this build's; StoreAt and BufferAt are URLs without passwords.
	// /v1/status shows them.
	Version           string
	StoreAt, BufferAt string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// API answers requests. New builds it, Run keeps its background parts going,
// Handler or Serve takes the requests.
type API struct {
	store      Store
	depths     DepthReader
	stages     StageReader
	switches   Switches
	samples    SampleKeeper
	gate       Switch
	retrier    Retrier
	log        *zap.Logger
	now        func() time.Time
	version    string
	storeAt    string
	bufferAt   string
	rate       float64
	ratePolicy string

	counters *counters
	tokens   *tokenCache
	versions *versions
	pages    *pageCache
	news     *news
	health   *health
	recent   *recent
	floods   *floods
	warnings *warnings
	origin   *http.CrossOriginProtection
	requests requestIDs
	previews *turns
	routes   *http.ServeMux

	asked     atomic.Int64 // requests for a route of the table
	streaming atomic.Int64 // clients that follow the stream now

	stopOnce sync.Once
	stopping chan struct{} // closed when Run ends: nobody waits any longer

	openMu sync.Mutex
	open   *open
}

// New builds an API that does nothing yet.
//
// Errors: the registerer's, when counters of this name exist; the page's files.
func New(config Config) (*API, error) {
	counters, err := newCounters(config.Registerer)
	if err != nil {
		return nil, fmt.Errorf("api: register counters: %w", err)
	}
	now := config.Now
	if now == nil {
		now = time.Now
	}
	versions := newVersions(config.Store, now)
	a := &API{
		store: config.Store, depths: config.Depths, stages: config.Stages,
		switches: cmp.Or[Switches](config.Switches, noSwitches{}), gate: cmp.Or[Switch](config.Switch, noSwitch{}),
		samples: cmp.Or[SampleKeeper](config.Samples, noSamples{}),
		retrier: cmp.Or[Retrier](config.Retrier, noRetrier{}),
		log:     config.Log, now: now, version: config.Version,
		storeAt: config.StoreAt, bufferAt: config.BufferAt,
		counters: counters,
		tokens:   newTokenCache(config.Store, versions.tokens, now, config.Log),
		versions: versions,
		pages:    newPageCache(now),
		news:     newNews(versions, config.Log),
		health:   &health{store: config.Store, log: config.Log, gauge: counters},
		recent:   &recent{reader: config.Store, now: now},
		warnings: newWarnings(),
		floods:   &floods{reader: config.Store, users: map[int64][]rule.Rule{}},
		origin:   http.NewCrossOriginProtection(),
		requests: newRequestIDs(),
		previews: newTurns(),
		stopping: make(chan struct{}),
		rate:     cmp.Or(config.Rate, DefaultRate),
	}
	a.ratePolicy = ratePolicy(a.rate)
	page, err := builtPage()
	if err != nil {
		return nil, err
	}
	a.routes = a.mux(page)
	return a, nil
}

// Who may call what: a token needs one of these scopes.
const (
	reading  = auth.Read
	writing  = auth.Write
	anyScope = auth.Read | auth.Write | auth.Admin
)

// route is one call of the API.
type route struct {
	pattern string
	// scopes: the asker needs one of them; 0: anybody may call.
	scopes auth.Scopes
	serve  func(w http.ResponseWriter, r *http.Request, who *identity) error
	// offline calls work while the store is away.
	offline bool
	// always calls work while the api is paused.
	always bool
	// params are those that the call knows.
	params []string
}

func (a *API) table() []route {
	return []route{
		{pattern: "GET /v1/matches", scopes: reading, serve: a.listMatches, params: matchParameters},
		{pattern: "GET /v1/matches/{id}", scopes: reading, serve: a.showMatch},
		{pattern: "GET /v1/stream", scopes: reading, serve: a.serveStream, params: streamParameters},
		{pattern: "GET /v1/feeds/{token}/atom", serve: a.serveAtom, params: feedParameters},
		{pattern: "GET /v1/feeds/{token}/json", serve: a.serveJSONFeed, params: feedParameters},
		{pattern: "GET /v1/rules", scopes: reading, serve: a.listRules},
		{pattern: "POST /v1/rules", scopes: writing, serve: a.addRule},
		{pattern: "GET /v1/rules/counts", scopes: reading, serve: a.countRules},
		{pattern: "GET /v1/rules/{id}", scopes: reading, serve: a.showRule},
		{pattern: "PUT /v1/rules/{id}", scopes: writing, serve: a.replaceRule},
		{pattern: "DELETE /v1/rules/{id}", scopes: writing, serve: a.removeRule},
		{pattern: "POST /v1/rules/validate", scopes: reading | writing, serve: a.validateRule},
		{pattern: "POST /v1/rules/preview", scopes: reading, serve: a.previewRule},
		{pattern: "POST /v1/rules/explain", scopes: reading, serve: a.explainRule},
		{pattern: "GET /v1/me", scopes: anyScope, serve: a.showMe},
		{pattern: "GET /v1/tokens", scopes: reading, serve: a.listTokens},
		{pattern: "POST /v1/tokens", scopes: writing, serve: a.addToken},
		{pattern: "DELETE /v1/tokens/{id}", scopes: writing, serve: a.revokeToken},
		{pattern: "POST /v1/tokens/{id}/rotate", scopes: writing, serve: a.rotateToken},
		{pattern: "GET /v1/users", scopes: auth.Admin, serve: a.listUsers},
		{pattern: "POST /v1/users", scopes: auth.Admin, serve: a.addUser},
		{pattern: "GET /v1/users/{id}", scopes: auth.Admin, serve: a.showUser},
		{pattern: "DELETE /v1/users/{id}", scopes: auth.Admin, serve: a.removeUser},
		{pattern: "GET /v1/dead-letters", scopes: auth.Admin, serve: a.listDead, params: deadParameters},
		{pattern: "GET /v1/dead-letters/{id}", scopes: auth.Admin, serve: a.showDead},
		{pattern: "POST /v1/dead-letters/{id}/retry", scopes: auth.Admin, serve: a.retryDead},
		{pattern: "DELETE /v1/dead-letters/{id}", scopes: auth.Admin, serve: a.dropDead},
		{pattern: "GET /v1/status", scopes: auth.Admin, serve: a.showStatus, offline: true, always: true},
		{pattern: "POST /v1/stages/{stage}/pause", scopes: auth.Admin, serve: a.pauseStage, offline: true, always: true},
		{pattern: "POST /v1/stages/{stage}/resume", scopes: auth.Admin, serve: a.resumeStage, offline: true, always: true},
		{pattern: "POST /v1/session", serve: a.logIn, always: true}, // who logs in may be the one who resumes
		{pattern: "DELETE /v1/session", scopes: anyScope, serve: a.logOut},
	}
}

// mux puts the routes together. What matches none of them ends in the fallback,
// so that 404 and 405 come in the envelope too.
func (a *API) mux(page map[string]*pageFile) *http.ServeMux {
	mux := http.NewServeMux()
	for _, rt := range a.table() {
		mux.Handle(rt.pattern, a.endpoint(rt))
	}
	mux.HandleFunc("GET /livez", a.live)
	mux.HandleFunc("GET /readyz", a.ready)
	mux.HandleFunc("GET /openapi.json", a.showOpenAPI)
	addPage(mux, page)
	mux.Handle("/", a.fallback(mux))
	return mux
}

// Traffic tells how many requests there were since the start, probes and the
// page's files left out, and how many clients follow the stream now.
func (a *API) Traffic() (requests, streams int64) { return a.asked.Load(), a.streaming.Load() }

// Handler answers all requests.
func (a *API) Handler() http.Handler { return a.frame(a.exact(a.routes)) }

// Run keeps the background parts going until ctx ends: it wakes who waits for
// news, reads pages ahead, looks at the store and at the admins' tokens, keeps the
// last hour, and writes when tokens were used.
// After it, nobody waits any longer, and the API can only be let go.
func (a *API) Run(ctx context.Context) error {
	defer a.stopOnce.Do(func() { close(a.stopping) })
	var parts sync.WaitGroup
	parts.Go(func() { a.news.run(ctx) })
	parts.Go(func() { a.warm(ctx) })
	parts.Go(func() { a.health.run(ctx) })
	parts.Go(func() { a.touchTokens(ctx) })
	parts.Go(func() { a.keepHistory(ctx) })
	parts.Go(func() { a.tokens.watch(ctx) })
	<-ctx.Done()
	a.stopOnce.Do(func() { close(a.stopping) })
	parts.Wait()
	return nil
}

func (a *API) touchTokens(ctx context.Context) {
	for sleep(ctx, touchPause) {
		a.tokens.touch(ctx)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	a.tokens.touch(last)
}

func (a *API) stopped() bool {
	select {
	case <-a.stopping:
		return true
	default:
		return false
	}
}

// open is what requests that wait have in common: they end when the api stops or
// is paused. It exists while somebody waits, so that a thousand who wait cost one
// goroutine.
type open struct {
	atEnd   func(f func()) (forget func() bool) // has f called at the end
	end     context.CancelFunc
	waiting int
}

// untilStop is ctx, ended when the api stops or is paused too.
func (a *API) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	a.openMu.Lock()
	defer a.openMu.Unlock()
	if a.open == nil {
		a.open = a.begin()
	}
	all := a.open
	all.waiting++
	ctx, cancel := context.WithCancel(ctx)
	forget := all.atEnd(cancel)
	return ctx, sync.OnceFunc(func() {
		forget()
		cancel()
		a.openMu.Lock()
		defer a.openMu.Unlock()
		if all.waiting--; all.waiting == 0 {
			a.over(all)
		}
	})
}

// begin makes what ends all that wait together when the time has come.
func (a *API) begin() *open {
	ctx, cancel := context.WithCancel(context.Background())
	all := &open{end: cancel, atEnd: func(f func()) func() bool { return context.AfterFunc(ctx, f) }}
	paused := a.gate.Begins()
	go func() {
		select {
		case <-a.stopping:
		case <-paused:
		case <-ctx.Done(): // nobody waits any more
		}
		a.openMu.Lock()
		defer a.openMu.Unlock()
		a.over(all)
	}()
	return all
}

// over ends all; who comes now waits with others.
func (a *API) over(all *open) {
	all.end()
	if a.open == all {
		a.open = nil
	}
}

// Serve answers requests on l, beside Run, until ctx ends; then it takes no
// more, lets those in hand finish within drain, and closes the rest.
func (a *API) Serve(ctx context.Context, l net.Listener, drain time.Duration) error {
	server := a.server()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("api: serve: %w", err)
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := server.Shutdown(late); err != nil {
		a.log.Warn("requests cut off", zap.Error(err))
		return errors.Join(server.Close())
	}
	return nil
}

// server sets the limits that keep a slow or silent client from holding
// anything. There is no limit for reading a whole request: the standard
// library would end a long wait with it; bodies have their own.
func (a *API) server() *http.Server {
	return &http.Server{
		Handler:           a.Handler(),
		ReadHeaderTimeout: headerTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          quiet(a.log),
	}
}
