package filter_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"riffle/pkg/event"
	"riffle/pkg/obs"
	"riffle/pkg/retry"
)

// wantLetters compares dead letters but for their texts and bytes.
func wantLetters(t *testing.T, b *bench, want ...event.DeadLetter) {
	t.Helper()
	got := b.letters()
	opts := cmp.Options{
		cmpopts.IgnoreFields(event.DeadLetter{}, "Error", "Data"),
		cmpopts.SortSlices(func(x, y event.DeadLetter) bool { return x.Key+x.Frame.String() < y.Key+y.Frame.String() }), cmpopts.EquateEmpty(),
	}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Errorf("dead letters (-want +got):\n%s", diff)
	}
	for i := range got {
		if got[i].Error == "" || len(got[i].Data) == 0 {
			t.Errorf("letter %s has error %q and %d bytes", got[i].Key, got[i].Error, len(got[i].Data))
		}
	}
	if n := b.Status().DeadLetters; n != int64(len(want)) {
		t.Errorf("status tells of %d dead letters, want %d", n, len(want))
	}
	count := make(map[event.DeadReason]float64)
	for i := range want {
		count[want[i].Reason]++
	}
	for reason, n := range count {
		if got := deadCounter(t, b, reason); got != n {
			t.Errorf("counted %v dead letters for %s, want %v", got, reason, n)
		}
	}
	wantLines(t, b, "dead letter; see riffle dead list", len(want))
}

// wantLines says that each of n occurrences is in the log, or that they were
// sampled.
func wantLines(t *testing.T, b *bench, message string, n int) {
	t.Helper()
	if got, want := b.logs.FilterMessage(message).Len(), min(n, obs.SampleBurst); got != want {
		t.Errorf("%d lines %q about %d occurrences, want %d", got, message, n, want)
	}
}

// However much harm events do, all of it is counted and little of it logged.
func TestHarmIsLoggedSparingly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		b.BreakAudiences()
		var want []event.DeadLetter
		for i := range 2 * obs.SampleBurst {
			events := posts(8*i, 8, "apple")
			for _, ev := range events {
				ev.Audience = []string{"twitter:7"}
			}
			f := frame(t, events...)
			for _, ev := range events {
				want = append(want, event.DeadLetter{Source: "test", Frame: f.ID, Key: ev.Key, Reason: event.DeadPanic, Deliveries: 1, Events: 1})
			}
			damaged := frame(t, post("x", "apple"))
			damaged.Data[len(damaged.Data)-1] ^= 1
			b.push(f, damaged)
		}
		stop := b.start(t.Context())
		passes(time.Second)
		wantLetters(t, b, want...)
		wantLines(t, b, "judging an event panicked; please report it", 2*len(want))
		wantLines(t, b, "frame can't be judged", 2*obs.SampleBurst)
		if got, want := gathered(t, b, "riffle_filter_panics_total", ""), float64(2*len(want)); got != want {
			t.Errorf("counted %v panics, want %v", got, want)
		}
		mustStop(t, stop)
	})
}

// refuseKeys refuses batches with a verdict on one of some events.
func refuseKeys(err error, keys ...string) func(*event.Batch) error {
	return func(b *event.Batch) error {
		for i := range b.Verdicts {
			if slices.Contains(keys, b.Verdicts[i].Event.Key) {
				return err
			}
		}
		return nil
	}
}

