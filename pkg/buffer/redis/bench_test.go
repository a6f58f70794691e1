package redis_test

import (
	"testing"

	"riffle/pkg/buffer/buffertest"
	"riffle/pkg/buffer/redis"
	"riffle/pkg/testenv"
)

// Both benchmarks report frames of 512 events with a body that does not
// compress, of a real frame's size.
func BenchmarkPush(b *testing.B) {
	server := testenv.StartRedis(b)
	buffer := open(b, server.URL, redis.Options{})
	buffertest.BenchmarkPush(b, buffer.Writer("s", "w"))
}

func BenchmarkTake(b *testing.B) {
	server := testenv.StartRedis(b)
	buffer := open(b, server.URL, redis.Options{})
	buffertest.BenchmarkTake(b, buffer.Writer("s", "w"), buffer)
}

func BenchmarkBoth(b *testing.B) {
	buffer := open(b, testenv.StartRedis(b).URL, redis.Options{})
	buffertest.BenchmarkBoth(b, buffer.Writer("s", "w"), buffer)
}
