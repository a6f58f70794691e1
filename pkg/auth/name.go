package auth

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
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

// CheckAccount refuses what is no account of a network, NETWORK:ACCOUNT.
//
// Errors: what is wrong, to be read after "the account".
func CheckAccount(account string) error {
	network, id, ok := strings.Cut(account, ":")
	if !ok || network == "" || id == "" {
		return errors.New("is not of the form NETWORK:ACCOUNT, such as twitter:12")
	}
	if len(account) > MaxAccount {
		return fmt.Errorf("is longer than %d bytes", MaxAccount)
	}
	return checkGraphic(account)
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
