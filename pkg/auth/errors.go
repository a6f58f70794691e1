package auth

import "errors"

var (
	// ErrUnknownToken: no such token, or it is revoked or expired.
	ErrUnknownToken = errors.New("unknown token")
	// ErrMalformed: this was never a secret of ours.
	ErrMalformed = errors.New("malformed token")
	// ErrUnknownLogin: no such login code, or it is used or expired.
	ErrUnknownLogin = errors.New("unknown login code")
)
