package buffertest

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"riffle/pkg/event"
)

// Sizes of a full frame of captured tweets.
const (
	benchEvents = 512
	benchBytes  = 48 << 10
)

// benchFrame is a frame with the size of a full one and a body of noise: the
// buffer looks at the header only.
func benchFrame(n int) event.Frame {
	noise := rand.NewChaCha8([32]byte{1})
	f := event.Frame{Events: benchEvents, Oldest: start, Data: make([]byte, benchBytes)}
	_, _ = noise.Read(f.Data) // never fails
	f.Data[0] = 1
	binary.BigEndian.PutUint64(f.ID[:], uint64(n)+1)
	copy(f.Data[1:], f.ID[:])
	binary.LittleEndian.PutUint32(f.Data[17:], uint32(f.Events))
	binary.LittleEndian.PutUint64(f.Data[21:], uint64(f.Oldest))
	return f
}

// BenchmarkPush pushes full frames; what waits grows.
func BenchmarkPush(b *testing.B, w Pusher) {
	b.Helper()
	at, err := w.Position(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	frame := benchFrame(0)
	b.SetBytes(benchBytes)
	n := 0
	for b.Loop() {
		renumber(&frame, n)
		n++
		if err := w.Push(b.Context(), event.Push{Frame: frame, Prev: at.Frame, Cursor: "1700000000000000"}); err != nil {
			b.Fatal(err)
		}
		at.Frame = frame.ID
	}
	b.ReportMetric(float64(benchEvents*n)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkTake takes and acknowledges full frames, one at a time.
func BenchmarkTake(b *testing.B, w Pusher, t Taker) {
	b.Helper()
	at, err := w.Position(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	frame := benchFrame(0)
	b.SetBytes(benchBytes)
	n, stored := 0, 0
	for b.Loop() {
		if stored == 0 {
			b.StopTimer()
			for ; stored < 400; stored++ {
				renumber(&frame, n)
				n++
				if err := w.Push(b.Context(), event.Push{Frame: frame, Prev: at.Frame, Cursor: "1700000000000000"}); err != nil {
					b.Fatal(err)
				}
				at.Frame = frame.ID
			}
			b.StartTimer()
		}
		taken, err := t.Take(b.Context(), 1)
		if err != nil {
			b.Fatal(err)
		}
		if err := t.Ack(b.Context(), taken); err != nil {
			b.Fatal(err)
		}
		stored -= len(taken)
	}
	b.ReportMetric(float64(benchEvents*(n-stored))/b.Elapsed().Seconds(), "events/s")
}

func renumber(f *event.Frame, n int) {
	binary.BigEndian.PutUint64(f.ID[:], uint64(n)+1)
	copy(f.Data[1:], f.ID[:])
}

// BenchmarkBoth moves full frames from a writer to a filter, both at work at
// once; at most 64 frames wait.
func BenchmarkBoth(b *testing.B, w Pusher, t Taker) {
	b.Helper()
	at, err := w.Position(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(benchBytes)
	room := make(chan struct{}, 64)
	failed := make(chan error, 1)
	go func() {
		failed <- drain(b.Context(), t, b.N, room)
	}()
	frame := benchFrame(0)
	for n := range b.N {
		room <- struct{}{}
		renumber(&frame, n)
		if err := w.Push(b.Context(), event.Push{Frame: frame, Prev: at.Frame, Cursor: "1700000000000000"}); err != nil {
			b.Fatal(err)
		}
		at.Frame = frame.ID
	}
	if err := <-failed; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(benchEvents*b.N)/b.Elapsed().Seconds(), "events/s")
}

func drain(ctx context.Context, t Taker, frames int, room <-chan struct{}) error {
	for frames > 0 {
		taken, err := t.Take(ctx, 4)
		if err != nil {
			return err
		}
		if err := t.Ack(ctx, taken); err != nil {
			return err
		}
		for range taken {
			<-room
		}
		frames -= len(taken)
	}
	return nil
}
