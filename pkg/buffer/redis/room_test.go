package redis_test

import (
	"testing"

	"riffle/pkg/buffer/redis"
	"riffle/pkg/testenv"
)

func TestRoom(t *testing.T) {
	t.Parallel()
	bounded := testenv.StartRedis(t, "--maxmemory", "64mb")
	used, size, err := open(t, bounded.URL, redis.Options{}).Room(t.Context())
	if err != nil || used <= 0 || used >= size || size != 64<<20 {
		t.Errorf("with maxmemory: got %d of %d, %v, want some of 64 MiB", used, size, err)
	}
	used, size, err = open(t, testenv.Redis(t), redis.Options{}).Room(t.Context())
	if err != nil || used <= 0 || used >= size {
		t.Errorf("without maxmemory: got %d of %d, %v, want some of the machine's", used, size, err)
	}
}
