package redis_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/buffer/buffertest"
	"riffle/pkg/buffer/redis"
	"riffle/pkg/event"
	"riffle/pkg/testenv"
)

// acked lists the ids of frames that were acknowledged lately.
func acked(tb testing.TB, b *redis.Buffer) []event.FrameID {
	tb.Helper()
	all, err := b.Acknowledged(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	var ids []event.FrameID
	for _, d := range all {
		ids = append(ids, d.ID)
	}
	return ids
}

func ids(frames ...event.Frame) []event.FrameID {
	var ids []event.FrameID
	for _, f := range frames {
		ids = append(ids, f.ID)
	}
	return ids
}

func ack(tb testing.TB, b *redis.Buffer, frames ...event.Delivery) {
	tb.Helper()
	if err := b.Ack(tb.Context(), frames); err != nil {
		tb.Fatal(err)
	}
}

// TestRestore: the store failed over and lost some of what was acknowledged.
func TestRestore(t *testing.T) {
	t.Parallel()
	b := open(t, testenv.Redis(t), redis.Options{})
	w := b.Writer("s", "w")
	position(t, w)
	frames := buffertest.Frames(t, 5, 3)
	push(t, w, event.FrameID{}, frames...)
	taken := take(t, b, 4)
	for _, d := range taken {
		ack(t, b, d)
	}
	if diff := cmp.Diff(ids(frames[:4]...), acked(t, b)); diff != "" {
		t.Fatalf("acknowledged (-want +got):\n%s", diff)
	}
	for range 2 { // two filters come back at once
		if err := b.Restore(t.Context(), taken[2:4]); err != nil {
			t.Fatal(err)
		}
	}
	if d := depth(t, b); d.Frames != 3 || d.Events != 9 || d.Bytes != int64(len(frames[2].Data)+len(frames[3].Data)+len(frames[4].Data)) {
		t.Errorf("depth after restoring two: got %+v, want 3 frames of 9 events", d)
	}
	var got []event.FrameID
	for _, d := range take(t, b, 9) {
		got = append(got, d.ID)
	}
	if diff := cmp.Diff(ids(frames[2:]...), got); diff != "" {
		t.Errorf("taken again (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ids(frames[:2]...), acked(t, b)); diff != "" {
		t.Errorf("still acknowledged (-want +got):\n%s", diff)
	}
}

// TestAcknowledgedAge: what was acknowledged a minute ago is forgotten by the
// next take, and by the next ack.
func TestAcknowledgedAge(t *testing.T) {
	t.Parallel()
	b := open(t, testenv.Redis(t), redis.Options{})
	w := b.Writer("s", "w")
	position(t, w)
	frames := buffertest.Frames(t, 4, 1)
	push(t, w, event.FrameID{}, frames...)
	// age makes a frame acknowledged so long ago that it may go.
	age := func(f event.Frame) {
		t.Helper()
		by := -float64((61 * time.Second).Microseconds())
		if err := b.Client().ZIncrBy(t.Context(), "riffle:{s}:acktimes", by, string(f.ID[:])).Err(); err != nil {
			t.Fatal(err)
		}
	}
	taken := take(t, b, 3)
	ack(t, b, taken[0])
	age(frames[0])
	ack(t, b, taken[1:]...)
	if diff := cmp.Diff(ids(frames[1:3]...), acked(t, b)); diff != "" {
		t.Errorf("after an ack (-want +got):\n%s", diff)
	}
	age(frames[1])
	take(t, b, 1)
	if diff := cmp.Diff(ids(frames[2]), acked(t, b)); diff != "" {
		t.Errorf("after a take (-want +got):\n%s", diff)
	}
	if got, err := b.Client().HGet(t.Context(), "riffle:{s}:source", "ackedbytes").Int(); err != nil || got != len(frames[2].Data) {
		t.Errorf("sum of what stays: got %d, %v, want %d", got, err, len(frames[2].Data))
	}
}

// TestAcknowledgedBytes: a fast stream does not fill Redis with what is done.
func TestAcknowledgedBytes(t *testing.T) {
	t.Parallel()
	b := open(t, testenv.Redis(t), redis.Options{})
	w := b.Writer("s", "w")
	position(t, w)
	frames := buffertest.Frames(t, 5, 1)
	push(t, w, event.FrameID{}, frames...)
	b.KeepBytes(len(frames[3].Data) + len(frames[4].Data))
	for _, d := range take(t, b, 5) {
		ack(t, b, d)
	}
	if diff := cmp.Diff(ids(frames[3:]...), acked(t, b)); diff != "" {
		t.Errorf("acknowledged (-want +got):\n%s", diff)
	}
	if err := b.Client().ZIncrBy(t.Context(), "riffle:{s}:acktimes", -10e6, string(frames[3].ID[:])).Err(); err != nil {
		t.Fatal(err)
	}
	wantStay(t, b, 10*time.Second, 40*time.Second)
	b.KeepBytes(3 * (len(frames[3].Data) + len(frames[4].Data)))
	wantStay(t, b, time.Minute, time.Minute)
	b.KeepBytes(0)
	push(t, w, frames[4].ID, buffertest.Frames(t, 1, 1)...)
	ack(t, b, take(t, b, 1)...)
	if got := acked(t, b); len(got) != 0 {
		t.Errorf("with no room: got %d frames, want none", len(got))
	}
	wantStay(t, b, time.Minute, time.Minute)
}

// wantStay says for how long acknowledged frames stay.
func wantStay(tb testing.TB, b *redis.Buffer, least, most time.Duration) {
	tb.Helper()
	if got, err := b.Stay(tb.Context()); err != nil || got < least || got > most {
		tb.Errorf("acknowledged frames stay for %s, %v, want %s to %s", got, err, least, most)
	}
}
