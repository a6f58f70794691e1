package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

// TokenStore keeps the tokens of one user.
type TokenStore interface {
	// Tokens lists a user's tokens, revoked ones too.
	Tokens(ctx context.Context, user int64) ([]auth.Token, error)
	// AddToken stores a token and gives it back with its id.
	AddToken(ctx context.Context, t auth.Token) (auth.Token, error)
	// RevokeToken revokes a token.
	// Errors: event.ErrNotFound, also for another user's.
	RevokeToken(ctx context.Context, user, id int64) error
	// RotateToken stores a token in the place of one that is good, which ends
	// after the overlap.
	// Errors: event.ErrNotFound, also for another user's; event.ErrExists where it
	// was rotated before.
	RotateToken(ctx context.Context, t auth.Token, old int64, overlap time.Duration) (auth.Token, error)
}

// tokenForm is a token in JSON; Token is the secret, given once.
type tokenForm struct {
	ID         decimal  `json:"id"`
	Kind       string   `json:"kind"`
	Token      string   `json:"token,omitempty"`
	Hint       string   `json:"hint"`
	Scopes     []string `json:"scopes"`
	CreatedAt  stamp    `json:"created_at"`
	ExpiresAt  stamp    `json:"expires_at"`
	LastUsedAt stamp    `json:"last_used_at"`
}

func formOfToken(t *auth.Token) tokenForm {
	kind := "token"
	if t.IsSession() {
		kind = "session"
	}
	return tokenForm{
		ID: decimal(t.ID), Kind: kind, Hint: t.Hint, Scopes: t.Scopes.Names(),
		CreatedAt: stamp(t.CreatedAt), ExpiresAt: stamp(t.ExpiresAt), LastUsedAt: stamp(t.LastUsedAt),
	}
}

// listTokens serves GET /v1/tokens: what can be used now.
func (a *API) listTokens(w http.ResponseWriter, r *http.Request, who *identity) error {
	tokens, err := a.store.Tokens(r.Context(), who.user())
	if err != nil {
		return err
	}
	tokens = a.onlyGood(tokens)
	forms := make([]tokenForm, len(tokens))
	for i := range tokens {
		forms[i] = formOfToken(&tokens[i])
	}
	return writeData(w, http.StatusOK, counted{len(forms)}, forms)
}

// onlyGood leaves those that can be used now.
func (a *API) onlyGood(tokens []auth.Token) []auth.Token {
	now := a.now()
	return slices.DeleteFunc(tokens, func(t auth.Token) bool { return t.Check(t.Hash, now) != nil })
}

// maxTokens is how many tokens and sessions of one user may be good at once for
// another to be made.
const maxTokens = 1000

// checkTokens refuses a token too many.
func (a *API) checkTokens(ctx context.Context, user int64) error {
	tokens, err := a.store.Tokens(ctx, user)
	if err == nil && len(a.onlyGood(tokens)) >= maxTokens {
		err = tooMany.because("You have %d tokens and sessions that are good; revoke some first.", maxTokens)
	}
	return err
}

// addToken serves POST /v1/tokens.
func (a *API) addToken(w http.ResponseWriter, r *http.Request, who *identity) error {
	scopes, expires, err := a.readToken(w, r)
	if err != nil {
		return err
	}
	if !who.token.Scopes.Covers(scopes) {
		return forbidden.because("A token with the scopes %s cannot give %s.", who.token.Scopes, scopes)
	}
	if err := a.checkTokens(r.Context(), who.user()); err != nil {
		return err
	}
	secret := auth.NewToken()
	added, err := a.store.AddToken(r.Context(), auth.Token{
		User: who.user(), Hash: secret.Hash(), Hint: secret.Hint(), Scopes: scopes, ExpiresAt: expires,
	})
	if err != nil {
		return err
	}
	return writeToken(w, &added, secret)
}

// writeToken answers with a new token, in clear for this once.
func writeToken(w http.ResponseWriter, t *auth.Token, secret auth.Secret) error {
	form := formOfToken(t)
	form.Token = secret.Reveal()
	w.Header().Set("Location", "/v1/tokens/"+strconv.FormatInt(t.ID, 10))
	return writeData(w, http.StatusCreated, none{}, form)
}

