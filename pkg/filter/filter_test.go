package filter_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"riffle/pkg/auth"
	"riffle/pkg/event"
	"riffle/pkg/filter"
	"riffle/pkg/rule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a filter between an in-memory buffer and store.
type bench struct {
	*buffer
	*store
	logs *observer.ObservedLogs
	reg  *prometheus.Registry
	*filter.Filter
}

func newBench(storeAll bool) *bench {
	core, logs := observer.New(zapcore.InfoLevel)
	b := &bench{buffer: newBuffer(), store: newStore(), logs: logs, reg: prometheus.NewRegistry()}
	b.Filter = filter.New(filter.Config{
		Taker: b.buffer, Writer: b.store, Rules: b.store, Recent: b.buffer, Ledger: b.store,
		Log: zap.New(core), Registerer: b.reg, StoreAll: storeAll,
	})
	return b
}

// start runs the filter; the returned function stops it and returns what Run
// returned.
func (b *bench) start(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	result := make(chan error, 1)
	go func() { result <- b.Run(ctx) }()
	return func() error {
		cancel()
		return <-result
	}
}

// mustStop stops a filter that must have no reason to complain.
func mustStop(t *testing.T, stop func() error) {
	t.Helper()
	if err := stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
}

// passes lets d pass on the bubble's clock and waits until all is quiet.
func passes(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func wantDepth(t *testing.T, b *buffer, wantWaiting, wantFlight int) {
	t.Helper()
	if waiting, flight := b.depth(); waiting != wantWaiting || flight != wantFlight {
		t.Errorf("buffer holds %d waiting, %d in flight; want %d, %d", waiting, flight, wantWaiting, wantFlight)
	}
}

func TestKeepsWhatRulesAskFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		b.put(keep(2, 1, "pear"))
		b.put(keep(3, 2, "apple"))
		b.put(rule.Rule{ID: 4, User: 2, Value: "rotten", Action: rule.Drop, Enabled: true})
		b.put(rule.Rule{ID: 5, User: 3, Value: "apple", Enabled: false})
		b.put(rule.Rule{ID: 6, User: 4, Value: "apple", Enabled: true, Gone: true})
		reply := post("c", "apple for you")
		reply.ReplyTo = &event.Ref{Key: "test:a", AuthorID: "a9"}
		b.push(
			frame(t, post("a", "apple and pear"), reply, post("d", "nothing")),
			frame(t, post("b", "rotten apple")),
		)
		stop := b.start(t.Context())
		passes(time.Second)
		mustStop(t, stop)

		want := []matchKey{{1, "test:a"}, {1, "test:b"}, {1, "test:c"}, {2, "test:a"}, {2, "test:c"}}
		if diff := cmp.Diff(want, b.kept()); diff != "" {
			t.Errorf("matches (-want +got):\n%s", diff)
		}
		wantRules := []event.RuleMatch{
			{ID: "1", Tag: "t", Spans: []event.Span{{Field: "text", Start: 0, End: 5}}},
			{ID: "2", Tag: "t", Spans: []event.Span{{Field: "text", Start: 10, End: 14}}},
		}
		if diff := cmp.Diff(wantRules, b.matches[matchKey{1, "test:a"}]); diff != "" {
			t.Errorf("rules of the match (-want +got):\n%s", diff)
		}
		if got, want := b.stored["test:c"], string(reply.AppendJSON(nil)); got != want {
			t.Errorf("stored %s\nwant   %s", got, want)
		}
		wantDepth(t, b.buffer, 0, 0)
	})
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	seen := post("seen", "apple")
	seen.Audience = []string{"twitter:7", "twitter:8"}
	unlinked := post("unlinked", "apple")
	unlinked.Audience = []string{"twitter:99"}
	revised := post("revised", "nothing")
	revised.Revised, revised.Version = true, 2
	revisedUnlinked := post("revised-unlinked", "apple")
	revisedUnlinked.Audience, revisedUnlinked.Revised = []string{"twitter:99"}, true
	deleted := &event.Event{Key: "test:gone", Version: event.VersionFinal, Deleted: true, Network: "test", Source: "test"}
	account := &event.Event{Key: "test:a1", Version: event.VersionFinal, Deleted: true, Account: true, Network: "test", Source: "test"}

	tests := []struct {
		name  string
		event *event.Event
		want  []event.Verdict // without Event and JSON
	}{
		{"public, judged by everyone", post("x", "apple"), []event.Verdict{{Matches: matchesOf(1, 2, 3)}}},
		{"with an audience, judged by those linked", seen, []event.Verdict{{Judged: []int64{2, 3}, Matches: matchesOf(2, 3)}}},
		{"with an audience that nobody is linked to", unlinked, nil},
		{"revised, kept by nobody", revised, []event.Verdict{{Stored: true}}},
		{"revised, judged by nobody", revisedUnlinked, []event.Verdict{{Judged: []int64{}}}},
		{"deletion", deleted, []event.Verdict{{}}},
		{"deletion of an account", account, []event.Verdict{{}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(false)
				for user := int64(1); user <= 3; user++ {
					b.put(keep(user, user, "apple"))
				}
				b.link(auth.Link{Account: "twitter:7", User: 3})
				b.link(auth.Link{Account: "twitter:8", User: 3})
				b.link(auth.Link{Account: "twitter:8", User: 2})
				b.link(auth.Link{Account: "twitter:99", User: 1, Gone: true})
				b.push(frame(t, tt.event))
				stop := b.start(t.Context())
				passes(time.Second)
				mustStop(t, stop)

				got := b.decided()
				for _, v := range got {
					if diff := cmp.Diff(tt.event, v.Event, cmpopts.EquateEmpty()); diff != "" {
						t.Errorf("event (-want +got):\n%s", diff)
					}
					if gotJSON := len(v.JSON) > 0; gotJSON == tt.event.Deleted {
						t.Errorf("verdict has JSON: %v, deleted: %v", gotJSON, tt.event.Deleted)
					}
				}
				opts := cmp.Options{
					cmpopts.IgnoreFields(event.Verdict{}, "Event", "JSON"), cmpopts.IgnoreFields(event.RuleMatch{}, "Spans", "Tag"),
				}
				if diff := cmp.Diff(tt.want, got, opts, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("verdicts (-want +got):\n%s", diff)
				}
				for i := range got {
					if (got[i].Judged == nil) != (tt.want[i].Judged == nil) {
						t.Errorf("Judged = %#v, want %#v: nil is everyone, empty is nobody", got[i].Judged, tt.want[i].Judged)
					}
				}
				wantDepth(t, b.buffer, 0, 0)
			})
		})
	}
}

