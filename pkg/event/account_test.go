package event_test

import (
	"testing"

	"riffle/pkg/event"
)

func TestAccount(t *testing.T) {
	t.Parallel()
	for account, want := range map[string]string{
		"twitter:12":                  "twitter:12",
		"Twitter:12":                  "twitter:12",
		"mastodon:ann@town.example":   "mastodon:ann@town.example",
		"Mastodon:@Ann@Town.Example":  "mastodon:ann@town.example",
		"mastodon:Ann@Town.Example:1": "mastodon:ann@town.example:1",
		"bluesky:did:plc:Abc":         "bluesky:did:plc:Abc",
		"other:@Ann":                  "other:@Ann",
		"me":                          "me",
		"":                            "",
	} {
		if got := event.Account(account); got != want {
			t.Errorf("%q: got %q, want %q", account, got, want)
		}
	}
}
