package registry

import (
	"context"
	"database/sql"
	"errors"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

// purgeStep is how many matches of a removed user one statement takes: few
// enough that no filter waits for it.
const purgeStep = 1000

// Users lists all users with their accounts, by ascending id.
func (r *Registry) Users(ctx context.Context) ([]auth.User, error) {
	return r.users(ctx, "SELECT id, name, created_at FROM users ORDER BY id")
}

// User gives one.
//
// Errors: event.ErrNotFound.
func (r *Registry) User(ctx context.Context, id int64) (auth.User, error) {
	return first(r.users(ctx, "SELECT id, name, created_at FROM users WHERE id = ?", id))
}

// UserByName gives one.
//
// Errors: event.ErrNotFound.
func (r *Registry) UserByName(ctx context.Context, name string) (auth.User, error) {
	return first(r.users(ctx, "SELECT id, name, created_at FROM users WHERE name = ?", []byte(name)))
}

func first(users []auth.User, err error) (auth.User, error) {
	if err == nil && len(users) == 0 {
		err = event.ErrNotFound
	}
	if err != nil {
		return auth.User{}, err
	}
	return users[0], nil
}

func (r *Registry) users(ctx context.Context, query string, args ...any) ([]auth.User, error) {
	users, err := list(ctx, r.read, scanUser, query, args...)
	if err != nil {
		return nil, r.wrap("read users", err)
	}
	for i := range users {
		users[i].Accounts, err = list(ctx, r.read, scanAccount,
			"SELECT account FROM accounts WHERE user_id = ? AND gone = 0 ORDER BY account", users[i].ID)
		if err != nil {
			return nil, r.wrap("read accounts", err)
		}
	}
	return users, nil
}

func scanUser(rows *sql.Rows) (auth.User, error) {
	var u auth.User
	var created int64
	err := rows.Scan(&u.ID, &u.Name, &created)
	u.CreatedAt = fromMicros(created)
	return u, err
}

func scanAccount(rows *sql.Rows) (account string, err error) {
	err = rows.Scan(&account)
	return event.Account(account), err // links were once stored as they were typed
}

// AddUser makes a user.
//
// Errors: event.ErrExists when the name is taken.
func (r *Registry) AddUser(ctx context.Context, name string) (auth.User, error) {
	_, err := r.write.ExecContext(ctx, "INSERT INTO users (name, created_at) VALUES (?, "+r.dialect.Clock+")", []byte(name))
	if err != nil {
		return auth.User{}, r.wrap("add user", err)
	}
	return first(r.users(ctx, "SELECT id, name, created_at FROM users WHERE name = ?", []byte(name)))
}

// RemoveUser removes a user with all that is theirs. The matches go last, a
// thousand at a time: without a token nobody reads them any more.
//
// Errors: event.ErrNotFound.
func (r *Registry) RemoveUser(ctx context.Context, id int64) error {
	err := r.tx(ctx, "remove user", func(tx *sql.Tx) error {
		if err := one(tx.ExecContext(ctx, "DELETE FROM users WHERE id = ?", id)); err != nil {
			return err
		}
		return r.removeBelongings(ctx, tx, id)
	})
	if err != nil {
		return err
	}
	return r.removeMatches(ctx, id)
}

// removeBelongings removes what filters and apis have in memory in such a way
// that they hear of it.
func (r *Registry) removeBelongings(ctx context.Context, tx *sql.Tx, user int64) error {
	for _, table := range []string{"rules", "accounts"} {
		if err := r.removeNumbered(ctx, tx, table, user); err != nil {
			return err
		}
	}
	if _, err := r.number(ctx, tx, "tokens", 1); err != nil {
		return err
	}
	for _, query := range []string{"DELETE FROM tokens WHERE user_id = ?", "DELETE FROM logins WHERE user_id = ?"} {
		if _, err := tx.ExecContext(ctx, query, user); err != nil {
			return err
		}
	}
	return nil
}

// removeNumbered marks a user's rows as gone, each under a number of its own:
// readers page by number.
func (r *Registry) removeNumbered(ctx context.Context, tx *sql.Tx, table string, user int64) error {
	counter, also := table, ""
	switch table {
	case "rules":
		also = ", unique_as = NULL"
	case "accounts":
		counter = "links"
	}
	numbers, err := txNumbers(ctx, tx, "SELECT number FROM "+table+" WHERE user_id = ? AND gone = 0 ORDER BY number", user)
	if err != nil || len(numbers) == 0 {
		return err
	}
	next, err := r.number(ctx, tx, counter, len(numbers))
	if err != nil {
		return err
	}
	for i, n := range numbers {
		_, err := tx.ExecContext(ctx,
			"UPDATE "+table+" SET gone = 1, number = ?"+also+" WHERE user_id = ? AND number = ?", next+int64(i), user, n)
		if err != nil {
			return err
		}
	}
	return nil
}

func txNumbers(ctx context.Context, tx *sql.Tx, query string, args ...any) (numbers []int64, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return numbers, rows.Err()
}

func (r *Registry) removeMatches(ctx context.Context, user int64) error {
	for {
		var upTo sql.NullInt64
		err := r.read.QueryRowContext(ctx,
			"SELECT MAX(number) FROM (SELECT number FROM matches WHERE user_id = ? ORDER BY number LIMIT ?) AS step",
			user, purgeStep).Scan(&upTo)
		if err == nil && upTo.Valid {
			_, err = r.write.ExecContext(ctx, "DELETE FROM matches WHERE user_id = ? AND number <= ?", user, upTo.Int64)
		}
		if err != nil || !upTo.Valid {
			return r.wrap("remove matches of a user", err)
		}
	}
}

// LinkAccount ties an account to a user: what it saw is judged by this user's
// rules. To do it twice changes nothing.
//
// Errors: event.ErrNotFound when there is no such user.
func (r *Registry) LinkAccount(ctx context.Context, user int64, account string) error {
	return r.tx(ctx, "link account", func(tx *sql.Tx) error {
		var id int64
		if err := tx.QueryRowContext(ctx, "SELECT id FROM users WHERE id = ?", user).Scan(&id); err != nil {
			return err
		}
		n, err := r.number(ctx, tx, "links", 1)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx,
			"INSERT INTO accounts (account, user_id, gone, number, at) VALUES (?, ?, 0, ?, "+r.dialect.Clock+") "+
				r.dialect.Upsert("account, user_id")+" gone = 0, number = "+r.dialect.Proposed("number"),
			[]byte(account), user, n)
		return err
	})
}

// UnlinkAccount takes a tie back.
//
// Errors: event.ErrNotFound when there is none.
func (r *Registry) UnlinkAccount(ctx context.Context, user int64, account string) error {
	return r.tx(ctx, "unlink account", func(tx *sql.Tx) error {
		n, err := r.number(ctx, tx, "links", 1)
		if err != nil {
			return err
		}
		return one(tx.ExecContext(ctx,
			"UPDATE accounts SET gone = 1, number = ? WHERE account = ? AND user_id = ? AND gone = 0", n, []byte(account), user))
	})
}

// LinksSince lists up to limit links that changed after a number, by ascending
// number, those that are gone included.
func (r *Registry) LinksSince(ctx context.Context, number int64, limit int) ([]auth.Link, error) {
	links, err := list(ctx, r.read, scanLink,
		"SELECT account, user_id, gone, number FROM accounts WHERE number > ? ORDER BY number LIMIT ?", number, limit)
	return links, r.wrap("read links", err)
}

func scanLink(rows *sql.Rows) (auth.Link, error) {
	var l auth.Link
	err := rows.Scan(&l.Account, &l.User, &l.Gone, &l.Number)
	l.Account = event.Account(l.Account)
	return l, err
}
