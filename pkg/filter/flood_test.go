package filter_test

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/filter"
)

// push a frame of n posts with the word apple that arrived at a time.
func (b *bench) pushAt(t *testing.T, first, n int, arrived time.Time, change func(*event.Event)) {
	t.Helper()
	events := posts(first, n, "apple")
	for _, ev := range events {
		ev.ReceivedAt = event.TimeOf(arrived)
		if change != nil {
			change(ev)
		}
	}
	b.push(frame(t, events...))
}

// guardedBench has a rule for apples, and a store that switches off what floods.
func guardedBench() *bench {
	b := newBench(false)
	b.guarded = true
	b.put(keep(1, 1, "apple"))
	b.put(keep(2, 2, "pear"))
	return b
}

func (b *bench) isOn(id int64) bool {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	for _, r := range b.rules {
		if r.ID == id {
			return r.Enabled
		}
	}
	return false
}

// TestFloodIsSwitchedOff holds that a rule which keeps more than 600 posts of
// one minute is switched off, that this is said, and that nothing else changes.
func TestFloodIsSwitchedOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := guardedBench()
		minute := time.Now().Truncate(time.Minute).Add(time.Minute)
		b.pushAt(t, 0, 600, minute, nil)
		stop := b.start(t.Context())
		passes(20 * time.Second)
		if !b.isOn(1) {
			t.Error("after 600 matches in a minute: the rule is off")
		}
		b.pushAt(t, 600, 1, minute.Add(59*time.Second), nil)
		passes(20 * time.Second)
		if b.isOn(1) || !b.isOn(2) {
			t.Errorf("after 601 matches in a minute: rule 1 is on: %t, rule 2: %t, want false and true", b.isOn(1), b.isOn(2))
		}
		b.pushAt(t, 601, 10, minute.Add(2*time.Minute), nil)
		passes(20 * time.Second)
		if got := len(b.kept()); got != 601 {
			t.Errorf("kept %d matches, want the 601 from before the rule was off", got)
		}
		status := b.Status()
		if len(status.Floods) != 1 || status.Floods[0].Rule != 1 || status.Floods[0].User != 1 || status.Floods[0].Value != "apple" {
			t.Errorf("floods in the status: got %+v, want rule 1", status.Floods)
		}
		if got := b.logs.FilterMessageSnippet("rule switched off").FilterField(zap.Int64("rule_id", 1)).Len(); got != 1 {
			t.Errorf("log lines about it: got %d, want 1", got)
		}
		for name, want := range map[string]float64{"riffle_filter_flooded_rules_total": 1, "riffle_filter_flooded_rules": 1} {
			if got := b.metric(t, name); got != want {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
		}
		b.put(keep(1, 1, "apple")) // its owner has looked
		passes(2 * time.Second)
		b.pushAt(t, 700, 1, minute.Add(3*time.Minute), nil)
		passes(20 * time.Second)
		if got := len(b.kept()); got != 602 {
			t.Errorf("kept %d matches after the rule is on again, want 602", got)
		}
		if got := b.Status().Floods; len(got) != 0 {
			t.Errorf("floods after the owner has looked: got %+v, want none", got)
		}
		mustStop(t, stop)
	})
}

// TestFloodOfTwoFilters: what two filters count is added up, and the rule is off in
// both.
func TestFloodOfTwoFilters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one := guardedBench()
		other := &bench{buffer: newBuffer(), store: one.store, logs: one.logs}
		other.Filter = filter.New(filter.Config{Taker: other.buffer, Writer: one.store, Rules: one.store, Log: zap.NewNop()})
		stopOne, stopOther := one.start(t.Context()), other.start(t.Context())
		minute := time.Now().Truncate(time.Minute).Add(time.Minute)
		one.pushAt(t, 0, 400, minute, nil)
		passes(20 * time.Second)
		if !one.isOn(1) {
			t.Error("after 400 matches in one filter: the rule is off")
		}
		other.pushAt(t, 1000, 201, minute, nil)
		passes(20 * time.Second)
		if one.isOn(1) {
			t.Error("after 201 more in another filter: the rule is on")
		}
		one.pushAt(t, 2000, 1, minute.Add(2*time.Minute), nil)
		other.pushAt(t, 3000, 1, minute.Add(2*time.Minute), nil)
		passes(20 * time.Second)
		if got := len(one.kept()); got != 601 {
			t.Errorf("kept %d matches, want the 601 from before the rule was off", got)
		}
		for i, f := range []*bench{one, other} {
			if got := f.Status().Floods; len(got) != 1 || got[0].Rule != 1 {
				t.Errorf("floods in the status of filter %d: got %+v, want rule 1", i, got)
			}
		}
		mustStop(t, stopOne)
		mustStop(t, stopOther)
	})
}

// TestNoFlood: what arrived over minutes and is drained at once, what is read from
// a file, and what a calm rule keeps, switch nothing off, whatever the store
// refuses meanwhile.
func TestNoFlood(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	for name, push := range map[string]func(t *testing.T, b *bench){
		"a backlog of minutes": func(t *testing.T, b *bench) {
			for i := range 5 {
				b.pushAt(t, 600*i, 600, start.Add(time.Duration(i)*time.Minute), nil)
			}
		},
		"a file": func(t *testing.T, b *bench) {
			b.pushAt(t, 0, 3000, start, func(ev *event.Event) { ev.Recorded = true })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := guardedBench()
				push(t, b)
				stop := b.start(t.Context())
				passes(time.Minute)
				mustStop(t, stop)
				if !b.isOn(1) || len(b.kept()) < 3000 {
					t.Errorf("the rule is on: %t, with %d matches; want it on, with all", b.isOn(1), len(b.kept()))
				}
			})
		})
	}
}

// TestFloodWaitsForTheStore: counts that the store does not take are told again.
func TestFloodWaitsForTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := guardedBench()
		b.countErr = transient()
		b.pushAt(t, 0, 700, time.Now().Truncate(time.Minute).Add(time.Minute), nil)
		stop := b.start(t.Context())
		passes(30 * time.Second)
		if !b.isOn(1) {
			t.Error("the rule is off though the store took nothing")
		}
		b.store.mu.Lock()
		b.countErr = nil
		b.store.mu.Unlock()
		passes(30 * time.Second)
		mustStop(t, stop)
		if b.isOn(1) {
			t.Error("700 matches in a minute, told late: the rule is on")
		}
	})
}

func (b *bench) metric(t *testing.T, name string) float64 {
	t.Helper()
	families, err := b.reg.Gather()
	if err != nil {
		t.Fatalf("Gather: %v", err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Errorf("there is no metric %s", name)
	return 0
}
