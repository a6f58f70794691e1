package ingest

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"riffle/pkg/event"
)

// counters are the stage's metrics. A nil *counters counts nothing.
type counters struct {
	accepted, frames, bytes                   prometheus.Counter
	lastMessage                               prometheus.Gauge
	passedOver                                *prometheus.CounterVec
	kinds                                     map[string]bool
	rejected                                  []prometheus.Counter // by event.Reason
	retries, fulls                            prometheus.Counter
	reconnects, restarts, again, gaps, fences prometheus.Counter
	gapSeconds                                prometheus.Counter
	spoolFrames, spoolEvents, spoolRefused    prometheus.Counter // nil without a spool
}

// newCounters registers the metrics with the source's name as a label; nil for
// no registerer.
func newCounters(registerer prometheus.Registerer, source string, lag func() time.Duration, spool Spool) (*counters, error) {
	if registerer == nil {
		return nil, nil
	}
	r := registrar{to: prometheus.WrapRegistererWith(prometheus.Labels{"source": source}, registerer)}
	c := &counters{
		kinds:      map[string]bool{},
		accepted:   r.counter("accepted_total", "Events that buffer or spool hold. Flat while the source is not quiet: look at riffle_ingest_push_retries_total."),
		frames:     r.counter("frames_total", "Frames accepted. Many small ones cost Redis memory; a quiet source has no others."),
		bytes:      r.counter("pushed_bytes_total", "Bytes of these frames, compressed."),
		retries:    r.counter("push_retries_total", "Calls of the buffer that failed and were tried again. Rising: the buffer is away; see the log for its error."),
		fulls:      r.counter("buffer_full_total", "Pushes refused because the buffer is full. Rising: the filters do not keep up, or are paused."),
		reconnects: r.counter("reconnects_total", "Connections to the source that ended and were made again."),
		restarts:   r.counter("restarts_total", "Times the source was read again from an earlier cursor because the buffer went back."),
		again:      r.counter("frames_given_again_total", "Frames given again from memory because the buffer had lost them. Rising: look at the persistence of Redis."),
		gaps:       r.counter("gaps_total", "Stretches of the source that could not be had. The log and riffle status tell their bounds and why."),
		gapSeconds: r.counter("gap_seconds_total", "How long those stretches were together, as far as their beginning is known."),
		fences:     r.counter("standby_total", "Times this ingest waited because another one writes the source."),
	}
	c.passedOver = r.vector("passed_over_total", "Known messages that are no posts, by kind. Nothing to do.", "kind")
	c.lastMessage = r.gauge("last_message_seconds", "When the newest message arrived that the buffer holds, in seconds since 1970. Long ago: the source is quiet or cannot be reached.")
	r.lag(lag)
	if spool != nil {
		c.spoolFrames = r.counter("spooled_frames_total", "Frames that went to the spool. Rising: the buffer is away or full; mend or empty that.")
		c.spoolEvents = r.counter("spooled_events_total", "Events in these frames.")
		c.spoolRefused = r.counter("spool_refused_events_total", "Events that neither buffer nor spool took, counted at each try; the source is held meanwhile. Free the spool's disk, or mend the buffer.")
		r.function("spool_frames", "Frames that wait in the spool. Falls by itself when the buffer takes frames again.", func() float64 { return float64(spool.Depth().Frames) })
		r.function("spool_events", "Events that wait in the spool. Rising: the buffer is away or full. Not falling though it is back: look at riffle_ingest_push_retries_total.", func() float64 { return float64(spool.Depth().Events) })
		r.function("spool_bytes", "Bytes of the spool's files, at most 4 GiB. Near that, or near what its disk holds: mend the buffer now, for then the source is held.", func() float64 { return float64(spool.Depth().Bytes) })
	}
	rejected := r.vector("rejected_total", "Messages of which no event could be made, by reason. Rising: the network changed its format, or the input is not what --source says.", "reason")
	for _, reason := range event.Reasons() {
		c.rejected = append(c.rejected, rejected.WithLabelValues(reason.String()))
	}
	return c, r.err
}

// registrar registers metrics and keeps the first error.
type registrar struct {
	to  prometheus.Registerer
	err error
}

func (r *registrar) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "riffle", Subsystem: "ingest", Name: name, Help: help})
	r.register(c)
	return c
}

func (r *registrar) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "riffle", Subsystem: "ingest", Name: name, Help: help})
	r.register(g)
	return g
}

func (r *registrar) lag(lag func() time.Duration) {
	r.function("lag_seconds", "Age of the oldest message in hand that the buffer does not hold. Growing: the buffer is away or full.",
		func() float64 { return lag().Seconds() })
}

func (r *registrar) function(name, help string, value func() float64) {
	r.register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "riffle", Subsystem: "ingest", Name: name, Help: help}, value))
}

func (r *registrar) vector(name, help, label string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "riffle", Subsystem: "ingest", Name: name, Help: help}, []string{label})
	r.register(v)
	return v
}

func (r *registrar) register(c prometheus.Collector) {
	if err := r.to.Register(c); err != nil && r.err == nil {
		r.err = err
	}
}

// chunk counts what became of a chunk; it is called by one goroutine at a time.
func (c *counters) chunk(done *chunk) {
	if c == nil {
		return
	}
	if done.frame.Events > 0 {
		c.accepted.Add(float64(done.tally.accepted))
		c.frames.Inc()
		c.bytes.Add(float64(len(done.frame.Data)))
	}
	c.lastMessage.Set(float64(done.arrived.UnixMilli()) / 1000)
	for kind, n := range done.tally.passedOver {
		c.passedOver.WithLabelValues(c.kind(kind)).Add(float64(n))
	}
	for reason, n := range done.tally.rejected {
		if n > 0 {
			c.rejected[reason].Add(float64(n))
		}
	}
}

// kind bounds the number of labels as tally.add does.
func (c *counters) kind(kind string) string {
	if !c.kinds[kind] {
		if len(c.kinds) >= maxKinds {
			return otherKind
		}
		c.kinds[kind] = true
	}
	return kind
}

func (c *counters) retry(full bool) {
	switch {
	case c == nil:
	case full:
		c.fulls.Inc()
	default:
		c.retries.Inc()
	}
}

func (c *counters) spooled(entries []event.Entry) {
	if c == nil {
		return
	}
	c.spoolFrames.Add(float64(len(entries)))
	for _, e := range entries {
		c.spoolEvents.Add(float64(e.Frame.Events))
	}
}

func (c *counters) refuse(events int) {
	if c != nil {
		c.spoolRefused.Add(float64(events))
	}
}

func (c *counters) reconnect() {
	if c != nil {
		c.reconnects.Inc()
	}
}

func (c *counters) restart() {
	if c != nil {
		c.restarts.Inc()
	}
}

func (c *counters) giveAgain(frames int) {
	if c != nil {
		c.again.Add(float64(frames))
	}
}

func (c *counters) gap(g event.Gap) {
	if c == nil {
		return
	}
	c.gaps.Inc()
	if g.From != 0 {
		c.gapSeconds.Add(max(0, g.To.Std().Sub(g.From.Std()).Seconds()))
	}
}

func (c *counters) fence() {
	if c != nil {
		c.fences.Inc()
	}
}
