// Package testenv gives tests real Redis and MariaDB servers.
//
// The servers named by $TEST_REDIS_URL and $TEST_MYSQL_URL are used where set;
// they must be there for tests alone, since databases are flushed and dropped.
// Else a private instance is started on a free loopback port, one for the whole
// test binary; it ends with the binary, however that ends. A test is skipped
// where neither is to be had, and fails instead when $TEST_SERVERS is
// "required".
package testenv

import (
	"os"
	"testing"
)

// missing ends a test that can't have its server.
func missing(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv("TEST_SERVERS") == "required" {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}