const (
	// defaultOverlap is how long a rotated token stays good where nothing else
	// is said.
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 30 * 24 * time.Hour
)

// rotateToken serves POST /v1/tokens/{id}/rotate: a new token that may do the
// same, beside which the old one stays good for a while.
func (a *API) rotateToken(w http.ResponseWriter, r *http.Request, who *identity) error {
	overlap, until, err := a.readRotation(w, r)
	if err != nil {
		return err
	}
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	old, err := a.goodToken(r.Context(), who.user(), id)
	if err != nil {
		return err
	}
	if old.IsSession() {
		return forbidden.because("This is a session, which nobody sees in clear; log in again instead.")
	}
	if !who.token.Scopes.Covers(old.Scopes) {
		return forbidden.because("A token with the scopes %s cannot give %s.", who.token.Scopes, old.Scopes)
	}
	if until.IsZero() {
		until = old.ExpiresAt
	}
	secret := auth.NewToken()
	added, err := a.store.RotateToken(r.Context(), auth.Token{
		User: old.User, Hash: secret.Hash(), Hint: secret.Hint(), Scopes: old.Scopes, ExpiresAt: until,
	}, id, overlap)
	if errors.Is(err, event.ErrExists) {
		return rotated.because("This token was rotated before, and another stands in its place: rotate that one.")
	}
	if err != nil {
		return err
	}
	a.tokens.forget()
	return writeToken(w, &added, secret)
}

// readRotation gives how long the old token stays good, and the end of the new
// one; zero: that of the old one.
func (a *API) readRotation(w http.ResponseWriter, r *http.Request) (overlap time.Duration, until time.Time, err error) {
	length := defaultOverlap.String()
	var end *string
	if err := readOptional(w, r, fields{"overlap": &length, "expires_at": &end}); err != nil {
		return 0, until, err
	}
	overlap, err = parseSpan(length)
	if err != nil || overlap < 0 || overlap > maxOverlap {
		return 0, until, badValue("overlap", "must be a time span from 0s to 720h, such as 90m, 24h or 7d")
	}
	until, err = a.parseEnd(end)
	return overlap, until, err
}

// goodToken gives one of a user's tokens that can be used now.
//
// Errors: event.ErrNotFound.
func (a *API) goodToken(ctx context.Context, user, id int64) (*auth.Token, error) {
	tokens, err := a.store.Tokens(ctx, user)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(tokens, func(t auth.Token) bool { return t.ID == id && t.Check(t.Hash, a.now()) == nil })
	if at < 0 {
		return nil, event.ErrNotFound
	}
	return &tokens[at], nil
}

func (a *API) readToken(w http.ResponseWriter, r *http.Request) (auth.Scopes, time.Time, error) {
	names := auth.DefaultScopes.Names()
	var until *string
	if err := readBody(w, r, fields{"scopes": &names, "expires_at": &until}); err != nil {
		return 0, time.Time{}, err
	}
	scopes, err := auth.ScopesOf(names)
	var wrong *auth.ScopeError
	if errors.As(err, &wrong) {
		return 0, time.Time{}, badValue("scopes", "cannot be: "+wrong.Error())
	}
	expires, err := a.parseEnd(until)
	return scopes, expires, err
}

// parseEnd reads when a token is to end; nothing given is zero.
func (a *API) parseEnd(until *string) (time.Time, error) {
	if until == nil {
		return time.Time{}, nil
	}
	expires, err := time.Parse(time.RFC3339, *until)
	if err != nil || !expires.After(a.now()) || expires.Year() > 9999 {
		return time.Time{}, badValue("expires_at", "must be a time to come, such as 2030-01-31T00:00:00Z")
	}
	return expires.UTC(), nil
}

// revokeToken serves DELETE /v1/tokens/{id}.
func (a *API) revokeToken(w http.ResponseWriter, r *http.Request, who *identity) error {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := a.store.RevokeToken(r.Context(), who.user(), id); err != nil {
		return err
	}
	a.tokens.forget()
	return writeData(w, http.StatusOK, none{}, gone{decimal(id)})
}
