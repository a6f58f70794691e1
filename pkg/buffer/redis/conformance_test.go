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
	return func(t *testing.T, o buffertest.Options) buffertest.Buffer {
		t.Helper()
		b := open(t, address, redis.Options(o))
		return buffertest.Buffer{
			Taker:  b,
			Writer: func(source, writer string) buffertest.Pusher { return b.Writer(source, writer) },
			Depths: b.Depths,
		}
	}
}

func open(t testing.TB, address string, o redis.Options) *redis.Buffer {
	t.Helper()
	b, err := redis.Open(t.Context(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}