// matchesOf are matches of users who have one rule of their own number.
func matchesOf(users ...int64) (matches []event.Match) {
	for _, u := range users {
		matches = append(matches, event.Match{User: u, Rules: []event.RuleMatch{{ID: fmt.Sprint(u)}}})
	}
	return matches
}

func TestStoreAllStoresWhatNobodyKeeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(true)
		private := post("private", "pear")
		private.Audience = []string{"twitter:7"}
		b.push(frame(t, append(posts(0, 500, "pear"), private)...))
		stop := b.start(t.Context())
		passes(time.Second)
		mustStop(t, stop)
		if got, want := len(b.stored), 501; got != want {
			t.Errorf("stored %d events, want %d", got, want)
		}
	})
}

// posts makes n posts from number first on.
func posts(first, n int, text string) (events []*event.Event) {
	for i := range n {
		events = append(events, post(fmt.Sprintf("%06d", first+i), text))
	}
	return events
}

// pushPosts pushes frames of posts that user 1 keeps.
func (b *bench) pushPosts(tb testing.TB, frames, each int) {
	tb.Helper()
	b.put(keep(1, 1, "apple"))
	enc := event.NewEncoder()
	for i := range frames {
		b.push(pack(tb, enc, posts(i*each, each, "apple")))
	}
}

func TestAcknowledgesAfterCommitOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		commit := make(chan struct{})
		b.enter = func(context.Context) error { <-commit; return nil }
		b.pushPosts(t, 3, 10)
		stop := b.start(t.Context())
		passes(time.Second)
		if len(b.acked) != 0 {
			t.Errorf("acknowledged %d frames before the commit", len(b.acked))
		}
		close(commit)
		passes(time.Second)
		if got := len(b.acked); got != 3 {
			t.Errorf("acknowledged %d frames after the commit, want 3", got)
		}
		mustStop(t, stop)
	})
}

