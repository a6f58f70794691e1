package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// sharedRedis is this test binary's own Redis. Nothing ends it: a test binary
// tells nobody that its last test is over, but the watcher sees it end. The
// server is kept, and not its URL alone, since a leash that is garbage closes.
var sharedRedis = sync.OnceValues(func() (*Server, error) {
	binary, ok := find("redis-server", "valkey-server")
	if !ok {
		return nil, errNotInstalled
	}
	return startRedis(binary)
})

var errNotInstalled = errors.New("no such server is installed")

// Redis gives the URL of a Redis database of this test's own, empty now and
// flushed at the end.
//
// The server is shared: scripts, configuration and memory are everybody's. A
// test that wants to change those takes StartRedis.
func Redis(tb testing.TB) string {
	tb.Helper()
	base := os.Getenv("TEST_REDIS_URL")
	if base == "" {
		s, err := sharedRedis()
		if errors.Is(err, errNotInstalled) {
			missing(tb, "testenv: needs redis-server, or $TEST_REDIS_URL")
		} else if err != nil {
			tb.Fatalf("testenv: start redis: %v", err)
		}
		base = s.URL
	}
	url, release, err := claimDatabase(base)
	if err != nil {
		tb.Fatalf("testenv: redis database: %v", err)
	}
	tb.Cleanup(func() {
		if err := release(); err != nil {
			tb.Errorf("testenv: release redis database: %v", err)
		}
	})
	return url
}

// StartRedis starts a Redis of this test's own. By default it persists nothing;
// args are added to its command line, such as "--appendonly", "yes".
func StartRedis(tb testing.TB, args ...string) *Server {
	tb.Helper()
	binary, ok := find("redis-server", "valkey-server")
	if !ok {
		missing(tb, "testenv: needs redis-server")
	}
	s, err := startRedis(binary, args...)
	if err != nil {
		tb.Fatalf("testenv: start redis: %v", err)
	}
	return s.own(tb)
}

func startRedis(binary string, args ...string) (*Server, error) {
	return startServer(func(dir string, port int) (string, func() (*process, error)) {
		socket := filepath.Join(dir, "redis.sock")
		line := append([]string{
			"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--unixsocket", socket,
			"--dir", dir, "--save", "", "--databases", "1024",
		}, args...)
		run := func() (*process, error) {
			return start(dir, filepath.Join(dir, "log"), pingRedis(socket), binary, line...)
		}
		return fmt.Sprintf("redis://127.0.0.1:%d/0", port), run
	})
}

// pingRedis asks by the socket in the server's own folder, where no other
// server can answer. After a restart Redis answers LOADING until it has read
// its file; any other answer is one of a server that is up, be it that we need
// a password.
func pingRedis(socket string) func(context.Context) error {
	return func(ctx context.Context) error {
		client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket, MaxRetries: -1})
		err := client.Ping(ctx).Err()
		if _, answered := errors.AsType[redis.Error](err); answered && !redis.IsLoadingError(err) {
			err = nil
		}
		return errors.Join(err, client.Close())
	}
}

// claimDatabase picks a database that no other test of any process uses.
func claimDatabase(base string) (string, func() error, error) {
	options, err := redis.ParseURL(base)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	claims := redis.NewClient(options)
	number, err := freeDatabase(ctx, claims)
	if err != nil {
		return "", nil, errors.Join(err, claims.Close())
	}
	own, err := url.Parse(base)
	if err != nil {
		return "", nil, errors.Join(err, claims.Close())
	}
	own.Path = "/" + strconv.Itoa(number)
	release := func() error {
		return errors.Join(flush(claims, number, true), claims.Close())
	}
	return own.String(), release, flush(claims, number, false)
}

// claimTTL frees what a killed test binary had claimed.
const claimTTL = 20 * time.Minute

func claimKey(number int) string { return "testenv:claimed:" + strconv.Itoa(number) }

// freeDatabase keeps its claims in database 0, and waits while all are taken:
// an ordinary Redis has 15 more.
func freeDatabase(ctx context.Context, client *redis.Client) (int, error) {
	answer, err := client.ConfigGet(ctx, "databases").Result()
	if err != nil {
		return 0, err
	}
	count, err := strconv.Atoi(answer["databases"])
	if err != nil || count < 2 {
		return 0, fmt.Errorf("the server has %q databases, tests need at least 2", answer["databases"])
	}
	for {
		for number := 1; number < count; number++ {
			got, err := client.SetNX(ctx, claimKey(number), os.Getpid(), claimTTL).Result()
			if got || err != nil {
				return number, err
			}
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("all %d databases are in use: %w", count-1, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// flush empties a database and, with release, gives back the claim to it.
func flush(claims *redis.Client, number int, release bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	_, err := claims.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Do(ctx, "SELECT", number)
		p.FlushDB(ctx)
		p.Do(ctx, "SELECT", claims.Options().DB)
		if release {
			p.Del(ctx, claimKey(number))
		}
		return nil
	})
	return err
}