// A frame that can't be read stops no other, does not come again and again at
// full speed, and at its fifth delivery becomes a dead letter.
func TestUnreadableFrameBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		damaged := frame(t, post("x", "apple"))
		damaged.Data[len(damaged.Data)-1] ^= 1
		future := frame(t, post("y", "apple"))
		future.Data[0] = 200
		b.push(damaged, future, frame(t, post("a", "apple")))
		stop := b.start(t.Context())
		passes(50 * time.Second)
		wantLetters(t, b)
		b.push(frame(t, post("b", "apple")))
		passes(15 * time.Second)
		if diff := cmp.Diff([]matchKey{{1, "test:a"}, {1, "test:b"}}, b.kept()); diff != "" {
			t.Errorf("matches (-want +got):\n%s", diff)
		}
		passes(time.Minute)
		want := event.DeadLetter{Source: "test", Frame: damaged.ID, Reason: event.DeadUnreadable, Deliveries: 5, Events: 1}
		newer := want
		newer.Frame, newer.Events = future.ID, 0
		wantLetters(t, b, want, newer)
		wantDepth(t, b.buffer, 0, 0)
		if _, deliveries := b.tally(); deliveries != 2*5+2 {
			t.Errorf("%d deliveries, want 12", deliveries)
		}
		if got := b.logs.FilterMessage("frame can't be judged").Len(); got != 2 {
			t.Errorf("%d log lines about 2 frames", got)
		}
		mustStop(t, stop)
	})
}

// A row that the store refuses becomes a dead letter alone; all others of its
// frame, and of its batch, are written, and each frame is finished once.
func TestRefusedRowIsLeftOut(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]error{
		"known":   fmt.Errorf("write: %w", event.ErrRow),
		"unknown": errors.New("error 3988 that nobody has heard of"),
	} {
		for _, bad := range [][]int{{7}, {0}, {99}, {3, 4, 50}} {
			t.Run(fmt.Sprint(name, bad), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b := newBench(false)
					b.put(keep(1, 1, "apple"))
					events := posts(0, 100, "apple")
					var keys []string
					var want []event.DeadLetter
					spoilt := frame(t, events...)
					for _, i := range bad {
						keys = append(keys, events[i].Key)
						want = append(want, event.DeadLetter{
							Source: "test", Frame: spoilt.ID, Key: events[i].Key, Reason: event.DeadRow, Deliveries: 1, Events: 1,
						})
					}
					b.refuse = refuseKeys(refusal, keys...)
					b.push(frame(t, posts(100, 10, "apple")...), spoilt, frame(t, posts(110, 10, "apple")...))
					stop := b.start(t.Context())
					passes(time.Second)
					if got, want := len(b.kept()), 120-len(bad); got != want {
						t.Errorf("%d matches, want %d", got, want)
					}
					wantNoneDoubled(t, b.store)
					wantLetters(t, b, want...)
					wantDepth(t, b.buffer, 0, 0)
					mustStop(t, stop)
				})
			})
		}
	}
}

// What fails whatever is in a batch ends the filter, harms no event, and is not
// counted as a delivery.
func TestStoreThatFailsForGoodEndsRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		broken := errors.New("table events does not exist")
		b.refuse = func(*event.Batch) error { return broken }
		b.pushPosts(t, 3, 10)
		if err := b.Run(t.Context()); !errors.Is(err, broken) || retry.IsTransient(err) {
			t.Errorf("Run() = %v, want %v", err, broken)
		}
		wantLetters(t, b)
		wantDepth(t, b.buffer, 3, 0)
		for _, d := range b.waiting {
			if d.Count != 0 {
				t.Errorf("frame was delivered %d times, want 0", d.Count)
			}
		}
	})
}

// At its third delivery a frame is judged and written event by event, so that
// what comes before a deadly one is stored; at its fifth it is a dead letter.
func TestFrameThatEndsFilters(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		before, wantWrites, wantKept int
		wantReason                   event.DeadReason
	}{{1, 1, 10, ""}, {2, 11, 10, ""}, {3, 11, 10, ""}, {4, 1, 0, event.DeadDeliveries}} {
		t.Run(fmt.Sprint("delivery ", tt.before+1), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(false)
				b.put(keep(1, 1, "apple"))
				b.before = tt.before
				deadly := frame(t, posts(0, 10, "apple")...)
				b.push(deadly)
				stop := b.start(t.Context())
				passes(time.Second)
				if got := len(b.kept()); got != tt.wantKept {
					t.Errorf("%d matches, want %d", got, tt.wantKept)
				}
				if got := len(b.batches); got != tt.wantWrites {
					t.Errorf("%d writes, want %d", got, tt.wantWrites)
				}
				if !b.finished[deadly.ID] {
					t.Error("the frame is not finished")
				}
				var want []event.DeadLetter
				if tt.wantReason != "" {
					want = append(want, event.DeadLetter{
						Source: "test", Frame: deadly.ID, Reason: tt.wantReason, Deliveries: tt.before + 1, Events: 10,
					})
				}
				wantLetters(t, b, want...)
				wantDepth(t, b.buffer, 0, 0)
				mustStop(t, stop)
			})
		})
	}
}

