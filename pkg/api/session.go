package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"riffle/pkg/auth"
)

// LoginStore keeps the codes of login links.
type LoginStore interface {
	// TakeLogin uses up the code with this hash and stores the session of its
	// user, both or neither.
	// Errors: auth.ErrUnknownLogin when it is unknown, used or expired.
	TakeLogin(ctx context.Context, hash [32]byte, session auth.Token) (auth.Token, error)
}

// logIn serves POST /v1/session: a login code, or a token, for a cookie.
func (a *API) logIn(w http.ResponseWriter, r *http.Request, _ *identity) error {
	// Another site must not log a visitor in as somebody else.
	if err := a.checkOrigin(r); err != nil {
		return err
	}
	var code, token string
	if err := readBody(w, r, fields{"code": &code, "token": &token}); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case code != "" && token != "":
		return badField.because("Give a code or a token, not both.").
			with(mistake{Code: badField.code, Pointer: "/token", Message: "stands beside a code"})
	case token != "":
		return a.logInByToken(w, r, token)
	}
	return a.logInByCode(w, r, code)
}

// logInByCode uses up the code of a login link and makes a session.
func (a *API) logInByCode(w http.ResponseWriter, r *http.Request, text string) error {
	code, scopes, err := auth.ParseLogin(text)
	if err != nil {
		return unknownLogin()
	}
	secret := auth.NewSession()
	session, err := a.store.TakeLogin(r.Context(), code.Hash(), auth.Token{
		Hash: secret.Hash(), Hint: secret.Hint(), Scopes: scopes, ExpiresAt: a.now().Add(auth.SessionLifetime).UTC(),
	})
	if errors.Is(err, auth.ErrUnknownLogin) {
		return unknownLogin()
	}
	if err != nil {
		return err
	}
	setSession(w, r, secret.Reveal(), auth.SessionLifetime)
	return a.writeMe(w, r, http.StatusCreated, &session)
}

// logInByToken puts the token itself into the cookie, out of reach of scripts.
// A session of its own would outlive the token that is revoked because it
// leaked.
func (a *API) logInByToken(w http.ResponseWriter, r *http.Request, text string) error {
	secret, err := auth.ParseToken(strings.TrimSpace(text))
	if err != nil {
		return unauthorized.because("The token is mistyped or cut: it is rfl_ and 36 letters and digits.")
	}
	token, _, err := a.tokens.find(r.Context(), secret.Hash(), false)
	if err != nil {
		return err
	}
	if !token.Scopes.Any(anyScope) {
		return forbidden.because("A token of scope feed reads feeds by their link, and cannot log in.")
	}
	lifetime := auth.SessionLifetime
	if !token.ExpiresAt.IsZero() {
		lifetime = min(lifetime, token.ExpiresAt.Sub(a.now()))
	}
	setSession(w, r, secret.Reveal(), lifetime)
	return a.writeMe(w, r, http.StatusCreated, &token)
}

func unknownLogin() error {
	return unauthorized.because("The login link is unknown, used or older than 10 minutes. Make a new one with `riffle login USER`.")
}

// logOut serves DELETE /v1/session: it revokes the session and takes the cookie
// away. A token that logged in stays good for whoever else has it.
func (a *API) logOut(w http.ResponseWriter, r *http.Request, who *identity) error {
	if !who.cookie {
		return badParameter.because("There is no session here: a token is revoked with DELETE /v1/tokens/%d.", who.token.ID)
	}
	if who.token.IsSession() {
		if err := a.store.RevokeToken(r.Context(), who.user(), who.token.ID); err != nil {
			return err
		}
		a.tokens.forget()
	}
	setSession(w, r, "", 0)
	return writeData(w, http.StatusOK, none{}, gone{decimal(who.token.ID)})
}
