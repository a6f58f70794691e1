package auth

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"riffle/pkg/event"
)

// Limits of names and accounts.
const (
	MaxName    = 64   // letters of a user's name
	MaxAccount = 2048 // bytes of an account
)

// CheckName refuses a user's name that could not be typed or told apart.
//
// Errors: what is wrong, to be read after "the name".
func CheckName(name string) error {
	if name == "" {
		return errors.New("is empty")
	}
	if utf8.RuneCountInString(name) > MaxName {
		return fmt.Errorf("is longer than %d letters", MaxName)
	}
	return checkGraphic(name)
}

// Account reads an account of a network and writes it as the sources do,
// NETWORK:ACCOUNT: another spelling would never be met.
//
// Errors: what is wrong, to be read after "the account".
func Account(network, id string) (string, error) {
	if network == "" || id == "" || strings.Contains(network, ":") {
		return "", errors.New("is not of the form NETWORK:ACCOUNT, such as twitter:12")
	}
	account := event.Account(network + ":" + id)
	network, id, _ = strings.Cut(account, ":")
	switch network {
	case "twitter":
		if strings.Trim(id, "0123456789") != "" {
			return "", errors.New("is not told by its number; Twitter's streams name accounts so, as in twitter:12")
		}
	case "mastodon":
		if name, host, _ := strings.Cut(id, "@"); name == "" || host == "" || strings.Contains(host, "@") {
			return "", errors.New("has no server; write it as in mastodon:ann@example.org")
		}
	case "bluesky":
		if !strings.HasPrefix(id, "did:") {
			return "", errors.New("is not told by its DID; Bluesky's stream names accounts so, as in bluesky:did:plc:…")
		}
	}
	if len(account) > MaxAccount {
		return "", fmt.Errorf("is longer than %d bytes", MaxAccount)
	}
	return account, checkGraphic(account)
}

func checkGraphic(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("is not UTF-8")
	}
	for _, c := range text {
		if !unicode.IsGraphic(c) || unicode.IsSpace(c) {
			return errors.New("has a space or an invisible character")
		}
	}
	return nil
}
