package event

import "strings"

// Account writes an account, NETWORK:ACCOUNT, as the sources do, so that two
// spellings of one can be compared: the network in small letters, and of
// Mastodon's accounts, whose case means nothing, the rest too, without a leading
// @. What is no account stays as it is.
func Account(account string) string {
	name, id, _ := strings.Cut(account, ":")
	network := strings.ToLower(name)
	if network == "mastodon" {
		id = strings.ToLower(strings.TrimPrefix(id, "@"))
	}
	if rest := account[len(name):]; network == name && strings.TrimPrefix(rest, ":") == id {
		return account // as nearly all are: without a copy
	}
	return network + ":" + id
}
