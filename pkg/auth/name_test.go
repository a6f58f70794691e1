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
	for _, account := range []string{"twitter:12", "bluesky:did:plc:x", "mastodon:ann@social.example"} {
		if err := auth.CheckAccount(account); err != nil {
			t.Errorf("%q: got %v", account, err)
		}
	}
	for _, account := range []string{"", "twitter", ":12", "twitter:", "twitter:1 2", "x:" + strings.Repeat("a", auth.MaxAccount)} {
		if err := auth.CheckAccount(account); err == nil {
			t.Errorf("%q: got no error", account)
		}
	}
}
