package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"riffle/pkg/store"
	"riffle/pkg/store/mysql"
)

// benchPurge writes one batch after the other, each of a few posts, without and
// with retention at work beside it, and compares how long a write takes.
func benchPurge(ctx context.Context, b *bench) (results []result, err error) {
	address, err := b.freshStore(ctx)
	if err != nil {
		return nil, err
	}
	db, err := mysql.Open(address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	fills := 250 // of batchRows each
	if b.short {
		fills = 10
	}
	for range fills {
		if err := writeMatches(ctx, db); err != nil {
			return nil, err
		}
	}
	// What was written until now is old by then, and what is written then is not.
	const young = time.Minute
	if err := wait(ctx, young); err != nil {
		return nil, err
	}
	alone, err := writeTimes(ctx, db, func() bool { return false }, b.slice())
	if err != nil {
		return nil, err
	}
	var removed int64
	start := time.Now()
	beside, err := writesBeside(ctx, db, func() (err error) {
		removed, err = db.Purge(ctx, store.Retention{Keep: young, Bare: young, Frames: young, Sample: young, Samples: 1000})
		return err
	})
	if err != nil {
		return nil, err
	}
	took := time.Since(start)
	return []result{{
		what: "a write while old rows are removed, p99", unit: "ms", aim: 1000, atMost: true,
		reached: share(beside, 0.99), baseline: share(alone, 0.99), baselineWhat: "while none are",
		note: fmt.Sprintf("p50 %.1f ms against %.1f ms, longest %.0f ms against %.0f ms; %s rows removed in %.0f s beside %d writes",
			share(beside, 0.5), share(alone, 0.5), share(beside, 1), share(alone, 1), number(float64(removed)), took.Seconds(), len(beside)),
	}}, nil
}

// writesBeside measures writes, in ms, for as long as some other work takes.
func writesBeside(ctx context.Context, db *store.Store, work func() error) ([]float64, error) {
	done := make(chan error, 1)
	go func() { done <- work() }()
	over := false
	took, err := writeTimes(ctx, db, func() bool {
		select {
		case err := <-done:
			done <- err
			over = true
		default:
		}
		return over
	}, 10*time.Minute)
	return took, errors.Join(err, <-done)
}

// writeTimes measures writes, in ms, until over says so or the time is up.
func writeTimes(ctx context.Context, db *store.Store, over func() bool, d time.Duration) ([]float64, error) {
	var all []float64
	for begin := time.Now(); time.Since(begin) < d && !over(); {
		start := time.Now()
		if err := writePosts(ctx, db, batchPosts, 4); err != nil {
			return nil, err
		}
		all = append(all, float64(time.Since(start).Microseconds())/1000)
	}
	return all, nil
}
