package filter

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/event"
)

// Recent is what a buffer still has of frames that were acknowledged lately.
type Recent interface {
	// Acknowledged lists them without their Data. Nothing of it is forgotten while
	// nobody takes.
	Acknowledged(ctx context.Context) ([]event.Delivery, error)
	// Stay tells for how long frames stay in that list at present.
	Stay(ctx context.Context) (time.Duration, error)
	// Restore puts frames of that list back in front of those that wait.
	Restore(ctx context.Context, frames []event.Delivery) error
}

// Ledger is what a store knows of the frames that were written to it.
type Ledger interface {
	// Unknown tells which of some frames are not finished.
	Unknown(ctx context.Context, ids []event.FrameID) ([]event.FrameID, error)
}

const (
	// watchEvery is how often an idle filter asks whether the store answers: one
	// that has nothing to write would not notice an outage.
	watchEvery = time.Second
	// comparisons is how often acknowledged frames are compared while they stay,
	// where no outage was seen: a store may fail over between two calls.
	comparisons = 3
)

// compare gives back the frames that were acknowledged and that the store does
// not know: one that failed over to an older copy has lost them.
//
// Errors: those of buffer and store.
func (f *Filter) compare(ctx context.Context) error {
	if f.recent == nil {
		return nil
	}
	var lost []event.Delivery
	err := call(ctx, callTimeout, func(ctx context.Context) (err error) {
		lost, err = f.lost(ctx)
		if err == nil && len(lost) > 0 {
			err = f.recent.Restore(ctx, lost)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("filter: compare acknowledged frames: %w", err)
	}
	if len(lost) > 0 {
		f.counters.restore(len(lost))
		f.log.Warn("store has lost frames that were finished; they were put back", zap.Int("frames", len(lost)))
	}
	return nil
}

// lost lists the acknowledged frames that the store does not know.
func (f *Filter) lost(ctx context.Context) ([]event.Delivery, error) {
	acked, err := f.recent.Acknowledged(ctx)
	if err != nil || len(acked) == 0 {
		return nil, err
	}
	ids := make([]event.FrameID, len(acked))
	for i := range acked {
		ids[i] = acked[i].ID
	}
	unknown, err := f.ledger.Unknown(ctx, ids)
	if err != nil {
		return nil, err
	}
	gone := make(map[event.FrameID]bool, len(unknown))
	for _, id := range unknown {
		gone[id] = true
	}
	return slices.DeleteFunc(acked, func(d event.Delivery) bool { return !gone[d.ID] }), nil
}

// watch looks after the store until ctx ends. While it is away nothing is taken,
// also by a filter that has nothing to write; when it is back, frames are
// compared before any is taken.
func (f *Filter) watch(ctx context.Context) {
	if f.recent == nil {
		return
	}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	compared := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := f.ping(ctx); err != nil {
			if s := f.current.Load(); s != nil && ctx.Err() == nil {
				s.storeTrouble(err)
			}
			continue
		}
		if !f.due(ctx, compared) {
			continue
		}
		compared = time.Now()
		if err := f.compare(ctx); err != nil && ctx.Err() == nil {
			f.log.Warn("acknowledged frames not compared; trying again", zap.Error(err))
		}
	}
}

// due reports whether acknowledged frames are to be compared again. A buffer that
// can't tell can't list them either.
func (f *Filter) due(ctx context.Context, compared time.Time) bool {
	var stay time.Duration
	err := call(ctx, callTimeout, func(ctx context.Context) (err error) {
		stay, err = f.recent.Stay(ctx)
		return err
	})
	return err == nil && time.Since(compared) >= stay/comparisons
}
