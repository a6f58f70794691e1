package auth_test

import (
	"strings"
	"testing"

	"riffle/pkg/auth"
)

func TestNamesOfUsers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ann", "Zoë", "李", strings.Repeat("ä", auth.MaxName), "a@b.example"} {
		if err := auth.CheckName(name); err != nil {
			t.Errorf("%q: got %v", name, err)
		}
	}
	for _, name := range []string{"", "a b", "a\nb", "a\u200bb", "\xff", strings.Repeat("a", auth.MaxName+1)} {
		if err := auth.CheckName(name); err == nil {
			t.Errorf("%q: got no error", name)
		}
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ network, id, want string }{
		{"twitter", "12", "twitter:12"},
		{"Twitter", "7001", "twitter:7001"},
		{"bluesky", "did:plc:x", "bluesky:did:plc:x"},
		{"mastodon", "ann@social.example", "mastodon:ann@social.example"},
		{"MASTODON", "@Ann@Social.Example", "mastodon:ann@social.example"},
		{"other", "Ann", "other:Ann"},
	} {
		if got, err := auth.Account(c.network, c.id); got != c.want || err != nil {
			t.Errorf("%q, %q: got %q, %v, want %q", c.network, c.id, got, err, c.want)
		}
	}
	for _, c := range [][2]string{
		{"", "12"},
		{"twitter", ""},
		{"a:b", "c"},
		{"twitter", "1 2"},
		{"twitter", "@jack"},
		{"twitter", "jack"},
		{"mastodon", "ann"},
		{"mastodon", "@ann"},
		{"mastodon", "ann@"},
		{"mastodon", "@@social.example"},
		{"mastodon", "a@b@c"},
		{"bluesky", "ann.example.org"},
		{"other", "a\u200bb"},
		{"x", strings.Repeat("a", auth.MaxAccount)},
	} {
		if got, err := auth.Account(c[0], c[1]); err == nil {
			t.Errorf("%q: got %q and no error", c, got)
		}
	}
}
