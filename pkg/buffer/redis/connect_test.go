package redis

import (
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ info, want string }{
		"oldest":   {"redis_version:7.0.0\r\nmaxmemory_policy:noeviction\r\n", ""},
		"newer":    {"# Server\r\nredis_version:8.2.1\r\nmaxmemory_policy:volatile-lru\r\n", ""},
		"valkey":   {"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\nmaxmemory_policy:noeviction\r\n", ""},
		"tenth":    {"redis_version:10.1.0\r\n", ""},
		"sentinel": {"redis_version:6.2.0\r\nredis_mode:sentinel\r\n", ""},
		"old":      {"redis_version:6.2.14\r\nmaxmemory_policy:noeviction\r\n", `"6.2.14"; 7.0 or newer`},
		"unknown":  {"", "7.0 or newer"},
		"lru":      {"redis_version:7.0.1\r\nmaxmemory_policy:allkeys-lru\r\n", "allkeys-lru it may evict"},
		"lfu":      {"redis_version:7.0.1\r\nmaxmemory_policy:allkeys-lfu\r\n", "set \"maxmemory-policy noeviction\""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := judge(parseInfo(test.info))
			if test.want == "" && err != nil {
				t.Errorf("got %v, want it to be fit", err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
		})
	}
}

func TestConnect(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"redis://h":                               "tcp h:6379 0  ",
		"redis://h:1/2":                           "tcp h:1 2  ",
		"redis://u:p@h:1/2":                       "tcp h:1 2 u p",
		"rediss://h":                              "tcp h:6379 0   tls",
		"redis+unix:///run/r.sock":                "unix /run/r.sock 0  ",
		"redis+unix://:p@/run/r.sock?db=3":        "unix /run/r.sock 3  p",
		"redis+sentinel://h1,h2:1/main":           "tcp FailoverClient 0  ",
		"redis+sentinel://u:p%40@h1,h2/main?db=4": "tcp FailoverClient 4 u p@",
		"redis+cluster://h1,h2:1":                 "cluster h1:6379 h2:1  ",
		"redis+cluster://u:p@h1:2/":               "cluster h1:2 u p",
	} {
		client, err := Connect(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if got := describe(t, client); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}

// describe names the parts of a client's options, and checks that no way of
// connecting forgets the inspection.
func describe(t *testing.T, client goredis.UniversalClient) string {
	t.Helper()
	switch c := client.(type) {
	case *goredis.ClusterClient:
		o := c.Options()
		if o.OnConnect == nil {
			t.Error("servers of a cluster are not inspected")
		}
		return strings.Join([]string{"cluster", strings.Join(o.Addrs, " "), o.Username, o.Password}, " ")
	case *goredis.Client:
		o := c.Options()
		if o.OnConnect == nil {
			t.Errorf("%s is not inspected", o.Addr)
		}
		parts := []string{o.Network, o.Addr, string(rune('0' + o.DB)), o.Username, o.Password}
		if o.TLSConfig != nil {
			parts = append(parts, "tls")
		}
		return strings.Join(parts, " ")
	default:
		t.Fatalf("unexpected client %T", client)
		return ""
	}
}
