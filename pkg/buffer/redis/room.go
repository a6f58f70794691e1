package redis

import (
	"context"
	"fmt"
	"strconv"
)

// Room says how much memory the server uses, and how much it may: maxmemory, or
// all of its machine's where that is not set.
func (b *Buffer) Room(ctx context.Context) (used, size int64, err error) {
	text, err := b.client.Info(ctx, "memory").Result()
	if err != nil {
		return 0, 0, fmt.Errorf("buffer: read memory: %w", b.classify(ctx, err))
	}
	facts := parseInfo(text)
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(facts[name], 10, 64) // absent in some servers: 0
		return n
	}
	used, size = number("used_memory"), number("maxmemory")
	if size == 0 {
		size = number("total_system_memory")
	}
	return used, size, nil
}
