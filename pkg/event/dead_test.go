package event_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"riffle/pkg/event"
)

func TestFrameUnderAnotherID(t *testing.T) {
	t.Parallel()
	want := &event.Event{Key: "test:1", Version: 1, Network: "test", Source: "s", ReceivedAt: 7, Text: "héllo"}
	alone, err := event.Alone(want)
	if err != nil {
		t.Fatal(err)
	}
	id := event.FrameID{1, 2, 3}
	got, err := event.WithID(alone.Data, id)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != id || got.Events != 1 || got.Oldest != 7 {
		t.Errorf("got frame %s of %d events, oldest %d; want %s, 1, 7", got.ID, got.Events, got.Oldest, id)
	}
	r := event.NewReader()
	header, err := r.Open(got.Data)
	if err != nil || header.ID != id {
		t.Fatalf("open: got id %s, %v; want %s", header.ID, err, id)
	}
	var ev event.Event
	if _, err := r.Next(&ev); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &ev, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if again, err := event.NewReader().Open(alone.Data); err != nil || again.ID != alone.ID {
		t.Errorf("the frame itself has changed: id %s, %v", again.ID, err)
	}
	alone.Data[len(alone.Data)-1] ^= 1
	if _, err := event.WithID(alone.Data, id); !errors.Is(err, event.ErrFrameDamaged) {
		t.Errorf("damaged frame: got %v, want %v", err, event.ErrFrameDamaged)
	}
}
