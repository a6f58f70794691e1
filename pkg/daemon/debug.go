package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// portsTried bounds the search for a free port after a default one.
const portsTried = 100

// Debug is the listener for operators: /metrics, /livez, /readyz and
// /debug/pprof/. It belongs on loopback, apart from what users reach.
type Debug struct {
	listener net.Listener
	handler  http.Handler
}

// ListenDebug opens the debug listener on addr. Where next is true and the port
// is taken, the ones after it are tried in turn, so that two stages of a kind
// share a host without settings.
//
// Errors: the listener's own, with the address.
func ListenDebug(ctx context.Context, addr string, next bool, metrics prometheus.Gatherer, health *Health) (*Debug, error) {
	listener, err := listen(ctx, addr, next)
	if err != nil {
		return nil, fmt.Errorf("daemon: open debug listener: %w", err)
	}
	return &Debug{listener: listener, handler: debugHandler(metrics, health)}, nil
}

// Addr gives the address that the listener got; of nil it is "off".
func (d *Debug) Addr() string {
	if d == nil {
		return "off"
	}
	return d.listener.Addr().String()
}

// Serve answers until ctx ends, and closes the listener.
func (d *Debug) Serve(ctx context.Context) error {
	server := &http.Server{Handler: d.handler, ReadHeaderTimeout: 5 * time.Second}
	unhook := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer unhook()
	if err := server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("daemon: serve debug listener: %w", err)
	}
	return nil
}

func listen(ctx context.Context, addr string, next bool) (net.Listener, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("port %q of %s: %w", portText, addr, err)
	}
	var conf net.ListenConfig
	for i := 0; ; i++ {
		listener, err := conf.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port+i)))
		if next && i < portsTried && errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		return listener, err
	}
}

func debugHandler(metrics prometheus.Gatherer, health *Health) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", health.livez)
	mux.HandleFunc("GET /readyz", health.readyz)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
