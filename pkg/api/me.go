package api

import (
	"net/http"

	"riffle/pkg/auth"
)

// userForm is a user in JSON.
type userForm struct {
	ID        decimal  `json:"id"`
	Name      string   `json:"name"`
	Accounts  []string `json:"accounts"`
	CreatedAt stamp    `json:"created_at"`
}

func formOfUser(u *auth.User) userForm {
	accounts := u.Accounts
	if accounts == nil {
		accounts = []string{}
	}
	return userForm{ID: decimal(u.ID), Name: u.Name, Accounts: accounts, CreatedAt: stamp(u.CreatedAt)}
}

// meForm is the asker: the user, and what the token may do.
type meForm struct {
	userForm
	Scopes []string  `json:"scopes"`
	Token  tokenForm `json:"token"`
}

// showMe serves GET /v1/me.
func (a *API) showMe(w http.ResponseWriter, r *http.Request, who *identity) error {
	return a.writeMe(w, r, http.StatusOK, &who.token)
}

func (a *API) writeMe(w http.ResponseWriter, r *http.Request, status int, token *auth.Token) error {
	user, err := a.store.User(r.Context(), token.User)
	if err != nil {
		return err
	}
	return writeData(w, status, none{}, meForm{
		userForm: formOfUser(&user), Scopes: token.Scopes.Names(), Token: formOfToken(token),
	})
}
