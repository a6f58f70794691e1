package redis

import (
	"context"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"riffle/pkg/event"
)

// Writer pushes frames of one source under one writer's name. It is for one
// goroutine at a time.
type Writer struct {
	buffer         *Buffer
	source, writer string
	registered     time.Time
}

// registerEach is how often a writer tells of its source, since a Redis that
// lost the name has lost the source's frames to sight.
const registerEach = 5 * time.Second

// Writer gives the pushing side of a source. writer names this process and no
// other one: two that share a name are not kept apart.
func (b *Buffer) Writer(source, writer string) *Writer {
	return &Writer{buffer: b, source: source, writer: writer}
}

// Position keeps the source's name for this writer, or takes it from one that
// was not heard of for Options.Silence, and says where the chain stands. A
// writer that has nothing to push calls it at least every third of that time.
//
// Errors: event.ErrFenced while another writer is alive; transients.
func (w *Writer) Position(ctx context.Context) (event.Position, error) {
	b := w.buffer
	answer, err := b.scripts.position.Run(ctx, b.client, []string{sourceKey(w.source)},
		w.writer, b.options.Silence.Milliseconds()).Slice()
	if err != nil {
		return event.Position{}, w.buffer.wrap(ctx, err, "read position", w.source)
	}
	r := reply{values: answer}
	if r.text() == "fenced" {
		return event.Position{}, w.fenced("read position", r.text())
	}
	at := r.position()
	if r.err != nil {
		return event.Position{}, w.buffer.wrap(ctx, r.err, "read position", w.source)
	}
	return at, w.register(ctx)
}

func (w *Writer) register(ctx context.Context) error {
	b := w.buffer
	if err := b.scripts.register.Run(ctx, b.client, []string{registry}, w.source).Err(); err != nil {
		return w.buffer.wrap(ctx, err, "register name", w.source)
	}
	w.registered = time.Now()
	return nil
}

// Push appends a frame and stores the cursor in one step, or nothing. Once more
// the same push changes nothing.
//
// Errors: *event.BehindError when the newest frame is not p.Prev;
// event.ErrFull; event.ErrFenced; transients.
func (w *Writer) Push(ctx context.Context, p event.Push) error {
	b := w.buffer
	// A first frame is one of a new source, or of a Redis that lost everything.
	if p.Prev == (event.FrameID{}) || time.Since(w.registered) > registerEach {
		if err := w.register(ctx); err != nil {
			return err
		}
	}
	answer, err := b.scripts.push.Run(ctx, b.client, []string{sourceKey(w.source), framesKey(w.source)},
		p.Frame.Data, p.Prev[:], p.Cursor, w.writer, b.options.Silence.Milliseconds(), b.options.MaxEvents).Slice()
	if goredis.HasErrorPrefix(err, "OOM ") {
		return fmt.Errorf("buffer: push frame of %s: %w: redis is at maxmemory", w.source, event.ErrFull)
	}
	if err != nil {
		return w.buffer.wrap(ctx, err, "push frame", w.source)
	}
	r := reply{values: answer}
	switch code := r.text(); code {
	case "ok":
		return nil
	case "fenced":
		return w.fenced("push frame", r.text())
	case "full":
		return fmt.Errorf("buffer: push frame of %s: %w", w.source, event.ErrFull)
	case "behind":
		behind := &event.BehindError{At: r.position()}
		if r.err == nil {
			return fmt.Errorf("buffer: push frame of %s: %w", w.source, behind)
		}
	default:
		r.fail(code)
	}
	return w.buffer.wrap(ctx, r.err, "push frame", w.source)
}

// Release gives up the source's name, so that the next writer need not wait. A
// writer that is not the holder changes nothing.
func (w *Writer) Release(ctx context.Context) error {
	b := w.buffer
	err := b.scripts.release.Run(ctx, b.client, []string{sourceKey(w.source)}, w.writer).Err()
	return w.buffer.wrap(ctx, err, "release name", w.source)
}

func (w *Writer) fenced(doing, holder string) error {
	return fmt.Errorf("buffer: %s of %s: %w: %s", doing, w.source, event.ErrFenced, holder)
}
