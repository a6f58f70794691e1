package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"riffle/pkg/store/mysql"
)

// crowd is how many users keep the post.
const crowd = 100_000

// benchCrowd lets one writer write posts that a crowd keeps, and another one
// batches of a few posts beside it, and tells how long the slowest of those took.
func benchCrowd(ctx context.Context, b *bench) (results []result, err error) {
	address, err := b.freshStore(ctx)
	if err != nil {
		return nil, err
	}
	big, err := mysql.Open(address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, big.Close()) }()
	// Filters are processes: each has connections of its own.
	small, err := mysql.Open(address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, small.Close()) }()
	alone, err := writeTimes(ctx, small, func() bool { return false }, b.slice())
	if err != nil {
		return nil, err
	}
	var took []float64 // s
	beside, err := writesBeside(ctx, small, func() error {
		for range b.rounds() {
			start := time.Now()
			if err := writePosts(ctx, big, 1, crowd); err != nil {
				return err
			}
			took = append(took, time.Since(start).Seconds())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []result{{
		what: "a write beside a post that 100,000 users keep, slowest", unit: "ms", aim: 1000, atMost: true,
		reached: share(beside, 1), baseline: share(alone, 1), baselineWhat: "without one",
		note: fmt.Sprintf("p50 %.1f ms against %.1f ms, %d writes beside %d such posts, each of which took %.1f s, longest %.1f s",
			share(beside, 0.5), share(alone, 0.5), len(beside), len(took), median(took), slices.Max(took)),
	}}, nil
}