// A long outage: what is held is given back, nothing is taken while it lasts,
// and all of it is kept once when it is over.
func TestStoreOutageCostsDelayOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		stop := b.start(t.Context())
		passes(time.Second)
		b.store.fail(transient())
		b.pushPosts(t, 200, 20)
		passes(5 * time.Second)
		wantDepth(t, b.buffer, 200, 0)
		if got := b.Status().State; got != filter.StateAway {
			t.Errorf("state is %q, want %q", got, filter.StateAway)
		}
		if !strings.Contains(b.Status().LastError, errDown.Error()) {
			t.Errorf("last error is %q, want what the store said", b.Status().LastError)
		}
		takes, _ := b.tally()
		passes(10 * time.Minute)
		if now, _ := b.tally(); now != takes {
			t.Errorf("took %d times during the outage", now-takes)
		}
		b.store.fail(nil)
		passes(8 * time.Second)
		if got, want := len(b.kept()), 4000; got != want {
			t.Errorf("kept %d matches after the outage, want %d", got, want)
		}
		if got := b.Status().State; got != filter.StateRunning {
			t.Errorf("state is %q, want %q", got, filter.StateRunning)
		}
		wantDepth(t, b.buffer, 0, 0)
		wantNoneDoubled(t, b.store)
		wantDeliveries(t, b, 1)
		mustStop(t, stop)
	})
}

func wantNoneDoubled(t *testing.T, s *store) {
	t.Helper()
	if got := s.doubled(); len(got) > 0 {
		t.Errorf("matches were inserted twice: %v", got)
	}
}

// wantDeliveries checks that no frame seems to have been delivered more often
// than it was worked on: its count decides when it becomes a dead letter.
func wantDeliveries(t *testing.T, b *bench, want int) {
	t.Helper()
	b.buffer.mu.Lock()
	defer b.buffer.mu.Unlock()
	for _, d := range b.waiting {
		if d.Count > want {
			t.Errorf("frame %s has count %d, want at most %d", d.ID, d.Count, want)
		}
	}
}

// A store that answers but takes no writes, such as one with a full disk, is
// tried with one frame at a time, not with all that fits.
func TestStoreThatOnlyAnswersIsTriedWithOneFrame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		full := true
		b.refuse = func(*event.Batch) error {
			if full {
				return transient()
			}
			return nil
		}
		b.pushPosts(t, 100, 5)
		stop := b.start(t.Context())
		passes(10 * time.Second)
		b.buffer.mu.Lock()
		b.most = 0
		b.buffer.mu.Unlock()
		passes(time.Minute)
		b.buffer.mu.Lock()
		if b.most != 1 {
			t.Errorf("held %d frames while the store took nothing, want 1", b.most)
		}
		b.buffer.mu.Unlock()
		b.store.mu.Lock()
		full = false
		b.store.mu.Unlock()
		passes(10 * time.Second)
		if got, want := len(b.kept()), 500; got != want {
			t.Errorf("kept %d matches, want %d", got, want)
		}
		wantNoneDoubled(t, b.store)
		mustStop(t, stop)
	})
}

// A deadlock passes at once and gives nothing back.
func TestShortFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		failures := 0
		b.refuse = func(*event.Batch) error {
			if failures++; failures%3 != 0 {
				return transient()
			}
			return nil
		}
		b.pushPosts(t, 300, 2)
		stop := b.start(t.Context())
		passes(time.Minute)
		if got, want := len(b.kept()), 600; got != want {
			t.Errorf("kept %d matches, want %d", got, want)
		}
		if _, deliveries := b.tally(); deliveries != 300 {
			t.Errorf("%d deliveries of 300 frames", deliveries)
		}
		mustStop(t, stop)
	})
}

func TestStopFinishesWhatIsInHand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.enter = func(context.Context) error { time.Sleep(3 * time.Second); return nil }
		b.pushPosts(t, 1, 10)
		stop := b.start(t.Context())
		passes(time.Second)
		mustStop(t, stop)
		if got := len(b.kept()); got != 10 {
			t.Errorf("kept %d matches, want 10", got)
		}
		wantDepth(t, b.buffer, 0, 0)
	})
}

