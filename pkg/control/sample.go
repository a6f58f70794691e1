package control

import (
	"context"
	_ "embed"
	"fmt"
	"time"
)

// SampleSlots is how many samples are kept: one a minute, of an hour.
const SampleSlots = 60

// samplesKey is a hash: slot to JSON. It is bounded by its slots, since nothing
// of ours expires.
const samplesKey = "riffle:control:{samples}:entries"

//go:embed sample.lua
var sampleText string

// slot is where the sample of a minute is kept: in the place of that of an hour
// ago. Of several who keep one of the same minute, the last stays.
func slot(at time.Time) int64 { return at.Unix() / 60 % SampleSlots }

// KeepSample keeps how everything fared at a time, in JSON.
func (r *Redis) KeepSample(ctx context.Context, at time.Time, entry []byte) error {
	if err := r.sample.Run(ctx, r.client, []string{samplesKey}, slot(at), entry).Err(); err != nil {
		return fmt.Errorf("control: keep sample: %w", err)
	}
	return nil
}

// Samples lists what was kept, in no order; the reader tells by their times which
// are old.
func (r *Redis) Samples(ctx context.Context) ([][]byte, error) {
	texts, err := r.client.HVals(ctx, samplesKey).Result()
	if err != nil {
		return nil, fmt.Errorf("control: read samples: %w", err)
	}
	all := make([][]byte, len(texts))
	for i, text := range texts {
		all[i] = []byte(text)
	}
	return all, nil
}

// KeepSample keeps how everything fared at a time, in JSON.
func (s *SQLite) KeepSample(ctx context.Context, at time.Time, entry []byte) error {
	const upsert = `INSERT INTO samples (slot, entry) VALUES (?, ?) ON CONFLICT (slot) DO UPDATE SET entry = excluded.entry`
	if _, err := s.db.ExecContext(ctx, upsert, slot(at), string(entry)); err != nil {
		return fmt.Errorf("control: keep sample: %w", err)
	}
	return nil
}

// Samples lists what was kept, in no order; the reader tells by their times which
// are old.
func (s *SQLite) Samples(ctx context.Context) ([][]byte, error) {
	all, err := s.listSamples(ctx)
	if err != nil {
		return nil, fmt.Errorf("control: read samples: %w", err)
	}
	return all, nil
}

func (s *SQLite) listSamples(ctx context.Context) ([][]byte, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT entry FROM samples`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err tells
	all := [][]byte{}
	for rows.Next() {
		var entry []byte
		if err := rows.Scan(&entry); err != nil {
			return nil, err
		}
		all = append(all, entry)
	}
	return all, rows.Err()
}
