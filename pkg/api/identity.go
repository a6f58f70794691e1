package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"riffle/pkg/auth"
)

// sessionCookie is the name of the cookie that holds a session, or the token
// that logged in.
const sessionCookie = "riffle_session"

// identity is who asks: the token of the request, or that of the session.
type identity struct {
	token auth.Token
	entry *tokenEntry
	// cookie says that a browser sent the session by itself, so that the
	// request may have been made by another site.
	cookie bool
}

func (i *identity) user() int64 { return i.token.User }

// identify finds out who asks and whether that is enough for the route.
//
// Errors: *requestError of kind unauthorized or forbidden; maintenance when the
// store cannot be asked.
func (a *API) identify(r *http.Request, rt *route) (*identity, error) {
	secret, cookie, err := credentials(r)
	if err != nil {
		return nil, err
	}
	token, entry, err := a.tokens.find(r.Context(), secret.Hash(), rt.offline)
	if err != nil {
		failure := failed(err)
		if rt.offline && failure.kind == maintenance {
			failure.detail = "The store cannot be reached, and this api does not know the token from before. Meanwhile `riffle status`, `riffle pause` and `riffle resume` work on the command line."
		}
		return nil, failure
	}
	if cookie {
		if err := a.checkOrigin(r); err != nil {
			return nil, err
		}
	}
	if !token.Scopes.Any(rt.scopes) {
		return nil, lacking(token.Scopes, rt.scopes)
	}
	return &identity{token: token, entry: entry, cookie: cookie}, nil
}

// credentials takes the token from the header, else the session from the
// cookie.
func credentials(r *http.Request) (secret auth.Secret, cookie bool, err error) {
	if header := r.Header.Get("Authorization"); header != "" {
		secret, err = bearer(header)
		return secret, false, err
	}
	session, err := r.Cookie(sessionCookie)
	if err != nil {
		return secret, false, unauthorized.because("Send a token in the header Authorization: Bearer rfl_…, or log in.")
	}
	if secret, err = auth.ParseSession(session.Value); err != nil {
		secret, err = auth.ParseToken(session.Value)
	}
	if err != nil {
		return secret, true, unauthorized.because("The session's cookie is damaged. Log in again.")
	}
	return secret, true, nil
}

func bearer(header string) (auth.Secret, error) {
	scheme, text, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return auth.Secret{}, unauthorized.because("The header Authorization must be: Bearer rfl_….").
			telling("WWW-Authenticate", `Bearer realm="riffle", error="invalid_request"`)
	}
	secret, err := auth.ParseToken(strings.TrimSpace(text))
	if err != nil {
		return auth.Secret{}, unauthorized.because("The token is mistyped or cut: it is rfl_ and 36 letters and digits.").
			telling("WWW-Authenticate", `Bearer realm="riffle", error="invalid_token"`)
	}
	return secret, nil
}

// checkOrigin refuses a change that another site asks a browser for.
func (a *API) checkOrigin(r *http.Request) error {
	if err := a.origin.Check(r); err != nil {
		return forbidden.because("The request comes from a page of another site.")
	}
	return nil
}

func lacking(have, want auth.Scopes) error {
	return forbidden.because("The token has the scopes %s; this call needs %s.", have, strings.Join(want.Names(), " or ")).
		telling("WWW-Authenticate", `Bearer realm="riffle", error="insufficient_scope", scope="`+strings.Join(want.Names(), " ")+`"`)
}

// recheck asks again whether the asker's token is good: what takes long must
// end soon after a revocation.
func (a *API) recheck(ctx context.Context, who *identity) error {
	_, _, err := a.tokens.find(ctx, who.token.Hash, false)
	return err
}

// setSession gives the browser its session, or takes it away when secret is
// empty.
func setSession(w http.ResponseWriter, r *http.Request, secret string, lifetime time.Duration) {
	age := int(lifetime / time.Second)
	if secret == "" {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: secret, Path: "/", MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: isSecure(r),
	})
}

// isSecure says whether the browser reached us, or the proxy before us, by TLS.
// A client that lies here only keeps its own cookie off plain connections.
func isSecure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}
