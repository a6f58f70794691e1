package internal

import (
	"context"

	"riffle/pkg/config"
	"riffle/pkg/control"
	"riffle/pkg/daemon"
	"riffle/pkg/filter"
)

// FilterParts makes the stage that takes from buffer and writes to store, once
// the store is there with the right schema.
func (p *Process) FilterParts(c *config.Store, buffer *Buffer, store Store, storeAll bool) []daemon.Part {
	stage := filter.New(filter.Config{
		Taker: buffer, Writer: store, Rules: store, Log: p.Log, Registerer: p.Registry, StoreAll: storeAll,
	})
	run := func(ctx context.Context) error {
		if err := AwaitSchema(ctx, c, store, p.Log); err != nil {
			return err
		}
		return stage.Run(ctx)
	}
	return []daemon.Part{
		{Name: "filter", Run: run},
		p.BeatPart("filter", "", buffer, func(b *control.Beat) { tellFilter(b, stage.Status()) }),
	}
}

func tellFilter(b *control.Beat, s filter.Status) {
	b.State = string(s.State)
	b.Rates = map[string]float64{"events": s.Rate}
	b.Totals = map[string]int64{
		"frames": s.Frames, "events": s.Events, "deletions": s.Deletions, "matches": s.Matches, "rules": int64(s.Rules),
	}
	b.LastError, b.LastErrorAt = s.LastError, s.LastErrorAt
}
