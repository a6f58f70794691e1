package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"riffle/pkg/event"
	"riffle/pkg/obs"
)

func TestRunPushesEveryEventInOrder(t *testing.T) {
	t.Parallel()
	messages := words(5000)
	c := newChain()
	in := newIngest(t, &script{messages: messages}, c)
	if err := in.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkKeys(t, c, messages)
	if got, want := c.at().Cursor, "5000"; got != want {
		t.Errorf("cursor %q, want %q", got, want)
	}
	if got, want := in.Status().State, StateEnded; got != want {
		t.Errorf("state %q, want %q", got, want)
	}
}

func TestEveryMessageIsCountedOnce(t *testing.T) {
	t.Parallel()
	oversize := strings.Repeat("x", event.MaxMessage+1)
	c := newChain()
	in := newIngest(t, &script{messages: []string{
		"a", "pass:like", "reject:0", "b", "pass:like", "pass:limit", "reject:3", oversize, "panic", "c",
	}}, c)
	if err := in.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkKeys(t, c, []string{"a", "b", "c"})
	got := in.Summary().String()
	want := `{"read":10,"accepted":3,"passed_over":{"like":2,"limit":1},` +
		`"rejected":{"no_author":1,"oversize":1,"syntax":1,"unknown":1}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEventsCarryWhatTheWireDoesNotTell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChain()
		in := newIngest(t, &script{messages: []string{"a", "seen:net:2"}, round: 7}, c)
		in.audience = []string{"net:1"}
		if err := in.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		now := event.TimeOf(time.Now())
		want := []*event.Event{
			{Key: "a#7", Version: 1, Network: "test", Source: "test", ReceivedAt: now, Audience: []string{"net:1"}},
			{Key: "seen:net:2#7", Version: 1, Network: "test", Source: "test", ReceivedAt: now, Audience: []string{"net:2"}},
		}
		if diff := cmp.Diff(want, c.events(t)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestChunksAreBounded(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", chunkBytes/2-1)
	for name, test := range map[string]struct {
		messages []string
		want     []int // events a frame
	}{
		"by number":          {words(chunkMessages*2 + 1), []int{chunkMessages, chunkMessages, 1}},
		"by bytes":           {[]string{big, big, big}, []int{2, 1}},
		"one larger message": {[]string{"a", strings.Repeat("x", event.MaxMessage), "b"}, []int{1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // no linger interferes
				c := newChain()
				if err := newIngest(t, &script{messages: test.messages}, c).Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				var got []int
				for _, p := range c.pushes {
					got = append(got, p.Frame.Events)
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("got frames of %v events, want %v", got, test.want)
				}
			})
		})
	}
}

func TestLoneMessageDoesNotWaitForCompany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		c := newChain()
		in := newIngest(t, &script{messages: []string{"a"}, live: true}, c)
		done := run(ctx, in)
		start := time.Now()
		<-c.changed
		if got := time.Since(start); got != linger {
			t.Errorf("pushed after %v, want %v", got, linger)
		}
		stop()
		wantStop(t, done)
	})
}

// A chunk without an event has no frame; the next frame carries its cursor.
func TestCursorMovesPastMessagesThatAreNoEvents(t *testing.T) {
	t.Parallel()
	messages := slices.Repeat([]string{"pass:like"}, 3*chunkMessages)
	messages = append(messages, "a", "pass:like")
	c := newChain()
	in := newIngest(t, &script{messages: messages}, c)
	if err := in.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := c.at().Cursor, fmt.Sprint(len(messages)); got != want || len(c.pushes) != 1 {
		t.Errorf("cursor %q in %d frames, want %q in 1", got, len(c.pushes), want)
	}
	if got, want := in.Summary().Read, int64(len(messages)); got != want {
		t.Errorf("read %d, want %d", got, want)
	}
}

func TestRunResumesWhereTheBufferStands(t *testing.T) {
	t.Parallel()
	c := newChain()
	c.start = event.Position{Frame: event.FrameID{9}, Cursor: "3"}
	if err := newIngest(t, &script{messages: words(5)}, c).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkKeys(t, c, []string{"w3", "w4"})
	if got, want := c.pushes[0].Prev, (event.FrameID{9}); got != want {
		t.Errorf("first frame follows %s, want %s", got, want)
	}
}

func TestReconnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{
			messages: words(6), wait: time.Minute,
			breaks: map[int]error{0: errors.New("refused"), 4: errors.New("dropped")},
		}
		c := newChain()
		start := time.Now()
		if err := newIngest(t, s, c).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkKeys(t, c, words(6))
		if got, want := s.asked, []string{"refused false", "dropped true"}; !slices.Equal(got, want) {
			t.Errorf("source was asked %q, want %q", got, want)
		}
		if got, want := s.from, []string{"", "", "4"}; !slices.Equal(got, want) {
			t.Errorf("source was read from %q, want %q", got, want)
		}
		if got, want := time.Since(start), 2*time.Minute; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
	})
}

func TestGivingUpPushesWhatWasRead(t *testing.T) {
	t.Parallel()
	gone := errors.New("account suspended")
	s := &script{messages: words(6), breaks: map[int]error{4: errors.New("403")}, giveUp: gone}
	c := newChain()
	in := newIngest(t, s, c)
	if err := in.Run(t.Context()); !errors.Is(err, gone) {
		t.Errorf("got error %v, want %v", err, gone)
	}
	checkKeys(t, c, words(4))
	if got, want := in.Status().LastError, "source gave up: account suspended"; got != want {
		t.Errorf("last error %q, want %q", got, want)
	}
}

func TestStandbyWaitsForTheName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChain()
		free := time.Now().Add(15 * time.Second)
		c.position = func() error {
			if time.Now().Before(free) {
				return event.ErrFenced
			}
			return nil
		}
		in := newIngest(t, &script{messages: words(3)}, c)
		done := run(t.Context(), in)
		time.Sleep(time.Second / 2)
		if got, want := in.Status().State, StateStandby; got != want {
			t.Errorf("state %q, want %q", got, want)
		}
		wantStop(t, done)
		checkKeys(t, c, words(3))
		if got := time.Since(free); got > 2*standbyPause {
			t.Errorf("took over %v after the name was free", got)
		}
	})
}

func TestStopWhileStandbyOrAway(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"standby": event.ErrFenced, "away": errAway} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newChain()
				c.position = func() error { return err }
				ctx, stop := context.WithCancelCause(t.Context())
				done := run(ctx, newIngest(t, &script{messages: words(3)}, c))
				time.Sleep(time.Minute)
				start := time.Now()
				stop(errors.New("terminated"))
				wantStop(t, done)
				if got := time.Since(start); got != 0 {
					t.Errorf("stopped after %v, want at once", got)
				}
			})
		})
	}
}

func TestStopPushesWhatIsInHand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChain()
		outage := true
		c.fault = func(int) (bool, error) {
			if outage {
				return false, errAway
			}
			return false, nil
		}
		ctx, stop := context.WithCancel(t.Context())
		s := &script{messages: words(700), live: true}
		in := newIngest(t, s, c)
		done := run(ctx, in)
		time.Sleep(time.Minute)
		stop()
		time.Sleep(time.Second)
		c.mu.Lock()
		outage = false
		c.mu.Unlock()
		wantStop(t, done)
		checkKeys(t, c, words(700))
		if got, want := in.Status().State, StateStopped; got != want {
			t.Errorf("state %q, want %q", got, want)
		}
		if c.released != 1 {
			t.Errorf("name released %d times, want 1", c.released)
		}
		if len(s.asked) > 0 {
			t.Errorf("source was asked about %q, want nothing: a stop is no failure", s.asked)
		}
	})
}

func TestStopGivesUpAfterItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChain()
		c.fault = func(int) (bool, error) { return false, errAway }
		ctx, stop := context.WithCancel(t.Context())
		in := newIngest(t, &script{messages: words(9), live: true}, c)
		done := run(ctx, in)
		time.Sleep(time.Minute)
		start := time.Now()
		stop()
		wantStop(t, done)
		if got := time.Since(start); got != drainTime {
			t.Errorf("stopped after %v, want %v", got, drainTime)
		}
		if got := in.Summary().Read; got != 0 {
			t.Errorf("%d messages count as read, want 0: the buffer holds none", got)
		}
	})
}

func TestBufferThatFailsForGoodEndsTheStage(t *testing.T) {
	t.Parallel()
	broken := errors.New("wrong password")
	c := newChain()
	c.fault = func(int) (bool, error) { return false, broken }
	in := newIngest(t, &script{messages: words(3), live: true}, c)
	if err := in.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
}

func TestStatusTellsOfAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChain()
		var fault error
		c.fault = func(int) (bool, error) { return false, fault }
		s := &script{messages: words(3), live: true}
		in := newIngest(t, s, c)
		ctx, stop := context.WithCancel(t.Context())
		done := run(ctx, in)
		for _, step := range []struct {
			fault error
			want  State
		}{{errAway, StateAway}, {event.ErrFull, StateFull}, {nil, StateReading}} {
			c.mu.Lock()
			fault = step.fault
			c.mu.Unlock()
			time.Sleep(outageReminder)
			got := in.Status()
			if got.State != step.want {
				t.Errorf("state %q, want %q", got.State, step.want)
			}
			if held := step.fault != nil; held != (got.Lag > 0) {
				t.Errorf("state %q: lag %v", got.State, got.Lag)
			}
		}
		if got, want := in.Status().LastError, "connection refused"; got != want {
			t.Errorf("last error %q, want %q", got, want)
		}
		stop()
		wantStop(t, done)
	})
}

func TestRate(t *testing.T) {
	t.Parallel()
	var m meter
	start := time.Unix(1_700_000_000, 0)
	for i := range 30 {
		m.add(start.Add(time.Duration(i)*time.Second), 50)
	}
	for after, want := range map[time.Duration]float64{30 * time.Second: 50, 35 * time.Second: 25, time.Hour: 0} {
		probe := m
		if got := probe.perSecond(start.Add(after)); got != want {
			t.Errorf("rate after %v is %v, want %v", after, got, want)
		}
	}
}

func TestCountersExistFromZeroAndAddUp(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	config := Config{
		Name: "test", Source: &script{messages: []string{"a", "pass:like", "reject:2"}},
		Pusher: newChain(), Log: zap.NewNop(), Registerer: registry,
	}
	in, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	before := metrics(t, registry)
	for _, reason := range event.Reasons() {
		if got, there := before["riffle_ingest_rejected_total "+reason.String()]; !there || got != 0 {
			t.Errorf("rejected %s at the start: %v, %v", reason, got, there)
		}
	}
	if err := in.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := metrics(t, registry)
	if got := in.Status().LastMessage; float64(got.UnixMilli())/1000 != after["riffle_ingest_last_message_seconds"] || got.IsZero() {
		t.Errorf("last message at %v by the status, %v by the gauge", got, after["riffle_ingest_last_message_seconds"])
	}
	for name, want := range map[string]float64{
		"riffle_ingest_lag_seconds":            0,
		"riffle_ingest_accepted_total":         1,
		"riffle_ingest_passed_over_total like": 1,
		"riffle_ingest_rejected_total no_id":   1,
		"riffle_ingest_frames_total":           1,
	} {
		if got := after[name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if _, err := New(config); err == nil {
		t.Error("a second ingest of the same name registered its counters")
	}
}

func TestKindsAreBounded(t *testing.T) {
	t.Parallel()
	sum, more := newTally(), newTally()
	for i := range 3 * maxKinds {
		more.passedOver[fmt.Sprint(i)] = 1
	}
	sum.add(&more)
	if got := len(sum.passedOver); got != maxKinds+1 {
		t.Errorf("%d kinds, want %d and %q", got, maxKinds, otherKind)
	}
	if got, want := sum.read(), int64(3*maxKinds); got != want {
		t.Errorf("read %d, want %d", got, want)
	}
}

func TestRejectedMessagesAreLoggedSparinglyAndWithoutContent(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	in := newIngest(t, &script{messages: slices.Repeat([]string{"reject:5"}, 1000)}, newChain())
	in.log = zap.New(core)
	if err := in.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := logs.FilterMessage("message rejected").AllUntimed()
	if got := len(lines); got != obs.SampleBurst {
		t.Fatalf("%d warnings, want %d", got, obs.SampleBurst)
	}
	for _, line := range lines {
		fields := line.ContextMap()
		if fields["reason"] != "bad_field" || fields["cursor"] == "" {
			t.Errorf("fields %v, want reason and cursor", fields)
		}
		if strings.Contains(fmt.Sprint(fields), "reject:5") {
			t.Errorf("fields %v tell the content", fields)
		}
	}
}

// run starts in and returns where its error will come.
func run(ctx context.Context, in *Ingest) <-chan error {
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	return done
}

func wantStop(t *testing.T, done <-chan error) {
	t.Helper()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// metrics reads the counters, by name and, where there is one, label.
func metrics(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				if label.GetName() != "source" {
					name += " " + label.GetValue()
				}
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return values
}