func TestStopGivesBackWhatCannotBeFinished(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.enter = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		b.pushPosts(t, 5, 10)
		stop := b.start(t.Context())
		passes(time.Second)
		begin := time.Now()
		mustStop(t, stop)
		if took := time.Since(begin); took > 15*time.Second {
			t.Errorf("stopping took %v", took)
		}
		wantDepth(t, b.buffer, 5, 0)
		wantDeliveries(t, b, 0)
	})
}

func TestStopBeforeTheStoreAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.readErr = transient()
		b.push(frame(t, post("a", "apple")))
		stop := b.start(t.Context())
		passes(time.Minute)
		if takes, _ := b.tally(); takes != 0 {
			t.Error("took frames before the rules were loaded")
		}
		if got := b.Status().State; got != filter.StateLoading {
			t.Errorf("state is %q, want %q", got, filter.StateLoading)
		}
		mustStop(t, stop)
	})
}

// A frame that an earlier delivery finished, whose ack got lost, leaves the
// buffer without being written again; the other frames of its batch are written.
func TestRefusedFrameIsAcknowledgedAndHarmsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		done := frame(t, post("done", "apple"))
		b.finished[done.ID] = true
		b.push(frame(t, post("a", "apple")), done, frame(t, post("b", "apple")))
		stop := b.start(t.Context())
		passes(time.Second)
		want := []matchKey{{1, "test:a"}, {1, "test:b"}}
		if diff := cmp.Diff(want, b.kept()); diff != "" {
			t.Errorf("matches (-want +got):\n%s", diff)
		}
		wantDepth(t, b.buffer, 0, 0)
		mustStop(t, stop)
	})
}

// A frame claimed by a later delivery is that filter's: the late one writes
// nothing of it and does not take it out of the buffer.
func TestLateFilterWritesAndRemovesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		lost := frame(t, post("lost", "apple"))
		b.push(lost, frame(t, post("a", "apple")))
		b.enter = func(context.Context) error {
			// While this filter hung, another took the frame over.
			b.buffer.mu.Lock()
			defer b.buffer.mu.Unlock()
			if f := b.flight[lost.ID]; f != nil && f.delivery.Stamp < 100 {
				f.delivery.Stamp = 100
				b.claim(lost.ID, 100)
			}
			return nil
		}
		stop := b.start(t.Context())
		passes(time.Second)
		if diff := cmp.Diff([]matchKey{{1, "test:a"}}, b.kept()); diff != "" {
			t.Errorf("matches (-want +got):\n%s", diff)
		}
		wantDepth(t, b.buffer, 0, 1)
		mustStop(t, stop)
	})
}

// Two filters, the first of which hangs past its lease with frames in hand and
// then wakes up: all is kept, nothing twice.
func TestFrozenFilterIsTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.pushPosts(t, 20, 10)
		wake := make(chan struct{})
		first := filter.New(filter.Config{
			Taker: &frozen{b.buffer, wake}, Writer: &sleeper{b.store, wake}, Rules: b.store, Log: zap.NewNop(),
		})
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- first.Run(ctx) }()
		passes(time.Second)
		if _, flight := b.depth(); flight == 0 {
			t.Fatal("the first filter took nothing")
		}
		stop := b.start(t.Context())
		passes(20 * time.Second)
		if got, want := len(b.kept()), 200; got != want {
			t.Errorf("%d matches are kept 20 s after the first filter froze, want %d", got, want)
		}
		close(wake)
		passes(20 * time.Second)
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run() of the filter that woke up = %v", err)
		}
		mustStop(t, stop)
		wantNoneDoubled(t, b.store)
		wantDepth(t, b.buffer, 0, 0)
	})
}

// frozen is the buffer of a process that stands still: it takes once, and then
// neither takes nor renews until it wakes.
type frozen struct {
	*buffer
	wake <-chan struct{}
}

func (f *frozen) Take(ctx context.Context, limit int) ([]event.Delivery, error) {
	if _, flight := f.depth(); flight > 0 {
		<-f.wake
	}
	return f.buffer.Take(ctx, limit)
}

