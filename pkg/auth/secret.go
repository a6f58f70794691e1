package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"hash/crc32"
	"strings"
	"time"
)

// A secret in clear is a prefix that says what it is, 30 random letters and
// digits, and 6 that check all before them:
//
//	rfl_ 4f…(30) c…(6)    a token, sent as "Authorization: Bearer rfl_…"
//	rfs_ …                a session, kept in a cookie by the api alone
//	rfc_ …                a login code, good once
//
// 30 of 62 characters are 178 random bits. The check is no protection: it lets
// a scanner tell a leaked token from a look-alike, and the api refuse a
// mistyped one without asking the store.
const (
	tokenPrefix   = "rfl_"
	sessionPrefix = "rfs_"
	loginPrefix   = "rfc_"

	prefixLength = 4
	randomLength = 30
	checkLength  = 6
	secretLength = prefixLength + randomLength + checkLength

	alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// LoginLifetime is how long a login code is good.
const LoginLifetime = 10 * time.Minute

// SessionLifetime is how long a session lasts without a new login.
const SessionLifetime = 30 * 24 * time.Hour

// Secret is a token, session or login code in clear. It prints as its hint, so
// that a log never holds it; Reveal gives it away.
type Secret struct{ text string }

// NewToken makes the secret of a new token.
func NewToken() Secret { return newSecret(tokenPrefix) }

// NewSession makes the secret of a new session.
func NewSession() Secret { return newSecret(sessionPrefix) }

// NewLogin makes a login code. Its first characters say which scopes the
// session will have; since only its hash is stored, they cannot be changed
// afterwards.
//
// Errors: *ScopeError for scopes that no session may have.
func NewLogin(scopes Scopes) (Secret, error) {
	if scopes == 0 || scopes.Has(Feed) || !scopes.valid() {
		return Secret{}, &ScopeError{Name: scopes.String()}
	}
	return newSecret(loginPrefix + string(alphabet[scopes])), nil
}

// ParseToken checks the form of a token that a client sent.
//
// Errors: ErrMalformed, for anything that NewToken cannot have made.
func ParseToken(text string) (Secret, error) { return parseSecret(tokenPrefix, text) }

// ParseSession checks the form of a session's secret.
//
// Errors: ErrMalformed.
func ParseSession(text string) (Secret, error) { return parseSecret(sessionPrefix, text) }

// ParseLogin checks the form of a login code and gives the scopes of the
// session that it may be exchanged for.
//
// Errors: ErrMalformed.
func ParseLogin(text string) (Secret, Scopes, error) {
	code, err := parseSecret(loginPrefix, text)
	if err != nil {
		return Secret{}, 0, err
	}
	scopes := Scopes(strings.IndexByte(alphabet, text[prefixLength]))
	if scopes == 0 || scopes.Has(Feed) || !scopes.valid() {
		return Secret{}, 0, ErrMalformed
	}
	return code, scopes, nil
}

// Reveal gives the secret in clear.
func (s Secret) Reveal() string { return s.text }

// Hash is what is stored: the SHA-256 of the whole secret. A secret of 178
// random bits needs no slow hash.
func (s Secret) Hash() [32]byte { return sha256.Sum256([]byte(s.text)) }

// Hint gives the first characters, to tell secrets apart in a list.
func (s Secret) Hint() string {
	if len(s.text) < secretLength {
		return ""
	}
	return s.text[:prefixLength+4]
}

// String gives the hint and an ellipsis.
func (s Secret) String() string { return s.Hint() + "…" }

// GoString is String: %#v shows no more of a secret than %v.
func (s Secret) GoString() string { return s.String() }

// newSecret fills up start with random characters and appends the check.
func newSecret(start string) Secret {
	text := make([]byte, 0, secretLength)
	text = append(text, start...)
	var pool [64]byte
	for len(text) < secretLength-checkLength {
		// Read never fails: the runtime stops the process instead.
		_, _ = rand.Read(pool[:])
		for _, b := range pool {
			// A byte from the last, incomplete round of 62 would favour
			// the first characters.
			if b < 4*62 && len(text) < secretLength-checkLength {
				text = append(text, alphabet[b%62])
			}
		}
	}
	return Secret{string(appendCheck(text))}
}

// appendCheck appends the CRC-32 (IEEE) of text in base 62.
func appendCheck(text []byte) []byte {
	sum := crc32.ChecksumIEEE(text)
	var digits [checkLength]byte
	for i := range digits {
		digits[checkLength-1-i] = alphabet[sum%62]
		sum /= 62
	}
	return append(text, digits[:]...)
}

func parseSecret(prefix, text string) (Secret, error) {
	if len(text) != secretLength || !strings.HasPrefix(text, prefix) {
		return Secret{}, ErrMalformed
	}
	for i := prefixLength; i < len(text); i++ {
		if strings.IndexByte(alphabet, text[i]) < 0 {
			return Secret{}, ErrMalformed
		}
	}
	if string(appendCheck([]byte(text[:secretLength-checkLength]))) != text {
		return Secret{}, ErrMalformed
	}
	return Secret{text}, nil
}

// Check says whether the token with this hash is good at now.
//
// Errors: ErrUnknownToken when the hash is another's, or the token is revoked
// or expired.
func (t *Token) Check(hash [32]byte, now time.Time) error {
	same := subtle.ConstantTimeCompare(t.Hash[:], hash[:]) == 1
	expired := !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)
	if !same || expired || !t.RevokedAt.IsZero() {
		return ErrUnknownToken
	}
	return nil
}

// IsSession reports whether the token is a session: made by a login, sent in a
// cookie.
func (t *Token) IsSession() bool { return strings.HasPrefix(t.Hint, sessionPrefix) }
