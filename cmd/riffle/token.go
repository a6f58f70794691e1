package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"riffle/cmd/internal"
	"riffle/pkg/auth"
	"riffle/pkg/config"
	"riffle/pkg/event"
)

func (a *app) token() *cobra.Command {
	scope, expires := auth.DefaultScopes.String(), ""
	create := &cobra.Command{
		Use: "create USER", Short: "Make a token and print it, alone, on the standard output", Args: cobra.ExactArgs(1),
		Example: `  TOKEN=$(riffle token create ann --scope read --expires 90d)`,
		RunE: a.withStore(func(ctx context.Context, store internal.Store, args []string) error {
			return a.createToken(ctx, store, args[0], scope, expires)
		}),
	}
	create.Flags().StringVar(&scope, "scope", scope, "what it may do: read, write, admin, or feed alone")
	create.Flags().StringVar(&expires, "expires", "", "how long it is good, such as 90d (default without end)")
	overlap := "24h"
	rotate := &cobra.Command{
		Use: "rotate USER ID", Short: "Make a token that may do the same and print it, alone; the old one ends after a while", Args: cobra.ExactArgs(2),
		RunE: a.withStore(func(ctx context.Context, store internal.Store, args []string) error {
			return a.rotateToken(ctx, store, args, overlap)
		}),
	}
	rotate.Flags().StringVar(&overlap, "overlap", overlap, "how long the old one stays good")
	return a.group("token", "Make, list, rotate and revoke tokens",
		create,
		rotate,
		&cobra.Command{
			Use: "list USER", Short: "List a user's tokens", Args: cobra.ExactArgs(1),
			RunE: a.withStore(a.listTokens),
		},
		&cobra.Command{
			Use: "revoke USER ID…", Short: "Revoke tokens; every process refuses them within 2 seconds", Args: cobra.MinimumNArgs(2),
			RunE: a.withStore(a.revokeTokens),
		},
	)
}

func (a *app) createToken(ctx context.Context, store internal.Store, name, scope, expires string) error {
	scopes, err := auth.ParseScopes(scope)
	if err != nil {
		return &config.UsageError{Problem: fmt.Sprintf("--scope: %v", err)}
	}
	var until time.Time
	if expires != "" {
		var d config.Duration
		if err := d.Set(expires); err != nil {
			return &config.UsageError{Problem: fmt.Sprintf("--expires: %v", err)}
		}
		until = time.Now().Add(time.Duration(d)).UTC()
	}
	user, err := userNamed(ctx, store, name)
	if err != nil {
		return err
	}
	secret := auth.NewToken()
	_, err = store.AddToken(ctx, auth.Token{
		User: user.ID, Hash: secret.Hash(), Hint: secret.Hint(), Scopes: scopes, ExpiresAt: until,
	})
	if err != nil {
		return err
	}
	return a.say("%s", secret.Reveal())
}

func (a *app) listTokens(ctx context.Context, store internal.Store, args []string) error {
	user, err := userNamed(ctx, store, args[0])
	if err != nil {
		return err
	}
	tokens, err := store.Tokens(ctx, user.ID)
	if err != nil {
		return err
	}
	table, now := newTable(a.stdout, "ID", "BEGINS", "KIND", "SCOPES", "MADE", "LAST USED", "STATE"), time.Now()
	for i := range tokens {
		t := &tokens[i]
		kind := "token"
		if t.IsSession() {
			kind = "session"
		}
		table.row(t.ID, t.Hint+"…", kind, t.Scopes, day(t.CreatedAt), day(t.LastUsedAt), tokenState(t, now))
	}
	return table.flush()
}

func tokenState(t *auth.Token, now time.Time) string {
	switch {
	case !t.RevokedAt.IsZero():
		return "revoked " + day(t.RevokedAt)
	case !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt):
		return "expired " + day(t.ExpiresAt)
	case !t.ExpiresAt.IsZero():
		return "good until " + day(t.ExpiresAt)
	}
	return "good"
}