func (f *frozen) Renew(ctx context.Context, frames []event.Delivery) error {
	<-f.wake
	return f.buffer.Renew(ctx, frames)
}

// sleeper is a store whose writes wait.
type sleeper struct {
	*store
	wake <-chan struct{}
}

func (s *sleeper) Write(ctx context.Context, b *event.Batch) error {
	<-s.wake
	return s.store.Write(context.WithoutCancel(ctx), b)
}

func TestLeasesAreRenewedWhileAWriteIsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.enter = func(context.Context) error { time.Sleep(50 * time.Second); return nil }
		b.pushPosts(t, 3, 10)
		stop := b.start(t.Context())
		passes(3 * time.Minute)
		if _, deliveries := b.tally(); deliveries != 3 {
			t.Errorf("%d deliveries of 3 frames: leases ended", deliveries)
		}
		if got := len(b.kept()); got != 30 {
			t.Errorf("kept %d matches, want 30", got)
		}
		mustStop(t, stop)
	})
}

func TestBufferOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		var first sync.Once
		b.enter = func(context.Context) error {
			first.Do(func() { b.buffer.fail(transient()) }) // it goes away between commit and ack
			return nil
		}
		b.pushPosts(t, 10, 10)
		stop := b.start(t.Context())
		passes(time.Hour)
		b.buffer.fail(nil)
		passes(20 * time.Second)
		if got := len(b.kept()); got != 100 {
			t.Errorf("kept %d matches, want 100", got)
		}
		wantNoneDoubled(t, b.store)
		wantDepth(t, b.buffer, 0, 0)
		// One of each that waits: the acks of three writers, the take and the renewal.
		if got := b.logs.FilterMessage("buffer does not answer, trying again").Len(); got > 5 {
			t.Errorf("%d log lines about one outage", got)
		}
		mustStop(t, stop)
	})
}

func TestTakerThatFailsForGoodEndsRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.buffer.fail(errDown)
		if err := b.Run(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("Run() = %v, want %v", err, errDown)
		}
	})
}

func TestRuleChangeIsLiveWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		stop := b.start(t.Context())
		passes(time.Second)
		steps := []struct {
			name   string
			change func()
			want   []int64 // users who keep "apple pear"
		}{
			{"as loaded", func() {}, []int64{1}},
			{"another rule", func() { b.put(keep(2, 2, "pear")) }, []int64{1, 2}},
			{"changed", func() { b.put(keep(1, 1, "plum")) }, []int64{2}},
			{"does not compile", func() { b.put(keep(2, 2, `"pear`)) }, []int64{2}},
			{"still does not", func() { b.put(keep(2, 2, `"pears`)) }, []int64{2}},
			{"switched off", func() { b.put(rule.Rule{ID: 2, User: 2, Value: "pear"}) }, nil},
			{"on again", func() { b.put(keep(2, 2, "pear")) }, []int64{2}},
			{"removed", func() { b.put(rule.Rule{ID: 2, User: 2, Value: "pear", Enabled: true, Gone: true}) }, nil},
		}
		for _, step := range steps {
			step.change()
			passes(2 * time.Second)
			b.push(frame(t, post(step.name, "apple pear")))
			passes(time.Second)
			var got []int64
			for _, k := range b.kept() {
				if k.Key == "test:"+step.name {
					got = append(got, k.User)
				}
			}
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("%s: users who keep it (-want +got):\n%s", step.name, diff)
			}
		}
		if got := b.logs.FilterMessageSnippet("does not compile").Len(); got != 1 {
			t.Errorf("%d log lines about one broken rule", got)
		}
		mustStop(t, stop)
	})
}

// A rule that somebody broke in the database is named and skipped when a filter
// starts; the others are in force.
func TestBrokenRowsAreSkippedAtTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		b.put(keep(2, 2, `"pear`))
		b.put(rule.Rule{ID: 3, User: 3, Value: "apple", Enabled: true, Action: 9})
		b.put(keep(4, 4, "pear"))
		stop := b.start(t.Context())
		b.push(frame(t, post("a", "apple pear")))
		passes(time.Minute)
		mustStop(t, stop)
		if diff := cmp.Diff([]matchKey{{1, "test:a"}, {4, "test:a"}}, b.kept()); diff != "" {
			t.Errorf("matches (-want +got):\n%s", diff)
		}
		for _, id := range []int64{2, 3} {
			if got := b.logs.FilterMessageSnippet("does not compile").FilterField(zap.Int64("rule_id", id)).Len(); got != 1 {
				t.Errorf("log lines about rule %d: got %d, want 1", id, got)
			}
		}
		var told []int64
		for _, broken := range b.Status().Broken {
			told = append(told, broken.Rule)
		}
		if diff := cmp.Diff([]int64{2, 3}, told); diff != "" {
			t.Errorf("rules that the status names (-want +got):\n%s", diff)
		}
	})
}

func TestLinkChangeIsLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		stop := b.start(t.Context())
		for i, gone := range []bool{false, true, false} {
			b.link(auth.Link{Account: "twitter:7", User: 1, Gone: gone})
			passes(2 * time.Second)
			ev := post(fmt.Sprint(i), "apple")
			ev.Audience = []string{"twitter:7"}
			b.push(frame(t, ev))
			passes(time.Second)
		}
		if diff := cmp.Diff([]matchKey{{1, "test:0"}, {1, "test:2"}}, b.kept()); diff != "" {
			t.Errorf("matches (-want +got):\n%s", diff)
		}
		mustStop(t, stop)
	})
}

// A filter that can't refresh its rules goes on with those it has and says so.
func TestFailingRefreshGoesOnWithWhatThereIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		stop := b.start(t.Context())
		passes(time.Second)
		b.store.mu.Lock()
		b.readErr = errDown
		b.store.mu.Unlock()
		fresh := b.Status().RulesAt
		passes(time.Minute)
		b.push(frame(t, post("a", "apple")))
		passes(time.Second)
		if got := len(b.kept()); got != 1 {
			t.Errorf("kept %d matches, want 1", got)
		}
		if got := b.Status(); got.RulesAt.Sub(fresh) > time.Second || got.LastError == "" || got.Rules != 1 {
			t.Errorf("status does not tell that rules are old: %+v", got)
		}
		if got := b.logs.FilterMessageSnippet("can't be refreshed").Len(); got != 1 {
			t.Errorf("%d log lines about one outage: %v", got, b.logs.FilterMessage("buffer does not answer, trying again").All())
		}
		b.store.mu.Lock()
		b.readErr = nil
		b.store.mu.Unlock()
		passes(time.Second)
		if got := b.Status().RulesAt; time.Since(got) > time.Second {
			t.Errorf("rules are still said to be from %v", got)
		}
		mustStop(t, stop)
	})
}

// What a verdict points to lasts until the batch is written, though the events
// of a frame are read one after the other.
func TestVerdictsOfAFrameShareNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(true)
		var want []*event.Event
		for i := range 300 {
			ev := post(fmt.Sprint(i), strings.Repeat("apple ", i))
			ev.ReplyTo = &event.Ref{Key: fmt.Sprint("test:reply", i), AuthorID: fmt.Sprint(i)}
			ev.QuoteOf = &event.Ref{Key: fmt.Sprint("test:quote", i), Text: fmt.Sprint("pear ", i)}
			ev.Hashtags = []string{fmt.Sprint("tag", i)}
			ev.Media = []event.Media{{URL: fmt.Sprint("https://example.org/", i)}}
			want = append(want, ev)
		}
		b.push(frame(t, want...))
		stop := b.start(t.Context())
		passes(time.Second)
		mustStop(t, stop)
		var got []*event.Event
		for _, v := range b.decided() {
			got = append(got, v.Event)
			if string(v.JSON) != string(v.Event.AppendJSON(nil)) {
				t.Errorf("JSON of %s is %s", v.Event.Key, v.JSON)
			}
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// All pages are read at the start, however many there are.
func TestLoadsAllPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		for i := range int64(45_000) {
			b.rules = append(b.rules, rule.Rule{ID: i + 1, User: i + 1, Value: "apple", Enabled: true, Number: i + 1})
		}
		stop := b.start(t.Context())
		passes(time.Millisecond)
		if got := b.Status().Rules; got != 45_000 {
			t.Errorf("%d rules in force, want 45000", got)
		}
		mustStop(t, stop)
	})
}

