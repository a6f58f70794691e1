package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"riffle/pkg/event"
)

// Options of a buffer. The zero value works.
type Options struct {
	// MaxEvents is how many events may wait for a source; a push finding as many
	// is refused with event.ErrFull. 0: as many as the disk holds.
	MaxEvents int64
	// Lease is how long a taken frame is left alone; 15 s when 0.
	Lease time.Duration
	// Silence is how long a writer must not have been heard of before another
	// one may take its source's name; 15 s when 0.
	Silence time.Duration
}

const (
	defaultLease   = 15 * time.Second
	defaultSilence = 15 * time.Second
)

// Buffer is an open file. It may be used by many goroutines.
type Buffer struct {
	options Options
	turn    sync.Mutex
	// Three connections: an accepted frame must be on the disk, a taken one need
	// not, and who looks must not wait for who writes.
	pushes, deliveries, looks *database
	// pushed wakes a Take of this process; another one's frames are seen by
	// asking.
	pushed chan struct{}

	mu   sync.Mutex
	next int // the source that the next round of Take begins with
}

// Open opens the file at path, which is made if need be; its folder must be
// there.
//
// Errors: ErrSchema; a file that can't be opened or is no buffer.
func Open(ctx context.Context, path string, options Options) (*Buffer, error) {
	if options.Lease == 0 {
		options.Lease = defaultLease
	}
	if options.Silence == 0 {
		options.Silence = defaultSilence
	}
	b := &Buffer{options: options, pushed: make(chan struct{}, 1)}
	if err := b.connect(ctx, path); err != nil {
		return nil, errors.Join(wrap(ctx, err, "open "+path), b.Close())
	}
	return b, nil
}

func (b *Buffer) connect(ctx context.Context, path string) error {
	for _, c := range []struct {
		to          **database
		synchronous string
		queries     []string
	}{
		{&b.pushes, "FULL", pushQueries},
		{&b.deliveries, "NORMAL", deliveryQueries},
		{&b.looks, "NORMAL", lookQueries},
	} {
		d, err := connect(path, c.synchronous, &b.turn)
		if err != nil {
			return err
		}
		*c.to = d
		if c.to == &b.pushes {
			if err := d.create(ctx); err != nil {
				return err
			}
		}
		if err := d.prepare(ctx, c.queries...); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the file. It may be called twice.
func (b *Buffer) Close() error {
	var errs []error
	for _, d := range []*database{b.looks, b.deliveries, b.pushes} {
		if d != nil {
			errs = append(errs, d.close())
		}
	}
	return wrap(context.Background(), errors.Join(errs...), "close")
}

const (
	// queryReady finds the sources that have something to take; ? is now, and a
	// time that no lease can reach unless the clock was set back.
	queryReady = `SELECT id, name FROM sources WHERE frames > 0
		OR EXISTS (SELECT 1 FROM frames WHERE source = sources.id AND lease BETWEEN 1 AND ?)
		OR EXISTS (SELECT 1 FROM frames WHERE source = sources.id AND lease > ?)
		ORDER BY name`
	queryDepth = `SELECT name, frames, events, bytes, taken, frame, cursor, writer, pushed, seen,
		(SELECT oldest FROM frames WHERE source = sources.id AND lease = 0 ORDER BY number LIMIT 1),
		(SELECT MIN(oldest) FROM frames WHERE source = sources.id AND lease > 0)
		FROM sources ORDER BY name`
)

var lookQueries = []string{queryReady, queryDepth}

// Depths says what waits for each source.
func (b *Buffer) Depths(ctx context.Context) ([]event.Depth, error) {
	rows, err := b.looks.statements[queryDepth].QueryContext(ctx)
	if err != nil {
		return nil, wrap(ctx, err, "read depths")
	}
	depths, err := scan(rows, scanDepth)
	return depths, wrap(ctx, err, "read depths")
}

func scanDepth(rows *sql.Rows) (event.Depth, error) {
	var d event.Depth
	var frame []byte
	var waiting, taken sql.NullInt64
	err := rows.Scan(&d.Source, &d.Frames, &d.Events, &d.Bytes, &d.InFlight, &frame, &d.Position.Cursor, &d.Position.Writer,
		&d.Pushed, &d.Seen, &waiting, &taken)
	copy(d.Position.Frame[:], frame)
	for _, oldest := range []sql.NullInt64{waiting, taken} {
		if oldest.Valid && (d.Oldest == 0 || event.Time(oldest.Int64) < d.Oldest) {
			d.Oldest = event.Time(oldest.Int64)
		}
	}
	d.OldestInFlight = event.Time(taken.Int64)
	return d, err
}

// scan reads all rows and closes them.
func scan[T any](rows *sql.Rows, one func(*sql.Rows) (T, error)) ([]T, error) {
	defer func() { _ = rows.Close() }() // Err tells
	var all []T
	for rows.Next() {
		v, err := one(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}
