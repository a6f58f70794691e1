package buffertest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
)

// brief is a lease that ends while a test looks.
const brief = 30 * time.Millisecond

func testOrder(t scene) {
	b := t.open(t, Options{})
	frames := fill(t, b, "s", 5)
	taken := takeExactly(t, b, 2)
	taken = append(taken, takeExactly(t, b, 3)...)
	if diff := cmp.Diff(idsOf(frames), takenIDs(taken)); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
	for i, d := range taken {
		if d.Source != "s" || d.Count != 1 || !slices.Equal(d.Data, frames[i].Data) {
			t.Errorf("delivery %d: got %d bytes of %s, count %d, want %d bytes of s, count 1",
				i, len(d.Data), d.Source, d.Count, len(frames[i].Data))
		}
		if i > 0 && d.Stamp <= taken[i-1].Stamp {
			t.Errorf("delivery %d: stamp %d is not above %d", i, d.Stamp, taken[i-1].Stamp)
		}
	}
}

// testAck: exactly what was acknowledged is gone, and what was not comes again,
// the oldest first and before what waits.
func testAck(t scene) {
	b := t.open(t, Options{Lease: brief})
	frames := fill(t, b, "s", 8)
	taken := takeExactly(t, b, 7)
	if err := b.Ack(t.Context(), taken[1:2]); err != nil {
		t.Fatal(err)
	}
	outlast(t, b)
	again := takeExactly(t, t.open(t, Options{}), 7)
	want := idsOf(slices.Delete(frames, 1, 2))
	if diff := cmp.Diff(want, takenIDs(again)); diff != "" {
		t.Errorf("taken again (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{2, 2, 2, 2, 2, 2, 1}, counts(again)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if again[0].Stamp <= taken[0].Stamp {
		t.Errorf("stamp of the second delivery: got %d, want more than %d", again[0].Stamp, taken[0].Stamp)
	}
	if err := b.Ack(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if d := depthOf(t, b, "s"); d.Frames+d.InFlight+d.Events+d.Bytes != 0 {
		t.Errorf("all acknowledged: got %+v, want nothing", d)
	}
}

// outlast keeps asking the server until leases of length brief that began before
// have ended.
func outlast(tb testing.TB, b Buffer) {
	tb.Helper()
	for begun := time.Now(); time.Since(begun) < 2*brief; {
		depthOf(tb, b, "s")
	}
}

// testLateCalls: who lost a frame to a later delivery can do nothing to it.
func testLateCalls(t scene) {
	hung, b := t.open(t, Options{Lease: brief}), t.open(t, Options{Lease: time.Hour})
	fill(t, hung, "s", 2)
	old := takeExactly(t, hung, 2)
	taken := takeExactly(t, b, 2)
	want := depthOf(t, b, "s")
	for name, call := range map[string]func(context.Context, []event.Delivery) error{
		"ack": hung.Ack, "give back": hung.GiveBack, "renew": hung.Renew,
	} {
		if err := call(t.Context(), old); err != nil {
			t.Errorf("late %s: %v", name, err)
		}
		if diff := cmp.Diff(want, depthOf(t, b, "s")); diff != "" {
			t.Errorf("late %s changed the depth (-want +got):\n%s", name, diff)
		}
	}
	outlast(t, b)
	if got, err := b.Take(t.Context(), 2); err != nil || len(got) != 0 {
		t.Errorf("after a late renewal: took %d frames, %v, want none", len(got), err)
	}
	if err := b.Ack(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	if d := depthOf(t, b, "s"); d.InFlight != 0 {
		t.Errorf("in flight after the holder's ack: got %d, want 0", d.InFlight)
	}
}

// testGiveBack: frames go back in their order, in front of what waits, whatever
// order they are given in, and no delivery is counted.
func testGiveBack(t scene) {
	b := t.open(t, Options{})
	frames := fill(t, b, "s", 5)
	taken := takeExactly(t, b, 4)
	if err := b.Ack(t.Context(), taken[1:2]); err != nil {
		t.Fatal(err)
	}
	if err := b.GiveBack(t.Context(), []event.Delivery{taken[2], taken[0], taken[3]}); err != nil {
		t.Fatal(err)
	}
	again := takeExactly(t, b, 4)
	want := []event.FrameID{frames[0].ID, frames[2].ID, frames[3].ID, frames[4].ID}
	if diff := cmp.Diff(want, takenIDs(again)); diff != "" {
		t.Errorf("taken again (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{1, 1, 1, 1}, counts(again)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	for i, d := range again[:3] {
		if d.Stamp <= taken[3].Stamp {
			t.Errorf("delivery %d: stamp %d is not above %d", i, d.Stamp, taken[3].Stamp)
		}
	}
}

// testCount: a delivery counts unless it was given back, also over a stay in the
// list.
func testCount(t scene) {
	dying, b := t.open(t, Options{Lease: brief}), t.open(t, Options{Lease: time.Hour})
	fill(t, b, "s", 1)
	takeExactly(t, dying, 1)
	takeExactly(t, dying, 1)
	for _, want := range []int{3, 3, 3} {
		taken := takeExactly(t, b, 1)
		if got := taken[0].Count; got != want {
			t.Errorf("got count %d, want %d", got, want)
		}
		if err := b.GiveBack(t.Context(), taken); err != nil {
			t.Fatal(err)
		}
	}
}

func testRenew(t scene) {
	short, long := t.open(t, Options{Lease: brief}), t.open(t, Options{Lease: time.Hour})
	fill(t, short, "s", 2)
	taken := takeExactly(t, short, 2)
	if err := long.Renew(t.Context(), taken[:1]); err != nil {
		t.Fatal(err)
	}
	outlast(t, short)
	again := takeExactly(t, long, 1)
	if got, want := again[0].ID, taken[1].ID; got != want {
		t.Errorf("after renewing the other: took %s, want %s", got, want)
	}
	if got, err := long.Take(t.Context(), 1); err != nil || len(got) != 0 {
		t.Errorf("after the renewal: took %d frames, %v, want none", len(got), err)
	}
	if err := long.Ack(t.Context(), taken[:1]); err != nil {
		t.Fatal(err)
	}
	if got := depthOf(t, long, "s").InFlight; got != 1 {
		t.Errorf("in flight after the ack of a renewed frame: got %d, want 1", got)
	}
}

func testDepth(t scene) {
	b := t.open(t, Options{})
	frames := fill(t, b, "s", 4) // of 3 events, each a millisecond younger than the one before
	size := func(frames ...event.Frame) (n int64) {
		for _, f := range frames {
			n += int64(len(f.Data))
		}
		return n
	}
	last := event.Position{Frame: frames[3].ID, Cursor: cursorOf(frames[3]), Writer: "w"}
	check := func(when string, want event.Depth) {
		t.Helper()
		got := depthOf(t, b, "s")
		if age := time.Since(got.Pushed.Std()); age < -time.Minute || age > time.Minute {
			t.Errorf("%s: pushed at %s, want about now", when, got.Pushed.Std())
		}
		if age := time.Since(got.Seen.Std()); age < -time.Minute || age > time.Minute {
			t.Errorf("%s: writer seen at %s, want about now", when, got.Seen.Std())
		}
		got.Pushed, got.Seen = 0, 0
		want.Source, want.Position = "s", last
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("pushed", event.Depth{Frames: 4, Events: 12, Bytes: size(frames...), Oldest: start})
	taken := takeExactly(t, b, 2)
	check("taken", event.Depth{Frames: 2, Events: 6, Bytes: size(frames[2:]...), InFlight: 2, Oldest: start, OldestInFlight: start})
	must(t, b.GiveBack(t.Context(), taken[:1]))
	check("the oldest waits", event.Depth{Frames: 3, Events: 9, Bytes: size(frames[0], frames[2], frames[3]), InFlight: 1, Oldest: start, OldestInFlight: start + 3})
	taken[0] = takeExactly(t, b, 1)[0]
	must(t, b.Ack(t.Context(), taken[:1]))
	check("acknowledged", event.Depth{Frames: 2, Events: 6, Bytes: size(frames[2:]...), InFlight: 1, Oldest: start + 3, OldestInFlight: start + 3})
	must(t, b.Ack(t.Context(), taken[:1]))
	check("acknowledged twice", event.Depth{Frames: 2, Events: 6, Bytes: size(frames[2:]...), InFlight: 1, Oldest: start + 3, OldestInFlight: start + 3})
	must(t, b.GiveBack(t.Context(), taken[1:]))
	check("given back", event.Depth{Frames: 3, Events: 9, Bytes: size(frames[1:]...), Oldest: start + 3})
	must(t, b.GiveBack(t.Context(), taken[1:]))
	check("given back twice", event.Depth{Frames: 3, Events: 9, Bytes: size(frames[1:]...), Oldest: start + 3})
	must(t, b.Ack(t.Context(), takeExactly(t, b, 3)))
	check("drained", event.Depth{})
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// testTwoSources: a source that is behind does not keep the other one waiting.
func testTwoSources(t scene) {
	b := t.open(t, Options{})
	fill(t, b, "busy", 20)
	fill(t, b, "quiet", 2)
	var taken []event.Delivery
	for range 4 {
		taken = append(taken, takeExactly(t, b, 1)...)
	}
	seen := map[string]int{}
	for _, d := range taken {
		seen[d.Source]++
	}
	if diff := cmp.Diff(map[string]int{"busy": 2, "quiet": 2}, seen); diff != "" {
		t.Errorf("taken one by one (-want +got):\n%s", diff)
	}
	must(t, b.Ack(t.Context(), taken))
	must(t, b.Ack(t.Context(), takeExactly(t, b, 18)))
	for _, source := range []string{"busy", "quiet"} {
		if d := depthOf(t, b, source); d.Frames+d.InFlight != 0 {
			t.Errorf("%s after all acks: got %+v, want nothing", source, d)
		}
	}
}

func testSourceNames(t scene) {
	b := t.open(t, Options{})
	names := []string{"a", "{a}", "}{", "100%", "a:frames", "möwe", "a b"}
	for _, name := range names {
		fill(t, b, name, 1)
	}
	var got []string
	for _, d := range takeExactly(t, b, len(names)) {
		got = append(got, d.Source)
	}
	slices.Sort(got)
	slices.Sort(names)
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("sources taken from (-want +got):\n%s", diff)
	}
}

func testIdle(t scene) {
	b := t.open(t, Options{})
	fill(t, b, "s", 0)
	if got, err := b.Take(t.Context(), 10); err != nil || len(got) != 0 {
		t.Errorf("take from an empty source: got %d frames, %v, want none", len(got), err)
	}
	if d := depthOf(t, b, "s"); d.Oldest != 0 || d.Frames != 0 {
		t.Errorf("depth of an empty source: got %+v, want zero", d)
	}
}

// testWaitingTake: a take that has begun sees a frame of a source that is new.
func testWaitingTake(t scene) {
	b, other := t.open(t, Options{}), t.open(t, Options{})
	taken := make(chan []event.Delivery)
	go func() {
		var got []event.Delivery
		var err error
		for len(got) == 0 && err == nil {
			got, err = b.Take(t.Context(), 10)
		}
		if err != nil {
			t.Errorf("take: %v", err)
		}
		taken <- got
	}()
	frames := fill(t, other, "s", 1)
	if diff := cmp.Diff(idsOf(frames), takenIDs(<-taken)); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
}

func testEndedContext(t scene) {
	b := t.open(t, Options{})
	fill(t, b, "s", 0)
	cause := errors.New("asked to stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	result := make(chan error)
	go func() {
		var err error
		for err == nil {
			_, err = b.Take(ctx, 1)
		}
		result <- err
	}()
	cancel(cause)
	if err := <-result; !errors.Is(err, cause) {
		t.Errorf("take with an ended context: got %v, want %v", err, cause)
	}
}

// testManyAtOnce: several filters that take, give back and acknowledge deal with
// every frame once.
func testManyAtOnce(t scene) {
	const frames, filters = 60, 4
	b := t.open(t, Options{})
	want := map[event.FrameID]int{}
	for _, source := range []string{"s1", "s2"} {
		for _, id := range idsOf(fill(t, b, source, frames)) {
			want[id] = 1
		}
	}
	var mu sync.Mutex
	got := map[event.FrameID]int{}
	var group sync.WaitGroup
	for range filters {
		own := t.open(t, Options{})
		group.Go(func() {
			for turn := 0; ; turn++ {
				taken, err := own.Take(t.Context(), 3)
				if err != nil {
					t.Errorf("take: %v", err)
					return
				}
				if len(taken) == 0 {
					return
				}
				if turn%3 == 1 {
					err = own.GiveBack(t.Context(), taken[1:])
					taken = taken[:1]
				}
				if err := errors.Join(err, own.Ack(t.Context(), taken)); err != nil {
					t.Errorf("ack or give back: %v", err)
					return
				}
				mu.Lock()
				for _, d := range taken {
					got[d.ID]++
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("frames acknowledged (-want +got):\n%s", diff)
	}
	for _, source := range []string{"s1", "s2"} {
		if d := depthOf(t, b, source); d.Frames+d.Events+d.Bytes+d.InFlight != 0 {
			t.Errorf("%s at the end: got %+v, want nothing", source, d)
		}
	}
}

func testEmptyCalls(t scene) {
	b := t.open(t, Options{})
	for _, call := range []func(context.Context, []event.Delivery) error{b.Ack, b.GiveBack, b.Renew} {
		must(t, call(t.Context(), nil))
		must(t, call(t.Context(), []event.Delivery{{Source: "unknown", ID: event.FrameID{1}, Stamp: 1}}))
	}
	depths, err := b.Depths(t.Context())
	if err != nil || len(depths) != 0 {
		t.Errorf("depths of an empty buffer: got %+v, %v, want none", depths, err)
	}
}

// testNewVersion: the buffer carries frames of versions it does not know; what
// they hold is the filter's business.
func testNewVersion(t scene) {
	b := t.open(t, Options{})
	w := b.Writer("s", "w")
	if _, err := w.Position(t.Context()); err != nil {
		t.Fatal(err)
	}
	frame := Frames(t, 1, 3)[0]
	frame.Data = slices.Clone(frame.Data)
	frame.Data[0] = 250
	must(t, w.Push(t.Context(), event.Push{Frame: frame, Cursor: "1"}))
	taken := takeExactly(t, b, 1)
	if taken[0].ID != frame.ID || !slices.Equal(taken[0].Data, frame.Data) {
		t.Errorf("got frame %s, want %s as it was", taken[0].ID, frame.ID)
	}
	must(t, b.Ack(t.Context(), taken))
}