func TestRuleCountsAreFlushed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.countErr = transient()
		b.pushPosts(t, 10, 10)
		stop := b.start(t.Context())
		passes(30 * time.Second)
		b.store.mu.Lock()
		b.countErr = nil
		b.store.mu.Unlock()
		passes(10 * time.Second)
		if got := b.countOf(1); got != 100 {
			t.Errorf("rule 1 has %d matches, want 100", got)
		}
		b.push(frame(t, post("z", "apple")))
		passes(time.Second)
		mustStop(t, stop)
		if got := b.countOf(1); got != 101 {
			t.Errorf("rule 1 has %d matches after the stop, want 101", got)
		}
	})
}

// However much waits, a filter holds a bounded number of frames, and makes large
// batches of them.
func TestHandIsBoundedAndBatchesAreLarge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.enter = func(context.Context) error { time.Sleep(100 * time.Millisecond); return nil }
		b.pushPosts(t, 500, 3)
		stop := b.start(t.Context())
		passes(time.Minute)
		mustStop(t, stop)
		if b.most > 64 {
			t.Errorf("held %d frames at once", b.most)
		}
		if got := len(b.batches); got > 50 {
			t.Errorf("500 frames took %d transactions", got)
		}
		if got := len(b.kept()); got != 1500 {
			t.Errorf("kept %d matches, want 1500", got)
		}
	})
}

// A single frame is written without waiting for others.
func TestIdleFilterDoesNotLinger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		stop := b.start(t.Context())
		passes(10 * time.Second)
		b.push(frame(t, post("a", "apple")))
		passes(time.Millisecond)
		if got := len(b.kept()); got != 1 {
			t.Errorf("kept %d matches a millisecond after the push, want 1", got)
		}
		mustStop(t, stop)
	})
}

func TestCountsAndStatus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		gone := &event.Event{Key: "test:b", Version: 2, Deleted: true, Network: "test", Source: "test"}
		b.push(frame(t, post("a", "apple"), post("b", "pear"), gone), frame(t, post("c", "apple")))
		stop := b.start(t.Context())
		passes(time.Second)
		got := b.Status()
		want := filter.Status{State: filter.StateRunning, Frames: 2, Events: 4, Deletions: 1, Matches: 2, Rules: 1}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(filter.Status{}, "Started", "RulesAt", "Rate")); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		mustStop(t, stop)
		if got := b.Status().State; got != filter.StateStopped {
			t.Errorf("state after the stop is %q", got)
		}
		const metrics = `
			# HELP riffle_filter_deletions_total Deletions among the events.
			# TYPE riffle_filter_deletions_total counter
			riffle_filter_deletions_total 1
			# HELP riffle_filter_frames_total Frames judged, written and acknowledged.
			# TYPE riffle_filter_frames_total counter
			riffle_filter_frames_total 2
		`
		if err := testutil.GatherAndCompare(b.reg, strings.NewReader(metrics), "riffle_filter_deletions_total", "riffle_filter_frames_total"); err != nil {
			t.Error(err)
		}
	})
}

func TestRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		stop := b.start(t.Context())
		for i := range 40 {
			b.push(frame(t, posts(i*10, 10, "pear")...))
			passes(100 * time.Millisecond)
		}
		if got := b.Status().Rate; got < 90 || got > 110 {
			t.Errorf("rate is %v a second, want about 100", got)
		}
		mustStop(t, stop)
	})
}

// Stopped at any moment, a filter loses and doubles nothing.
func TestStartStopStress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.enter = func(context.Context) error { time.Sleep(7 * time.Millisecond); return nil }
		b.pushPosts(t, 400, 3)
		for i := range 100 {
			f := filter.New(filter.Config{Taker: b.buffer, Writer: b.store, Rules: b.store, Log: zap.NewNop()})
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond/2)
			if err := f.Run(ctx); err != nil {
				t.Errorf("Run() = %v", err)
			}
			cancel()
		}
		stop := b.start(t.Context())
		passes(time.Minute)
		mustStop(t, stop)
		if got := len(b.kept()); got != 1200 {
			t.Errorf("kept %d matches, want 1200", got)
		}
		wantNoneDoubled(t, b.store)
		wantDepth(t, b.buffer, 0, 0)
	})
}
