package filter

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"riffle/pkg/event"
)

// counters are the stage's metrics; nil counts nothing.
type counters struct {
	frames, events, deletions, matches, sampled prometheus.Counter
	refused, left, givenBack, restored          prometheus.Counter
	writeFailures, bufferFailures, ruleFailures prometheus.Counter
	brokenRules, panics                         prometheus.Counter
	dead                                        map[event.DeadReason]prometheus.Counter
	floods                                      prometheus.Counter
	held, rules, rulesFresh, flooded            prometheus.Gauge
	writeSeconds, delaySeconds                  prometheus.Histogram
}

// newCounters registers the metrics; without a registerer there are none.
func newCounters(r prometheus.Registerer) *counters {
	if r == nil {
		return nil
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "riffle", Subsystem: "filter", Name: name, Help: help})
		r.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "riffle", Subsystem: "filter", Name: name, Help: help})
		r.MustRegister(g)
		return g
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "riffle", Subsystem: "filter", Name: name, Help: help, Buckets: buckets})
		r.MustRegister(h)
		return h
	}
	letters := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "riffle", Subsystem: "filter", Name: "dead_letters_total",
		Help: "Events and frames that became dead letters, by reason. Look at riffle dead list; what failed for a reason that is over can be tried again.",
	}, []string{"reason"})
	r.MustRegister(letters)
	dead := make(map[event.DeadReason]prometheus.Counter)
	for _, reason := range event.DeadReasons() {
		dead[reason] = letters.WithLabelValues(string(reason))
	}
	return &counters{
		dead:           dead,
		panics:         counter("panics_total", "Times judging an event panicked. A bug: the log has the stack and names the event."),
		frames:         counter("frames_total", "Frames judged, written and acknowledged."),
		events:         counter("events_total", "Events in these frames. Stands still while events wait in the buffer: look at the state in status and at write_failures_total."),
		deletions:      counter("deletions_total", "Deletions among the events."),
		matches:        counter("matches_total", "Matches written. A jump means a broad rule: look at the counts of rules."),
		sampled:        counter("sampled_total", "Events stored though nobody keeps them, for preview."),
		refused:        counter("refused_frames_total", "Frames that another filter had taken over or finished. Grows after a filter hung or died; a steady growth means that leases end while frames are in hand: the store is too slow."),
		left:           counter("left_frames_total", "Deliveries of frames that could not be read or written. Their frames come again: look in the log for their ids; a newer ingest may need a newer filter."),
		givenBack:      counter("given_back_frames_total", "Frames given back because the store did not take them or the filter stopped."),
		restored:       counter("restored_frames_total", "Frames that were finished, and put back because the store had lost them: it failed over to an older copy. Look at its replication."),
		writeFailures:  counter("write_failures_total", "Writes that failed and are tried again. Look at the store: disk, locks, connections."),
		bufferFailures: counter("buffer_failures_total", "Calls to the buffer that failed and are tried again. Look at the buffer's server."),
		ruleFailures:   counter("rule_refresh_failures_total", "Refreshes of the rules that failed; changes of rules wait meanwhile. Look at the store."),
		brokenRules:    counter("broken_rules_total", "Rules that did not compile; the log and riffle status name them."),
		floods:         counter("flooded_rules_total", "Rules that this filter switched off because they kept more than they may. Their owners are told; the log names them."),
		flooded:        gauge("flooded_rules", "Rules that are off because they kept more than they may, and whose owners have not looked yet."),
		held:           gauge("held_frames", "Frames taken and not settled."),
		rules:          gauge("rules", "Rules in force."),
		rulesFresh:     gauge("rules_refreshed_timestamp_seconds", "When the rules were last found to be up to date. More than 2 s ago: changes of rules are late."),
		writeSeconds:   histogram("write_seconds", "Time of a write. Above a second others wait for the store's counter.", prometheus.ExponentialBuckets(0.001, 2, 14)),
		delaySeconds:   histogram("delay_seconds", "Age of the oldest event of a frame when it is committed, counted from its arrival at ingest. Large while a backlog drains.", prometheus.ExponentialBuckets(0.005, 2, 20)),
	}
}

func (c *counters) inHand(n int) {
	if c != nil {
		c.held.Set(float64(n))
	}
}

func (c *counters) panicked() {
	if c != nil {
		c.panics.Inc()
	}
}

func (c *counters) died(reason event.DeadReason) {
	if c != nil {
		c.dead[reason].Inc()
	}
}

func (c *counters) leftFrame() {
	if c != nil {
		c.left.Inc()
	}
}

func (c *counters) refusedFrame() {
	if c != nil {
		c.refused.Inc()
	}
}

func (c *counters) restore(n int) {
	if c != nil {
		c.restored.Add(float64(n))
	}
}

func (c *counters) gaveBack(n int) {
	if c != nil {
		c.givenBack.Add(float64(n))
	}
}

func (c *counters) writeFailed() {
	if c != nil {
		c.writeFailures.Inc()
	}
}

func (c *counters) bufferFailed() {
	if c != nil {
		c.bufferFailures.Inc()
	}
}

func (c *counters) refreshFailed() {
	if c != nil {
		c.ruleFailures.Inc()
	}
}

func (c *counters) brokenRule() {
	if c != nil {
		c.brokenRules.Inc()
	}
}

func (c *counters) floodedRules(n int) {
	if c != nil {
		c.floods.Add(float64(n))
	}
}

func (c *counters) refreshed(at time.Time, rules, flooded int) {
	if c != nil {
		c.flooded.Set(float64(flooded))
		c.rulesFresh.Set(float64(at.UnixMilli()) / 1000)
		c.rules.Set(float64(rules))
	}
}

func (c *counters) wrote(took time.Duration) {
	if c != nil {
		c.writeSeconds.Observe(took.Seconds())
	}
}

// finished counts a committed frame.
func (c *counters) finished(j *job, now time.Time) {
	if c == nil {
		return
	}
	c.frames.Inc()
	c.events.Add(float64(j.events))
	c.deletions.Add(float64(j.deletions))
	c.matches.Add(float64(j.matches))
	c.sampled.Add(float64(j.sampled))
	if j.header.Oldest > 0 {
		c.delaySeconds.Observe(now.Sub(j.header.Oldest.Std()).Seconds())
	}
}
