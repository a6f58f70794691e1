package testenv

import (
	"bufio"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"
)

func dialRedis(t *testing.T, address string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestRedisDatabasesAreApart(t *testing.T) {
	t.Parallel()
	one, two := dialRedis(t, Redis(t)), dialRedis(t, Redis(t))
	if err := one.Set(t.Context(), "key", "one", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := two.DBSize(t.Context()).Result(); err != nil || got != 0 {
		t.Errorf("another test's database: got %d keys, %v, want none", got, err)
	}
}

// TestSharedRedisOutlivesGarbage: the watcher's leash must not be collected.
func TestSharedRedisOutlivesGarbage(t *testing.T) {
	t.Parallel()
	client := dialRedis(t, Redis(t))
	for range 3 {
		runtime.GC()
	}
	if err := client.BLPop(t.Context(), time.Second, "nothing").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("after a collection: got %v, want an idle server", err)
	}
}

func TestRedisDatabaseIsFlushed(t *testing.T) {
	t.Parallel()
	var address string
	t.Run("user", func(t *testing.T) {
		address = Redis(t)
		if err := dialRedis(t, address).Set(t.Context(), "key", 1, 0).Err(); err != nil {
			t.Fatal(err)
		}
	})
	if got, err := dialRedis(t, address).Exists(t.Context(), "key").Result(); err != nil || got != 0 {
		t.Errorf("after the test: got %d keys, %v, want none", got, err)
	}
}

func TestRedisComesBack(t *testing.T) {
	t.Parallel()
	s := StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	client := dialRedis(t, s.URL)
	for range 2 {
		if err := client.Incr(t.Context(), "key").Err(); err != nil {
			t.Fatal(err)
		}
		s.Kill()
		if err := client.Ping(t.Context()).Err(); err == nil {
			t.Fatal("a killed Redis answers")
		}
		s.Restart()
	}
	if got, err := client.Get(t.Context(), "key").Result(); err != nil || got != "2" {
		t.Errorf("after two crashes: got %q, %v, want 2", got, err)
	}
}

func dialMariaDB(t *testing.T, address string) *sql.DB {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	config := driverConfig(u)
	config.DBName = strings.TrimPrefix(u.Path, "/")
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestMariaDBDatabasesAreApart(t *testing.T) {
	t.Parallel()
	one, two := dialMariaDB(t, MariaDB(t)), dialMariaDB(t, MariaDB(t))
	if _, err := one.ExecContext(t.Context(), "CREATE TABLE t (n INT)"); err != nil {
		t.Fatal(err)
	}
	if _, err := two.ExecContext(t.Context(), "SELECT n FROM t"); err == nil {
		t.Error("another test's table can be read")
	}
}

func TestMariaDBComesBack(t *testing.T) {
	t.Parallel()
	s := StartMariaDB(t)
	db := dialMariaDB(t, s.URL)
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t SELECT 7 AS n"); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := db.PingContext(t.Context()); err == nil {
		t.Fatal("a killed MariaDB answers")
	}
	s.Restart()
	var got int
	if err := db.QueryRowContext(t.Context(), "SELECT n FROM t").Scan(&got); err != nil || got != 7 {
		t.Errorf("after a crash: got %d, %v, want 7", got, err)
	}
}

// TestServerDiesWithItsBinary kills a test binary that holds a server.
func TestServerDiesWithItsBinary(t *testing.T) {
	t.Parallel()
	if os.Getenv("TESTENV_VICTIM") != "" {
		s := StartRedis(t)
		_, _ = os.Stdout.WriteString("victim " + s.URL + " " + s.Dir + "\n")
		<-t.Context().Done()
	}
	if _, ok := find("redis-server", "valkey-server"); !ok {
		missing(t, "testenv: needs redis-server")
	}
	victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestServerDiesWithItsBinary$")
	victim.Env = append(os.Environ(), "TESTENV_VICTIM=1")
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	address, dir := readVictim(t, bufio.NewScanner(out))
	blocked := dialRedis(t, address).Conn()
	defer func() { _ = blocked.Close() }()
	answer := make(chan error, 1)
	go func() { answer <- blocked.BLPop(t.Context(), time.Minute, "nothing").Err() }()
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait() // killed
	if err := <-answer; err == nil || errors.Is(err, redis.Nil) {
		t.Errorf("a call to the server of a dead binary: got %v, want a lost connection", err)
	}
	awaitGone(t, dir)
}

func readVictim(t *testing.T, lines *bufio.Scanner) (address, dir string) {
	t.Helper()
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) == 3 && words[0] == "victim" {
			return words[1], words[2]
		}
	}
	t.Fatalf("the victim said nothing: %v", lines.Err())
	return "", ""
}

func awaitGone(t *testing.T, dir string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Errorf("%s is still there", dir)
}
