package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"riffle/pkg/event"
)

const (
	querySource = `SELECT id, frame, cursor, writer, holder, seen, events FROM sources WHERE name = ?`
	queryAdd    = `INSERT INTO sources (name, frame) VALUES (?, zeroblob(16)) ON CONFLICT DO NOTHING`
	queryHold   = `UPDATE sources SET holder = ?, seen = ? WHERE id = ?`
	queryLetGo  = `UPDATE sources SET holder = '' WHERE name = ? AND holder = ?`
	queryFrame  = `INSERT INTO frames (source, id, events, bytes, oldest) VALUES (?, ?, ?, ?, ?)`
	queryBody   = `INSERT INTO bodies (number, data) VALUES (?, ?)`
	queryMove   = `UPDATE sources SET frame = ?, cursor = ?, writer = ?, pushed = ?,
		frames = frames + 1, events = events + ?, bytes = bytes + ? WHERE id = ?`
)

var pushQueries = []string{querySource, queryAdd, queryHold, queryLetGo, queryFrame, queryBody, queryMove, queryPause}

// Writer pushes frames of one source under one writer's name.
type Writer struct {
	buffer         *Buffer
	source, writer string
}

// Writer gives the pushing side of a source. writer names this process and no
// other one: two that share a name are not kept apart.
func (b *Buffer) Writer(source, writer string) *Writer {
	return &Writer{buffer: b, source: source, writer: writer}
}

// standing is what a source's row says.
type standing struct {
	id       int64
	position event.Position
	holder   string
	seen     int64 // ms
	events   int64
}

// Position keeps the source's name for this writer, or takes it from one that
// was not heard of for Options.Silence, and says where the chain stands. A
// writer that has nothing to push calls it at least every third of that time.
//
// Errors: event.ErrFenced while another writer is alive; transients.
func (w *Writer) Position(ctx context.Context) (event.Position, error) {
	var at standing
	err := w.buffer.pushes.write(ctx, func(ctx context.Context, t transaction) (err error) {
		if at, err = w.read(ctx, t); err != nil {
			return err
		}
		return w.hold(ctx, t, at)
	})
	return at.position, w.wrap(ctx, err, "read position")
}

// Push appends a frame and stores the cursor in one step, or nothing. Once more
// the same push changes nothing.
//
// Errors: *event.BehindError when the newest frame is not p.Prev;
// event.ErrFull; event.ErrFenced; transients.
func (w *Writer) Push(ctx context.Context, p event.Push) error {
	var refused error // a refusal still tells that the writer is alive, so it is committed
	err := w.buffer.pushes.write(ctx, func(ctx context.Context, t transaction) error {
		at, err := w.read(ctx, t)
		if err != nil || at.position.Frame == p.Frame.ID {
			return err
		}
		if err := w.hold(ctx, t, at); err != nil {
			return err
		}
		most := w.buffer.options.MaxEvents
		switch {
		case at.position.Frame != p.Prev:
			refused = &event.BehindError{At: at.position}
		case most > 0 && at.events >= most:
			refused = event.ErrFull
		default:
			return w.add(ctx, t, at.id, p)
		}
		return nil
	})
	if err == nil && refused == nil {
		w.buffer.wake()
	}
	if isFull(err) {
		err = fmt.Errorf("%w: %w", event.ErrFull, err)
	}
	return w.wrap(ctx, errors.Join(err, refused), "push frame")
}

// Release gives up the source's name, so that the next writer need not wait. A
// writer that is not the holder changes nothing.
func (w *Writer) Release(ctx context.Context) error {
	err := w.buffer.pushes.write(ctx, func(ctx context.Context, t transaction) error {
		_, err := t.exec(ctx, queryLetGo, w.source, w.writer)
		return err
	})
	return w.wrap(ctx, err, "release name")
}

func (w *Writer) read(ctx context.Context, t transaction) (standing, error) {
	if _, err := t.exec(ctx, queryAdd, w.source); err != nil {
		return standing{}, err
	}
	var s standing
	var frame []byte
	err := t.row(ctx, querySource, w.source).
		Scan(&s.id, &frame, &s.position.Cursor, &s.position.Writer, &s.holder, &s.seen, &s.events)
	copy(s.position.Frame[:], frame)
	return s, err
}

// hold keeps or takes the source's name.
func (w *Writer) hold(ctx context.Context, t transaction, at standing) error {
	now := time.Now()
	// The distance, and not the difference: after the clock was set back a
	// holder of the future must not block the name.
	silent := now.Sub(time.UnixMilli(at.seen)).Abs() >= w.buffer.options.Silence
	if at.holder != "" && at.holder != w.writer && !silent {
		return fmt.Errorf("%w: %s", event.ErrFenced, at.holder)
	}
	_, err := t.exec(ctx, queryHold, w.writer, now.UnixMilli(), at.id)
	return err
}

// add appends the frame. Its sums are those of its header, as in Redis.
func (w *Writer) add(ctx context.Context, t transaction, source int64, p event.Push) error {
	f := &p.Frame
	inserted, err := t.exec(ctx, queryFrame, source, f.ID[:], f.Events, len(f.Data), f.Oldest)
	if err != nil {
		return err
	}
	number, err := inserted.LastInsertId()
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, queryBody, number, f.Data); err != nil {
		return err
	}
	_, err = t.exec(ctx, queryMove, f.ID[:], p.Cursor, w.writer, time.Now().UnixMilli(), f.Events, len(f.Data), source)
	return err
}

func (w *Writer) wrap(ctx context.Context, err error, doing string) error {
	return wrap(ctx, err, doing+" of "+w.source)
}

// wake lets a waiting Take of this process look.
func (b *Buffer) wake() {
	select {
	case b.pushed <- struct{}{}:
	default: // one look sees all
	}
}
