package internal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"riffle/pkg/config"
	"riffle/pkg/event"
	"riffle/pkg/ingest"
	"riffle/pkg/pause"
	"riffle/pkg/retry"
)

// retrySource is the source whose frames are dead letters that are tried again:
// they must not break into the chain of the source from which they came. No
// ingest can have this name.
const retrySource = "_retried"

// Retry puts dead letters back into the buffer.
type Retry struct {
	buffer *Buffer
	pusher ingest.Pusher
	prev   event.FrameID
}

// BeginRetry opens the buffer for dead letters.
//
// Errors: sentences for the person who asked.
func BeginRetry(ctx context.Context, c *config.Buffer) (*Retry, error) {
	buffer, err := OpenBuffer(ctx, c, 0)
	if err != nil {
		return nil, err
	}
	r, err := beginRetry(ctx, buffer)
	if err != nil {
		return nil, errors.Join(err, buffer.Close())
	}
	return r, nil
}

func beginRetry(ctx context.Context, buffer *Buffer) (*Retry, error) {
	r := &Retry{buffer: buffer, pusher: buffer.Pusher(retrySource, "dead-"+strings.ToLower(rand.Text()))}
	at, err := r.pusher.Position(ctx)
	if err != nil {
		return nil, r.explain(err)
	}
	r.prev = at.Frame
	return r, buffer.spreadPause(ctx)
}

// spreadPause tells all sources of the filters' switch: one that has just come does
// not know of a pause, and would be taken from.
func (b *Buffer) spreadPause(ctx context.Context) error {
	all, _, err := b.Switches(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Stage == pause.Filter {
			return b.Pause(ctx, s)
		}
	}
	return nil
}

// Retry puts one back. Done twice, it makes no difference: the frame has the
// same id each time, and the store finishes it once.
//
// Errors: sentences for the person who asked; the letter is not in the buffer
// then.
func (r *Retry) Retry(ctx context.Context, d *event.DeadLetter) error {
	frame, err := event.WithID(d.Data, retryID(d))
	if err != nil {
		return fmt.Errorf("dead letter %d cannot be read, so no filter could: %w", d.ID, err)
	}
	if frame.ID == r.prev {
		return nil // the last one that was put back, before its letter was dropped
	}
	err = r.pusher.Push(ctx, event.Push{Frame: frame, Prev: r.prev, Cursor: time.Now().UTC().Format(time.RFC3339)})
	if err != nil {
		return fmt.Errorf("dead letter %d: %w", d.ID, r.explain(err))
	}
	r.prev = frame.ID
	return nil
}

// retryID is the id of a letter's frame when it is tried again.
func retryID(d *event.DeadLetter) event.FrameID {
	b := binary.BigEndian.AppendUint64(append([]byte("dead letter"), d.Frame[:]...), uint64(d.ID))
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(d.At)))
	return event.FrameID(sum[:16])
}

func (r *Retry) explain(err error) error {
	switch {
	case errors.Is(err, event.ErrFenced):
		return fmt.Errorf("another riffle dead retry is at work, or was ended less than 15 s ago; try again: %w", err)
	case errors.Is(err, event.ErrFull):
		return fmt.Errorf("the buffer %s is full; try again when the filters have drained it: %w", r.buffer.Where, err)
	case retry.IsTransient(err):
		return fmt.Errorf("the buffer %s cannot be reached; is it running? (%w)", r.buffer.Where, err)
	}
	return err
}

// Close lets go of the buffer.
func (r *Retry) Close(ctx context.Context) error {
	return errors.Join(r.pusher.Release(ctx), r.buffer.Close())
}

// retrier puts single dead letters back into a buffer that stays open.
type retrier struct {
	buffer *Buffer
	mu     sync.Mutex // one after the other: two writers would fence each other
}

// Retry puts one back.
func (r *retrier) Retry(ctx context.Context, d *event.DeadLetter) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	again, err := beginRetry(ctx, r.buffer)
	if err != nil {
		return err
	}
	return errors.Join(again.Retry(ctx, d), again.pusher.Release(ctx))
}
