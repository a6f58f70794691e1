package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

// UserStore keeps the users.
type UserStore interface {
	// Users lists all.
	Users(ctx context.Context) ([]auth.User, error)
	// User gives one.
	// Errors: event.ErrNotFound.
	User(ctx context.Context, id int64) (auth.User, error)
	// AddUser makes a user.
	// Errors: event.ErrExists when the name is taken.
	AddUser(ctx context.Context, name string) (auth.User, error)
	// RemoveUser removes a user with all that is theirs.
	// Errors: event.ErrNotFound.
	RemoveUser(ctx context.Context, id int64) error
}

// listUsers serves GET /v1/users.
func (a *API) listUsers(w http.ResponseWriter, r *http.Request, _ *identity) error {
	users, err := a.store.Users(r.Context())
	if err != nil {
		return err
	}
	forms := make([]userForm, len(users))
	for i := range users {
		forms[i] = formOfUser(&users[i])
	}
	return writeData(w, http.StatusOK, counted{len(forms)}, forms)
}

// showUser serves GET /v1/users/{id}.
func (a *API) showUser(w http.ResponseWriter, r *http.Request, _ *identity) error {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	user, err := a.store.User(r.Context(), id)
	if err != nil {
		return err
	}
	return writeData(w, http.StatusOK, none{}, formOfUser(&user))
}

// addUser serves POST /v1/users.
func (a *API) addUser(w http.ResponseWriter, r *http.Request, _ *identity) error {
	var name string
	if err := readBody(w, r, fields{"name": &name}); err != nil {
		return err
	}
	if err := auth.CheckName(name); err != nil {
		return badValue("name", err.Error())
	}
	user, err := a.store.AddUser(r.Context(), name)
	if errors.Is(err, event.ErrExists) {
		return exists.because("There is a user of this name already.")
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/users/"+strconv.FormatInt(user.ID, 10))
	return writeData(w, http.StatusCreated, none{}, formOfUser(&user))
}

// removeUser serves DELETE /v1/users/{id}.
func (a *API) removeUser(w http.ResponseWriter, r *http.Request, who *identity) error {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	if id == who.user() {
		return forbidden.because("This is the user that you are; another admin can remove it.")
	}
	if err := a.store.RemoveUser(r.Context(), id); err != nil {
		return err
	}
	a.tokens.forget()
	return writeData(w, http.StatusOK, none{}, gone{decimal(id)})
}
