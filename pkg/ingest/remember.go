package ingest

import (
	"context"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/obs"
)

// rememberEvery is how often the buffer is asked whether all was dealt with.
const rememberEvery = 2 * time.Second

// Depths tells what waits in the buffer.
type Depths interface {
	Depths(ctx context.Context) ([]event.Depth, error)
}

// Memory keeps a cursor on this host's own disk.
type Memory interface {
	// Load gives the cursor that was kept; "" where there is none.
	Load() (cursor string, err error)
	// Keep replaces it.
	Keep(cursor string) error
	// Forget removes it.
	Forget() error
}

// remember keeps the cursor of moments at which the filters had dealt with all
// that was pushed. A buffer that was emptied has forgotten the cursor: reading
// goes on from there, and what was lost with the buffer is read again. A later
// cursor than that would pass it over.
func (in *Ingest) remember(ctx context.Context) {
	if in.memory == nil || in.depths == nil {
		return
	}
	ticker := time.NewTicker(rememberEvery)
	defer ticker.Stop()
	var kept event.FrameID
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		at, drained := in.drained(ctx)
		if !drained || at.Frame == kept {
			continue
		}
		if err := in.memory.Keep(at.Cursor); err != nil {
			if !failing {
				in.log.Warn("cursor not kept on the own disk; if the buffer forgets it, the source is read from elsewhere", zap.Error(err))
			}
			failing = true
			continue
		}
		kept, failing = at.Frame, false
	}
}

// drained says where the source's chain stands if nothing of it waits or is in
// flight.
func (in *Ingest) drained(ctx context.Context) (event.Position, bool) {
	ctx, cancel := context.WithTimeout(ctx, rememberEvery)
	defer cancel()
	all, err := in.depths.Depths(ctx)
	if err != nil {
		return event.Position{}, false // the next round asks again
	}
	for i := range all {
		if d := &all[i]; d.Source == in.name {
			return d.Position, d.Frames == 0 && d.InFlight == 0 && d.Position.Frame != event.FrameID{}
		}
	}
	return event.Position{}, false
}

// ownCursor is where to read from while the buffer cannot be asked: what the
// buffer holds beyond it comes again, or is told as a gap that is too long. "" is
// nothing known.
func (in *Ingest) ownCursor() string {
	if in.memory == nil {
		return ""
	}
	cursor, err := in.memory.Load()
	if err != nil {
		in.log.Warn("cursor on the own disk cannot be read", zap.Error(err))
	}
	return cursor
}

// recall puts the cursor of the own disk in place of one that the buffer has
// forgotten.
func (in *Ingest) recall(pos event.Position) event.Position {
	if in.memory == nil || pos.Frame != (event.FrameID{}) {
		return pos
	}
	if cursor := in.ownCursor(); cursor != "" {
		in.log.Warn("buffer knows nothing of this source; reading goes on from the cursor on the own disk", zap.String(obs.Cursor, cursor))
		pos.Cursor = cursor
	}
	return pos
}

// forget removes the cursor of a source that has ended: who reads it again means
// all of it.
func (in *Ingest) forget() {
	if in.memory == nil {
		return
	}
	if err := in.memory.Forget(); err != nil {
		in.log.Warn("cursor stays on the own disk", zap.Error(err))
	}
}
