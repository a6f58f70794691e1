package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"riffle/pkg/event"
)

// An idle Take asks this often for the frames of another process.
const (
	idleFirst = 2 * time.Millisecond
	idleMost  = 20 * time.Millisecond
	idleTotal = time.Second
)

const (
	// queryEnded finds frames whose lease ended, or ends later than it can.
	queryEnded = `SELECT number, lease FROM frames WHERE source = ?1 AND lease BETWEEN 1 AND ?2
		UNION ALL SELECT number, lease FROM frames WHERE source = ?1 AND lease > ?3 ORDER BY lease, number LIMIT ?4`
	queryWaiting = `SELECT number, lease FROM frames WHERE source = ? AND lease = 0 ORDER BY number LIMIT ?`
	queryFrameOf = `SELECT frames.id, frames.events, frames.count, bodies.data FROM frames
		JOIN bodies ON bodies.number = frames.number WHERE frames.number = ?`
	queryStamp = `SELECT stamp FROM sources WHERE id = ?`
	queryLease = `UPDATE frames SET lease = ?, stamp = ?, count = ? WHERE number = ?`
	queryTaken = `UPDATE sources SET stamp = ?1, taken = taken + ?2, frames = frames - ?2, events = events - ?3,
		bytes = bytes - ?4 WHERE id = ?5`
	// queryHeld finds a frame by what a delivery knows of it, unless it was
	// delivered again since.
	queryHeld = `SELECT frames.number, sources.id, frames.events, frames.bytes FROM sources
		JOIN frames ON frames.source = sources.id AND frames.id = ?2 AND frames.stamp = ?3 AND frames.lease > 0
		WHERE sources.name = ?1`
	queryForget     = `DELETE FROM frames WHERE number = ?`
	queryForgetBody = `DELETE FROM bodies WHERE number = ?`
	queryLanded     = `UPDATE sources SET taken = taken - 1 WHERE id = ?`
	queryReturn     = `UPDATE frames SET lease = 0, count = count - 1 WHERE number = ?`
	queryReturned   = `UPDATE sources SET taken = taken - 1, frames = frames + 1, events = events + ?, bytes = bytes + ?
		WHERE id = ?`
	queryRenew     = `UPDATE frames SET lease = ? WHERE number = ?`
	queryFreePages = `PRAGMA freelist_count`
	queryAllPages  = `PRAGMA page_count`
)

var deliveryQueries = []string{
	queryEnded, queryWaiting, queryFrameOf, queryStamp, queryLease, queryTaken, queryHeld,
	queryForget, queryForgetBody, queryLanded, queryReturn, queryReturned, queryRenew, queryFreePages, queryAllPages,
	queryPaused,
}

// Take leases up to most frames: those whose lease ended first, then the oldest
// of each source, a different source first each time. It returns as soon as it
// has one, and with none after a second. The end of ctx ends the waiting; what a
// take that was under way got is returned, or it would be nobody's until its
// lease ends.
func (b *Buffer) Take(ctx context.Context, most int) ([]event.Delivery, error) {
	waited, wait := time.Duration(0), idleFirst
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-b.pushed:
		case <-timer.C:
		}
		taken, err := b.takeRound(ctx, most)
		if err != nil || len(taken) > 0 || waited >= idleTotal {
			return taken, wrap(ctx, err, "take frames")
		}
		timer.Reset(wait)
		waited += wait
		wait = min(2*wait, idleMost)
	}
}

// source is one that has something to take.
type source struct {
	id   int64
	name string
}

