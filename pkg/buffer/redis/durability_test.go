package redis

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"riffle/pkg/testenv"
)

func TestCutDurability(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		address, rest string
		want          durability
		err           string
	}{
		{address: "redis://h/0", rest: "redis://h/0", want: keepsMost},
		{address: "redis://h/0?durability=always", rest: "redis://h/0", want: keepsAll},
		{address: "redis+unix:///s?db=1&durability=none", rest: "redis+unix:///s?db=1", want: keepsNothing},
		{address: "redis://:geheim@h/0?durability=everysec&protocol=3", rest: "redis://:geheim@h/0?protocol=3", want: keepsMost},
		{address: "redis://:geheim@h/0?durability=often", err: `"often" is none; there are always`},
		{address: "redis://:geheim@h/0?durability=%zz", err: "durability"},
	} {
		rest, want, err := cutDurability(tt.address)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("%s: got %v, want %q", tt.address, err, tt.err)
			}
			continue
		}
		if rest != tt.rest || want != tt.want || err != nil {
			t.Errorf("%s: got %s, %d, %v; want %s, %d", tt.address, rest, want, err, tt.rest, tt.want)
		}
	}
}

// TestWeaknesses asks real servers.
func TestWeaknesses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		args  []string
		asked string
		want  []string // beginnings of what is said
	}{
		{"nothing set", nil, "", []string{"maxmemory is not set", "appendonly is no"}},
		{"nothing set, nothing asked", nil, "?durability=none", []string{"maxmemory is not set"}},
		{"recommended", []string{"--maxmemory", "1gb", "--aof-load-truncated", "no", "--appendonly", "yes"}, "?durability=everysec", nil},
		{"always asked", []string{"--maxmemory", "1gb", "--aof-load-truncated", "no", "--appendonly", "yes"}, "?durability=always", []string{"appendfsync is everysec"}},
		{"always", []string{"--maxmemory", "1gb", "--aof-load-truncated", "no", "--appendonly", "yes", "--appendfsync", "always"}, "?durability=always", nil},
		{"no sync", []string{"--maxmemory", "1gb", "--aof-load-truncated", "no", "--appendonly", "yes", "--appendfsync", "no"}, "", []string{"appendfsync is no"}},
		{
			"none while rewriting", []string{"--maxmemory", "1gb", "--aof-load-truncated", "no", "--appendonly", "yes", "--no-appendfsync-on-rewrite", "yes"}, "",
			[]string{"no-appendfsync-on-rewrite is yes"},
		},
		{"mends torn files itself", []string{"--maxmemory", "1gb", "--appendonly", "yes"}, "", []string{"aof-load-truncated is yes"}},
		{
			"it does not tell", []string{"--maxmemory", "1gb", "--aof-load-truncated", "no", "--appendonly", "yes", "--appendfsync", "no", "--rename-command", "CONFIG", ""}, "", nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := testenv.StartRedis(t, tt.args...)
			b, err := Open(t.Context(), server.URL+tt.asked, Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = b.Close() })
			found, err := b.Weaknesses(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, text := range found {
				begin, _, _ := strings.Cut(text, ":")
				got = append(got, begin)
			}
			beginsWith := cmp.Comparer(func(x, y string) bool { return strings.HasPrefix(x, y) || strings.HasPrefix(y, x) })
			if diff := cmp.Diff(tt.want, got, beginsWith, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("weaknesses (-want +got):\n%s", diff)
			}
		})
	}
}
