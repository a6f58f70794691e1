// Package auth makes and checks tokens, sessions and login codes. It stores
// nothing and does no I/O.
package auth

import "time"

// User is somebody with rules and matches.
type User struct {
	ID        int64
	Name      string
	Accounts  []string // linked accounts, NETWORK:ACCOUNT
	CreatedAt time.Time
}

// Token is what is stored of a token; the secret itself is not.
type Token struct {
	ID         int64
	User       int64
	Hash       [32]byte // SHA-256 of the whole token
	Hint       string   // its first characters, to tell tokens apart in a list
	Scopes     Scopes
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time // zero: never; exact to a minute
	RevokedAt  time.Time // zero: it is valid
	// Number orders all changes of tokens but those of LastUsedAt, as the
	// counter in docs/schema.md gives it.
	Number int64
}

// Scopes is a set of what a token may do.
type Scopes uint8

// The scopes.
const (
	Read Scopes = 1 << iota
	Write
	Admin
	Feed
)

// Link ties an account of a network to a user: what that account saw is judged
// by this user's rules.
type Link struct {
	Account string // NETWORK:ACCOUNT
	User    int64
	// Number orders all changes of links, as the counter in docs/schema.md
	// gives it.
	Number int64
	// Gone marks a removed link in a list of changes.
	Gone bool
}