// A bad row is found event by event too.
func TestRefusedRowOfAFrameWrittenSingly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		b.before = 2
		b.refuse = refuseKeys(event.ErrRow, "test:000004")
		spoilt := frame(t, posts(0, 10, "apple")...)
		b.push(spoilt)
		stop := b.start(t.Context())
		passes(time.Second)
		if got := len(b.kept()); got != 9 {
			t.Errorf("%d matches, want 9", got)
		}
		wantLetters(t, b, event.DeadLetter{
			Source: "test", Frame: spoilt.ID, Key: "test:000004", Reason: event.DeadRow, Deliveries: 3, Events: 1,
		})
		mustStop(t, stop)
	})
}

// An event at which judging panics becomes a dead letter alone, and its bytes
// are the event.
func TestPanicWhileJudging(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(false)
		b.put(keep(1, 1, "apple"))
		deadly := post("deadly", "apple")
		deadly.Audience = []string{"twitter:7"}
		b.BreakAudiences()
		f := frame(t, post("a", "apple"), deadly, post("b", "apple"))
		b.push(f, frame(t, post("c", "apple")))
		stop := b.start(t.Context())
		passes(time.Second)
		if diff := cmp.Diff([]matchKey{{1, "test:a"}, {1, "test:b"}, {1, "test:c"}}, b.kept()); diff != "" {
			t.Errorf("matches (-want +got):\n%s", diff)
		}
		wantLetters(t, b, event.DeadLetter{
			Source: "test", Frame: f.ID, Key: "test:deadly", Reason: event.DeadPanic, Deliveries: 1, Events: 1,
		})
		r, got := event.NewReader(), new(event.Event)
		if _, err := r.Open(b.letters()[0].Data); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(deadly, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("event of the letter (-want +got):\n%s", diff)
		}
		for _, line := range b.logs.FilterMessage("judging an event panicked; please report it").All() {
			if fields := line.ContextMap(); fields["event_key"] != "test:deadly" || !strings.Contains(fmt.Sprint(fields["stack"]), "decide") {
				t.Errorf("panic logged with %v, want the event's key and a stack", fields)
			}
		}
		mustStop(t, stop)
	})
}

// A matcher that panicked is replaced, and what panics at every event is not
// held against the events.
func TestBrokenMatcher(t *testing.T) {
	t.Parallel()
	for _, forGood := range []bool{false, true} {
		t.Run(fmt.Sprint("for good ", forGood), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(false)
				b.put(keep(1, 1, "apple"))
				b.BreakMatchers(forGood)
				b.pushPosts(t, 1, 100)
				stop := b.start(t.Context())
				passes(time.Second)
				want := 100
				if forGood {
					want = 0
				}
				if got := len(b.kept()); got != want {
					t.Errorf("%d matches, want %d", got, want)
				}
				wantLetters(t, b)
				if waiting, flight := b.depth(); waiting+flight != (100-want)/100 {
					t.Errorf("buffer holds %d frames, want %d", waiting+flight, (100-want)/100)
				}
				mustStop(t, stop)
			})
		})
	}
}

// deadCounter reads the counter of a reason.
func deadCounter(t *testing.T, b *bench, reason event.DeadReason) float64 {
	t.Helper()
	return gathered(t, b, "riffle_filter_dead_letters_total", string(reason))
}

// gathered reads a counter, of a label unless that is empty.
func gathered(t *testing.T, b *bench, name, label string) float64 {
	t.Helper()
	families, err := b.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no counter %s of %q", name, label)
	return 0
}
