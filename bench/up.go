package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"riffle/pkg/store/sqlite"
)

// benchUp runs all stages in one process on SQLite.
func benchUp(ctx context.Context, b *bench) ([]result, error) {
	var results []result
	for _, load := range []struct {
		name     string
		kept     float64
		aim, now float64
	}{{"2 % kept", 0.02, 80_000, 20_000}, {"every event kept", 1, 30_000, 0}} {
		got, rss, err := upOnce(ctx, b, load.kept)
		if err != nil {
			return results, err
		}
		results = append(results, result{
			what: "riffle up, " + load.name, unit: "events/s", aim: load.aim, now: load.now, reached: got.rate, note: got.note,
		}, result{what: "riffle up, " + load.name + ", 1,000 rules", unit: "MB resident", aim: 150, atMost: true, reached: rss / 1e6})
	}
	return results, nil
}

func upOnce(ctx context.Context, b *bench, kept float64) (reached, float64, error) {
	c, err := b.corpus(ctx)
	if err != nil {
		return reached{}, 0, err
	}
	s := newStream(c, kept, streamDeletions, streamRules)
	file := filepath.Join(b.dir, "stream.ndjson")
	if err := writeLines(file, s.lines); err != nil {
		return reached{}, 0, err
	}
	data, err := os.MkdirTemp(b.dir, "up-")
	if err != nil {
		return reached{}, 0, err
	}
	defer func() { _ = os.RemoveAll(data) }()
	if err := fillEmbedded(ctx, filepath.Join(data, "store.db")); err != nil {
		return reached{}, 0, err
	}
	listen, err := freeAddress(ctx)
	if err != nil {
		return reached{}, 0, err
	}
	p, err := b.start(ctx, "riffle", "up", "--data", data, "--listen", listen, "--source", "file:"+file+"?format=twitter&loop=1")
	if err != nil {
		return reached{}, 0, err
	}
	r, err := b.watchFilter(ctx, p, "riffle_filter_", nil, nil)
	if err != nil {
		return r, 0, err
	}
	rss, err := peak(p.cmd.Process.Pid)
	if err != nil {
		return r, 0, err
	}
	return r, rss, errors.Join(checkShare(ctx, p, s), p.stop())
}

// fillEmbedded makes the store that riffle up will find, with the stream's rules.
func fillEmbedded(ctx context.Context, path string) error {
	db, err := sqlite.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(db.Migrate(ctx, nil), addRules(ctx, db), db.Close())
}
