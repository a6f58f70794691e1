package api

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counters are what the api counts; the nil value counts nothing.
type counters struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	panics   prometheus.Counter
	away     prometheus.Gauge
	streams  prometheus.Gauge

	// found keeps the counters of each route and status: to find them by their
	// labels costs as much as half a poll.
	found sync.Map // of *outcomeCounters, by outcome
}

// outcome is how a request ended.
type outcome struct {
	route  string
	status int
}

// outcomeCounters is where an outcome is counted.
type outcomeCounters struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

func newCounters(registerer prometheus.Registerer) (*counters, error) {
	if registerer == nil {
		return nil, nil
	}
	c := &counters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "riffle_api_requests_total",
			Help: "Requests by route and status. Many 503: see riffle_api_store_away. Many 401: a client uses a revoked token. Many 500: see the log.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "riffle_api_request_seconds",
			Help:    "Time to answer by route, waiting for news included. If that of a route that does not wait grows, look at the store first.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"route"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "riffle_api_panics_total",
			Help: "Requests that ended in a panic. Each is a bug: report it with the stack in the log.",
		}),
		away: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "riffle_api_store_away",
			Help: "1 while the store cannot be reached and clients are told of maintenance.",
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "riffle_api_streams",
			Help: "Clients that follow /v1/stream now. Each costs some memory and nothing else while it is quiet.",
		}),
	}
	for _, collector := range []prometheus.Collector{c.requests, c.seconds, c.panics, c.away, c.streams} {
		if err := registerer.Register(collector); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *counters) request(route string, status int, took time.Duration) {
	if c == nil {
		return
	}
	of := c.of(outcome{route, status})
	of.requests.Inc()
	of.seconds.Observe(took.Seconds())
}

// of finds where an outcome is counted; there are as many as routes and statuses.
func (c *counters) of(o outcome) *outcomeCounters {
	if found, ok := c.found.Load(o); ok {
		return found.(*outcomeCounters)
	}
	made := &outcomeCounters{
		requests: c.requests.WithLabelValues(o.route, strconv.Itoa(o.status)), seconds: c.seconds.WithLabelValues(o.route),
	}
	c.found.Store(o, made)
	return made
}

func (c *counters) panicked() {
	if c != nil {
		c.panics.Inc()
	}
}

func (c *counters) streaming(more float64) {
	if c != nil {
		c.streams.Add(more)
	}
}

func (c *counters) storeAway(away bool) {
	if c == nil {
		return
	}
	c.away.Set(0)
	if away {
		c.away.Set(1)
	}
}
