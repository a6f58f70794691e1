package redis

import (
	"testing"

	"riffle/pkg/retry"
	"riffle/pkg/testenv"
)

// TestWithheld: a server that does not let us in, or is not fit, is a mistake for a
// process that begins, and an outage for one that has worked with it.
func TestWithheld(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]any{
		"a password":  {"CONFIG", "SET", "requirepass", "secret"},
		"no rights":   {"ACL", "SETUSER", "default", "-@all", "+acl", "+ping", "+hello", "+client", "+info"},
		"may evict":   {"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"},
		"no accounts": {"ACL", "SETUSER", "default", "off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testenv.StartRedis(t)
			open := func() (*Buffer, error) {
				b, err := Open(t.Context(), server.URL, Options{})
				if err == nil {
					t.Cleanup(func() { _ = b.Close() })
				}
				return b, err
			}
			b, err := open()
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Client().Do(t.Context(), change...).Err(); err != nil {
				t.Fatal(err)
			}
			// A connection that is there may work on; one of another process does not.
			if err := b.Client().Do(t.Context(), "CLIENT", "KILL", "SKIPME", "no").Err(); err != nil && name != "no accounts" {
				t.Log(err) // it may end before it answers
			}
			for range 3 {
				if _, err := b.Writer("s", "w").Position(t.Context()); !retry.IsTransient(err) {
					t.Errorf("position: got %v, want a transient error", err)
				}
				if _, err := b.Take(t.Context(), 1); !retry.IsTransient(err) {
					t.Errorf("take: got %v, want a transient error", err)
				}
			}
			late, err := open()
			if err == nil { // it may connect, and nothing else
				_, err = late.Take(t.Context(), 1)
			} else if retry.IsTransient(err) {
				t.Errorf("open at first contact: got %v, want one that does not pass", err)
			}
			if err == nil {
				t.Error("it worked at first contact")
			}
		})
	}
}
