package redis_test

import (
	"testing"

	"riffle/pkg/buffer/buffertest"
	"riffle/pkg/buffer/redis"
	"riffle/pkg/testenv"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	buffertest.Run(t, func(t *testing.T) buffertest.Opener {
		t.Helper()
		return opener(testenv.Redis(t))
	})
}

func opener(address string) buffertest.Opener {
	return func(tb testing.TB, o buffertest.Options) buffertest.Buffer {
		tb.Helper()
		b := open(tb, address, redis.Options(o))
		return buffertest.Buffer{
			Taker:  b,
			Writer: func(source, writer string) buffertest.Pusher { return b.Writer(source, writer) },
			Depths: b.Depths,
			Pause:  b.Pause,
		}
	}
}

func open(tb testing.TB, address string, o redis.Options) *redis.Buffer {
	tb.Helper()
	b, err := redis.Open(tb.Context(), address, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}