// takeRound looks before it writes, so that an idle Take writes nothing.
func (b *Buffer) takeRound(ctx context.Context, most int) ([]event.Delivery, error) {
	now, never := b.leaseBounds()
	rows, err := b.looks.statements[queryReady].QueryContext(ctx, now, never)
	if err != nil {
		return nil, err
	}
	ready, err := scan(rows, func(rows *sql.Rows) (s source, err error) { return s, rows.Scan(&s.id, &s.name) })
	if err != nil || len(ready) == 0 {
		return nil, err
	}
	first := b.rotate(len(ready))
	var taken []event.Delivery
	err = b.deliveries.write(ctx, func(ctx context.Context, t transaction) error {
		if off, err := paused(ctx, t); off || err != nil {
			return err
		}
		for _, s := range slices.Concat(ready[first:], ready[:first]) {
			if len(taken) >= most {
				break
			}
			got, err := b.takeFrom(ctx, t, s, most-len(taken))
			if err != nil {
				return err
			}
			taken = append(taken, got...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// leaseBounds gives now, and a time that no lease reaches unless the clock was
// set back: such a lease has ended too, or its frame would be stuck for as long.
func (b *Buffer) leaseBounds() (now, never int64) {
	now = time.Now().UnixMicro()
	return now, now + 4*b.options.Lease.Microseconds()
}

func (b *Buffer) rotate(count int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	return b.next % count
}

// takeFrom leases frames of one source.
func (b *Buffer) takeFrom(ctx context.Context, t transaction, s source, most int) ([]event.Delivery, error) {
	now, never := b.leaseBounds()
	ended, err := numbers(t.rows(ctx, queryEnded, s.id, now, never, most))
	if err != nil {
		return nil, err
	}
	waiting, err := numbers(t.rows(ctx, queryWaiting, s.id, most-len(ended)))
	if err != nil {
		return nil, err
	}
	var stamp, events, bytes int64
	if err := t.row(ctx, queryStamp, s.id).Scan(&stamp); err != nil {
		return nil, err
	}
	taken := make([]event.Delivery, 0, len(ended)+len(waiting))
	for i, number := range slices.Concat(ended, waiting) {
		d := event.Delivery{Source: s.name}
		var id []byte
		var n int64
		if err := t.row(ctx, queryFrameOf, number).Scan(&id, &n, &d.Count, &d.Data); err != nil {
			return nil, err
		}
		copy(d.ID[:], id)
		d.Count++
		stamp = max(stamp+1, now)
		d.Stamp = stamp
		lease := now + b.options.Lease.Microseconds()
		if _, err := t.exec(ctx, queryLease, lease, stamp, d.Count, number); err != nil {
			return nil, err
		}
		if i >= len(ended) {
			events, bytes = events+n, bytes+int64(len(d.Data))
		}
		taken = append(taken, d)
	}
	_, err = t.exec(ctx, queryTaken, stamp, len(waiting), events, bytes, s.id)
	return taken, err
}

// numbers reads the first column of rows.
func numbers(rows *sql.Rows, err error) ([]int64, error) {
	if err != nil {
		return nil, err
	}
	return scan(rows, func(rows *sql.Rows) (number int64, err error) { return number, rows.Scan(&number, new(int64)) })
}

// held is a frame in flight under the delivery that names it.
type held struct{ number, source, events, bytes int64 }

// Ack ends the flight of frames that are dealt with. One that was delivered
// again since is left alone.
func (b *Buffer) Ack(ctx context.Context, frames []event.Delivery) error {
	err := b.each(ctx, frames, func(ctx context.Context, t transaction, h held) error {
		_, err1 := t.exec(ctx, queryForget, h.number)
		_, err2 := t.exec(ctx, queryForgetBody, h.number)
		_, err3 := t.exec(ctx, queryLanded, h.source)
		return errors.Join(err1, err2, err3)
	})
	if err == nil {
		err = b.deliveries.shrink(ctx)
	}
	return wrap(ctx, err, "acknowledge frames")
}

// GiveBack returns frames to where they stood, as if they had not been
// delivered. One that was delivered again since is left alone.
func (b *Buffer) GiveBack(ctx context.Context, frames []event.Delivery) error {
	defer b.wake()
	return wrap(ctx, b.each(ctx, frames, func(ctx context.Context, t transaction, h held) error {
		_, err1 := t.exec(ctx, queryReturn, h.number)
		_, err2 := t.exec(ctx, queryReturned, h.events, h.bytes, h.source)
		return errors.Join(err1, err2)
	}), "give back frames")
}

// Renew begins the leases of frames anew. One that was delivered again since is
// left alone.
func (b *Buffer) Renew(ctx context.Context, frames []event.Delivery) error {
	end := time.Now().Add(b.options.Lease).UnixMicro()
	return wrap(ctx, b.each(ctx, frames, func(ctx context.Context, t transaction, h held) error {
		_, err := t.exec(ctx, queryRenew, end, h.number)
		return err
	}), "renew leases")
}

// each calls f in one transaction for those of frames that are still held under
// the delivery given.
func (b *Buffer) each(ctx context.Context, frames []event.Delivery, f func(context.Context, transaction, held) error) error {
	if len(frames) == 0 {
		return nil
	}
	return b.deliveries.write(ctx, func(ctx context.Context, t transaction) error {
		for i := range frames {
			d := &frames[i]
			var h held
			err := t.row(ctx, queryHeld, d.Source, d.ID[:], d.Stamp).Scan(&h.number, &h.source, &h.events, &h.bytes)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err == nil {
				err = f(ctx, t, h)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