func (a *app) revokeTokens(ctx context.Context, store internal.Store, args []string) error {
	user, ids, err := userAndIDs(ctx, store, args)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := store.RevokeToken(ctx, user.ID, id)
		if errors.Is(err, event.ErrNotFound) {
			return fmt.Errorf("%s has no token %d; riffle token list %s shows all", user.Name, id, user.Name)
		}
		if err != nil {
			return err
		}
	}
	return a.say("revoked %s", strings.Join(args[1:], ", "))
}

func (a *app) rotateToken(ctx context.Context, store internal.Store, args []string, overlap string) error {
	var d config.Duration
	if err := d.Set(overlap); err != nil {
		return &config.UsageError{Problem: fmt.Sprintf("--overlap: %v", err)}
	}
	user, ids, err := userAndIDs(ctx, store, args)
	if err != nil {
		return err
	}
	tokens, err := store.Tokens(ctx, user.ID)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(tokens, func(t auth.Token) bool {
		return t.ID == ids[0] && !t.IsSession() && t.Check(t.Hash, time.Now()) == nil
	})
	if at < 0 {
		return fmt.Errorf("%s has no token %d that is good; riffle token list %s shows all", user.Name, ids[0], user.Name)
	}
	old, secret := &tokens[at], auth.NewToken()
	_, err = store.RotateToken(ctx, auth.Token{
		User: user.ID, Hash: secret.Hash(), Hint: secret.Hint(), Scopes: old.Scopes, ExpiresAt: old.ExpiresAt,
	}, old.ID, time.Duration(d))
	if errors.Is(err, event.ErrExists) {
		return fmt.Errorf("token %d was rotated before, and another stands in its place; riffle token list %s shows it", old.ID, user.Name)
	}
	if err != nil {
		return err
	}
	return a.say("%s", secret.Reveal())
}

func (a *app) login() *cobra.Command {
	base, scope := "http://127.0.0.1:8080", auth.DefaultScopes.String()
	cmd := &cobra.Command{
		Use: "login USER", Short: "Print a link that logs in, good once and for 10 minutes", Args: cobra.ExactArgs(1),
		Example: `  riffle login ann --url https://riffle.example
  riffle login ann --scope read,write,admin`,
		RunE: a.withStore(func(ctx context.Context, store internal.Store, args []string) error {
			return a.printLogin(ctx, store, args[0], base, scope)
		}),
	}
	cmd.Flags().StringVar(&base, "url", base, "where users reach the API")
	cmd.Flags().StringVar(&scope, "scope", scope, "what the session may do: read, write, admin")
	return cmd
}

func (a *app) printLogin(ctx context.Context, store internal.Store, name, base, scope string) error {
	scopes, err := auth.ParseScopes(scope)
	if err == nil && scopes.Has(auth.Feed) {
		err = errors.New("feed is for tokens in links to feeds; see riffle token create")
	}
	if err != nil {
		return &config.UsageError{Problem: fmt.Sprintf("--scope: %v", err)}
	}
	at, err := url.Parse(base)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Hostname() == "" || at.RawQuery != "" || at.Fragment != "" {
		return &config.UsageError{Problem: fmt.Sprintf("--url: %q is no address of a page; write it like https://riffle.example", base)}
	}
	user, err := userNamed(ctx, store, name)
	if err != nil {
		return err
	}
	code, err := loginCode(ctx, store, user.ID, scopes)
	if err != nil {
		return err
	}
	return a.say("%s", loginLink(base, code))
}

// loginCode makes a code that logs in once.
func loginCode(ctx context.Context, store internal.Store, user int64, scopes auth.Scopes) (auth.Secret, error) {
	code, err := auth.NewLogin(scopes)
	if err != nil {
		return auth.Secret{}, err
	}
	return code, store.AddLogin(ctx, code.Hash(), user, time.Now().Add(auth.LoginLifetime).UTC())
}

// loginLink is a link with the code in its fragment, which no server or log gets
// to see.
func loginLink(base string, code auth.Secret) string {
	return strings.TrimRight(base, "/") + "/#" + code.Reveal()
}
