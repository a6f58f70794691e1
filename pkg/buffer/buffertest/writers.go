package buffertest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
)

func testChain(t scene) {
	b := t.open(t, Options{})
	w := b.Writer("s", "w")
	at, err := w.Position(t.Context())
	if want := (event.Position{}); err != nil || at != want {
		t.Fatalf("position of a new source: got %+v, %v, want zero", at, err)
	}
	frames := Frames(t, 3, 3)
	pushAll(t, w, event.FrameID{}, frames[:2])
	want := event.Position{Frame: frames[1].ID, Cursor: cursorOf(frames[1]), Writer: "w"}
	if at, err = w.Position(t.Context()); err != nil || at != want {
		t.Errorf("position: got %+v, %v, want %+v", at, err, want)
	}
	for _, prev := range []event.FrameID{{}, frames[0].ID, frames[2].ID} {
		err := w.Push(t.Context(), event.Push{Frame: frames[2], Prev: prev, Cursor: "no"})
		behind, is := errors.AsType[*event.BehindError](err)
		if !is || behind.At != want {
			t.Errorf("push after %s: got %v, want to be told %+v", prev, err, want)
		}
	}
	if got := depthOf(t, b, "s").Frames; got != 2 {
		t.Errorf("after refused pushes: got %d frames, want 2", got)
	}
	pushAll(t, w, frames[1].ID, frames[2:])
}

func testRepeatedPush(t scene) {
	b := t.open(t, Options{MaxEvents: 6})
	w := b.Writer("s", "w")
	if _, err := w.Position(t.Context()); err != nil {
		t.Fatal(err)
	}
	frames := Frames(t, 2, 3)
	push := event.Push{Frame: frames[0], Cursor: "1"}
	last := event.Push{Frame: frames[1], Prev: frames[0].ID, Cursor: "2"}
	for _, p := range []event.Push{push, push, last, last, last} {
		if err := w.Push(t.Context(), p); err != nil {
			t.Fatalf("push: %v", err) // also when the frame itself filled the buffer
		}
	}
	if d := depthOf(t, b, "s"); d.Frames != 2 || d.Events != 6 {
		t.Errorf("got %d frames and %d events, want 2 and 6", d.Frames, d.Events)
	}
	if err := w.Push(t.Context(), push); !isBehind(err, frames[1].ID) {
		t.Errorf("push of an older frame: got %v, want to be told the newest", err)
	}
	// The frame is there, whoever has the name now.
	if err := w.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Writer("s", "other").Position(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Push(t.Context(), last); err != nil {
		t.Errorf("repeated after another took the name: got %v, want none", err)
	}
}

func isBehind(err error, at event.FrameID) bool {
	behind, is := errors.AsType[*event.BehindError](err)
	return is && behind.At.Frame == at
}

func testFencing(t scene) {
	b, other := t.open(t, Options{Silence: time.Hour}), t.open(t, Options{Silence: time.Hour})
	frames := fill(t, b, "s", 1)
	next := event.Push{Frame: Frames(t, 1, 1)[0], Prev: frames[0].ID, Cursor: "next"}

	stranger := other.Writer("s", "stranger")
	if err := stranger.Release(t.Context()); err != nil {
		t.Errorf("release by another writer: %v", err)
	}
	if _, err := stranger.Position(t.Context()); !errors.Is(err, event.ErrFenced) {
		t.Errorf("position for another writer: got %v, want fenced", err)
	}
	if err := stranger.Push(t.Context(), next); !errors.Is(err, event.ErrFenced) {
		t.Errorf("push by another writer: got %v, want fenced", err)
	}
	if err := b.Writer("s", "w").Push(t.Context(), next); err != nil {
		t.Errorf("push by the holder: %v", err)
	}
	if _, err := other.Writer("s2", "stranger").Position(t.Context()); err != nil {
		t.Errorf("position in another source: %v", err)
	}
}

// testTakeover: the first writer freezes, the standby takes over, the first one
// wakes up.
func testTakeover(t scene) {
	b, standby := t.open(t, Options{Silence: time.Hour}), t.open(t, Options{Silence: 20 * time.Millisecond})
	frames := fill(t, b, "s", 1)
	w := standby.Writer("s", "standby")
	want := event.Position{Frame: frames[0].ID, Cursor: cursorOf(frames[0]), Writer: "w"}
	if got := awaitPosition(t, w); got != want {
		t.Errorf("taken over at %+v, want %+v", got, want)
	}
	next := event.Push{Frame: Frames(t, 1, 1)[0], Prev: frames[0].ID, Cursor: "next"}
	first := b.Writer("s", "w")
	if err := first.Push(t.Context(), next); !errors.Is(err, event.ErrFenced) {
		t.Errorf("push by the first writer: got %v, want fenced", err)
	}
	if err := w.Push(t.Context(), next); err != nil {
		t.Errorf("push by the standby: %v", err)
	}
	if got := depthOf(t, b, "s").Position.Writer; got != "standby" {
		t.Errorf("writer of the newest frame: got %q, want standby", got)
	}
}

func awaitPosition(tb testing.TB, w Pusher) event.Position {
	tb.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		at, err := w.Position(tb.Context())
		if err == nil {
			return at
		}
		if !errors.Is(err, event.ErrFenced) || time.Now().After(deadline) {
			tb.Fatalf("position: %v", err)
		}
	}
}

func testRelease(t scene) {
	b := t.open(t, Options{Silence: time.Hour})
	frames := fill(t, b, "s", 1)
	if err := b.Writer("s", "w").Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	at, err := b.Writer("s", "next").Position(t.Context())
	if err != nil || at.Frame != frames[0].ID {
		t.Errorf("position after a release: got %+v, %v, want frame %s", at, err, frames[0].ID)
	}
	if _, err := b.Writer("s", "w").Position(t.Context()); !errors.Is(err, event.ErrFenced) {
		t.Errorf("position for who released: got %v, want fenced", err)
	}
}

func testFull(t scene) {
	b := t.open(t, Options{MaxEvents: 5})
	frames := fill(t, b, "s", 2)
	w := b.Writer("s", "w")
	next := event.Push{Frame: Frames(t, 1, 3)[0], Prev: frames[1].ID, Cursor: "next"}
	if err := w.Push(t.Context(), next); !errors.Is(err, event.ErrFull) {
		t.Errorf("push onto 6 of 5 events: got %v, want full", err)
	}
	if at, err := w.Position(t.Context()); err != nil || at.Frame != frames[1].ID {
		t.Errorf("position after a refusal: got %+v, %v, want the frame before", at, err)
	}
	fill(t, b, "another", 1) // each source has a bound of its own
	taken := takeExactly(t, b, 3)
	if err := b.Ack(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	if err := w.Push(t.Context(), next); err != nil {
		t.Errorf("push after a drain: %v", err)
	}
	got := depthOf(t, b, "s").Position
	want := event.Position{Frame: next.Frame.ID, Cursor: "next", Writer: "w"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("position (-want +got):\n%s", diff)
	}
}
