package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"riffle/cmd/internal"
	"riffle/pkg/auth"
	"riffle/pkg/config"
	"riffle/pkg/event"
)

func (a *app) user() *cobra.Command {
	return a.group("user", "Add, list, remove and link users",
		&cobra.Command{
			Use: "add NAME", Short: "Add a user", Args: cobra.ExactArgs(1),
			RunE: a.withStore(a.addUser),
		},
		&cobra.Command{
			Use: "list", Short: "List users with their accounts", Args: cobra.NoArgs,
			RunE: a.withStore(a.listUsers),
		},
		&cobra.Command{
			Use: "remove NAME", Short: "Remove a user with all that is theirs", Args: cobra.ExactArgs(1),
			RunE: a.withStore(a.removeUser),
		},
		&cobra.Command{
			Use: "link NAME NETWORK ACCOUNT", Short: "Say that what this account saw is judged by this user's rules",
			Example: "  riffle user link ann twitter 12", Args: cobra.ExactArgs(3),
			RunE: a.withStore(a.linkAccount),
		},
	)
}

func (a *app) addUser(ctx context.Context, store internal.Store, args []string) error {
	name := args[0]
	if err := auth.CheckName(name); err != nil {
		return &config.UsageError{Problem: fmt.Sprintf("the name %q %v", name, err)}
	}
	user, err := store.AddUser(ctx, name)
	if errors.Is(err, event.ErrExists) {
		return fmt.Errorf("there is a user %q already", name)
	}
	if err != nil {
		return err
	}
	return a.say("added user %s (id %d)", user.Name, user.ID)
}

func (a *app) listUsers(ctx context.Context, store internal.Store, _ []string) error {
	users, err := store.Users(ctx)
	if err != nil {
		return err
	}
	table := newTable(a.stdout, "ID", "NAME", "SINCE", "ACCOUNTS")
	for _, u := range users {
		table.row(u.ID, u.Name, day(u.CreatedAt), strings.Join(u.Accounts, " "))
	}
	return table.flush()
}

func (a *app) removeUser(ctx context.Context, store internal.Store, args []string) error {
	user, err := userNamed(ctx, store, args[0])
	if err != nil {
		return err
	}
	if err := store.RemoveUser(ctx, user.ID); err != nil {
		return err
	}
	return a.say("removed user %s with rules, matches and tokens", user.Name)
}

func (a *app) linkAccount(ctx context.Context, store internal.Store, args []string) error {
	account, err := auth.Account(args[1], args[2])
	if err != nil {
		return &config.UsageError{Problem: fmt.Sprintf("the account %q %v", args[1]+":"+args[2], err)}
	}
	user, err := userNamed(ctx, store, args[0])
	if err != nil {
		return err
	}
	if err := store.LinkAccount(ctx, user.ID, account); err != nil {
		return err
	}
	return a.say("what %s saw is judged by the rules of %s", account, user.Name)
}

// userNamed gives the user of a name.
//
// Errors: a sentence that says what to do when there is none.
func userNamed(ctx context.Context, store internal.Store, name string) (auth.User, error) {
	user, err := store.UserByName(ctx, name)
	if errors.Is(err, event.ErrNotFound) {
		return auth.User{}, fmt.Errorf("there is no user %q; riffle user list shows all, riffle user add makes one", name)
	}
	return user, err
}

// say prints a line for people.
func (a *app) say(format string, args ...any) error {
	_, err := fmt.Fprintf(a.stdout, format+"\n", args...)
	return err
}
