package api

import (
	"strconv"
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
			Help:    "Time to answer by route, waiting for news left in. If it grows, look at the store first.",
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
	c.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	c.seconds.WithLabelValues(route).Observe(took.Seconds())
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
