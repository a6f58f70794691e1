package api

import (
	"context"
	"errors"
	"net/http"

	"riffle/pkg/auth"
)

// LoginStore keeps the codes of login links.
type LoginStore interface {
	// TakeLogin uses up the code with this hash and gives its user.
	// Errors: auth.ErrUnknownLogin when it is unknown, used or expired.
	TakeLogin(ctx context.Context, hash [32]byte) (user int64, err error)
}

// logIn serves POST /v1/session: a login code for a session in a cookie.
func (a *API) logIn(w http.ResponseWriter, r *http.Request, _ *identity) error {
	// Another site must not log a visitor in as somebody else.
	if err := a.checkOrigin(r); err != nil {
		return err
	}
	var text string
	if err := readBody(w, r, fields{"code": &text}); err != nil {
		return err
	}
	code, scopes, err := auth.ParseLogin(text)
	if err != nil {
		return unknownLogin()
	}
	user, err := a.store.TakeLogin(r.Context(), code.Hash())
	if errors.Is(err, auth.ErrUnknownLogin) {
		return unknownLogin()
	}
	if err != nil {
		return err
	}
	secret := auth.NewSession()
	session, err := a.store.AddToken(r.Context(), auth.Token{
		User: user, Hash: secret.Hash(), Hint: secret.Hint(), Scopes: scopes,
		ExpiresAt: a.now().Add(auth.SessionLifetime).UTC(),
	})
	if err != nil {
		return err
	}
	setSession(w, r, secret.Reveal(), auth.SessionLifetime)
	w.Header().Set("Cache-Control", "no-store")
	return a.writeMe(w, r, http.StatusCreated, &session)
}

func unknownLogin() error {
	return unauthorized.because("The login link is unknown, used or older than 10 minutes. Make a new one with `riffle login USER`.")
}

// logOut serves DELETE /v1/session: it revokes the session and takes the cookie
// away. A cookie that is none of ours is taken away too.
func (a *API) logOut(w http.ResponseWriter, r *http.Request, who *identity) error {
	if !who.cookie {
		return badParameter.because("There is no session here: a token is revoked with DELETE /v1/tokens/%d.", who.token.ID)
	}
	if err := a.store.RevokeToken(r.Context(), who.user(), who.token.ID); err != nil {
		return err
	}
	a.tokens.forget()
	setSession(w, r, "", 0)
	return writeData(w, http.StatusOK, none{}, gone{decimal(who.token.ID)})
}
