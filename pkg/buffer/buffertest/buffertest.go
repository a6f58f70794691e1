package buffertest

import (
	"context"
	"testing"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/pause"
)

// Taker is a filter's side of a buffer.
type Taker interface {
	Take(ctx context.Context, most int) ([]event.Delivery, error)
	Ack(ctx context.Context, frames []event.Delivery) error
	GiveBack(ctx context.Context, frames []event.Delivery) error
	Renew(ctx context.Context, frames []event.Delivery) error
}

// Pusher is an ingest's side of one source.
type Pusher interface {
	Position(ctx context.Context) (event.Position, error)
	Push(ctx context.Context, p event.Push) error
	Release(ctx context.Context) error
}

// Buffer is an open buffer under test.
type Buffer struct {
	Taker
	Writer func(source, writer string) Pusher
	Depths func(ctx context.Context) ([]event.Depth, error)
	Pause  func(ctx context.Context, s pause.Switch) error
}

// Options that every twin has under these names.
type Options struct {
	MaxEvents int64
	Lease     time.Duration
	Silence   time.Duration
}

// Opener opens the same buffer once more, as another process would, and closes
// it at the end of the test.
type Opener func(tb testing.TB, o Options) Buffer

// scene is one case of the suite with a buffer of its own.
type scene struct {
	*testing.T
	open Opener
}

// Run runs the suite; fresh makes an empty buffer.
func Run(t *testing.T, fresh func(t *testing.T) Opener) {
	t.Helper()
	for name, test := range map[string]func(scene){
		"chain":               testChain,
		"repeated push":       testRepeatedPush,
		"order":               testOrder,
		"ack":                 testAck,
		"late calls":          testLateCalls,
		"give back":           testGiveBack,
		"count":               testCount,
		"renew":               testRenew,
		"depth":               testDepth,
		"two sources":         testTwoSources,
		"source names":        testSourceNames,
		"fencing":             testFencing,
		"takeover":            testTakeover,
		"release":             testRelease,
		"full":                testFull,
		"idle":                testIdle,
		"waiting take":        testWaitingTake,
		"ended context":       testEndedContext,
		"many at once":        testManyAtOnce,
		"empty calls":         testEmptyCalls,
		"frame of a new kind": testNewVersion,
		"pause":               testPause,
		"pause with an end":   testPauseEnds,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(scene{t, fresh(t)})
		})
	}
}
