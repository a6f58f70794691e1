package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"riffle/pkg/auth"
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
	now := a.now()
	tokens = slices.DeleteFunc(tokens, func(t auth.Token) bool { return t.Check(t.Hash, now) != nil })
	forms := make([]tokenForm, len(tokens))
	for i := range tokens {
		forms[i] = formOfToken(&tokens[i])
	}
	return writeData(w, http.StatusOK, counted{len(forms)}, forms)
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
	secret := auth.NewToken()
	added, err := a.store.AddToken(r.Context(), auth.Token{
		User: who.user(), Hash: secret.Hash(), Hint: secret.Hint(), Scopes: scopes, ExpiresAt: expires,
	})
	if err != nil {
		return err
	}
	form := formOfToken(&added)
	form.Token = secret.Reveal()
	w.Header().Set("Location", "/v1/tokens/"+strconv.FormatInt(added.ID, 10))
	w.Header().Set("Cache-Control", "no-store")
	return writeData(w, http.StatusCreated, none{}, form)
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
	if until == nil {
		return scopes, time.Time{}, nil
	}
	expires, err := time.Parse(time.RFC3339, *until)
	if err != nil || !expires.After(a.now()) || expires.Year() > 9999 {
		return 0, time.Time{}, badValue("expires_at", "must be a time to come, such as 2030-01-31T00:00:00Z")
	}
	return scopes, expires.UTC(), nil
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
