package registry

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

const tokenColumns = "id, user_id, hash, hint, scopes, created_at, expires_at, last_used_at, revoked_at, number"

// AddToken stores a token and gives it back with its id, number and time.
func (r *Registry) AddToken(ctx context.Context, t auth.Token) (auth.Token, error) {
	var added auth.Token
	err := r.tx(ctx, "add token", func(tx *sql.Tx) error {
		n, err := r.number(ctx, tx, "tokens", 1)
		if err != nil {
			return err
		}
		added, err = r.addToken(ctx, tx, &t, n)
		return err
	})
	return added, err
}

// addToken stores a token and reads it back with its id and time: before the
// commit, behind which nothing may fail that would lose its secret.
func (r *Registry) addToken(ctx context.Context, tx *sql.Tx, t *auth.Token, number int64) (auth.Token, error) {
	_, err := tx.ExecContext(ctx,
		"INSERT INTO tokens (user_id, hash, hint, scopes, created_at, expires_at, number) VALUES (?, ?, ?, ?, "+r.dialect.Clock+", ?, ?)",
		t.User, t.Hash[:], []byte(t.Hint), int64(t.Scopes), micros(t.ExpiresAt), number)
	if err != nil {
		return auth.Token{}, err
	}
	return tokenByHash(ctx, tx, t.Hash)
}

// TokenByHash gives a token whatever its state.
//
// Errors: auth.ErrUnknownToken.
func (r *Registry) TokenByHash(ctx context.Context, hash [32]byte) (auth.Token, error) {
	t, err := tokenByHash(ctx, r.read, hash)
	if errors.Is(err, auth.ErrUnknownToken) {
		return t, err
	}
	return t, r.wrap("read token", err)
}

func tokenByHash(ctx context.Context, db querier, hash [32]byte) (auth.Token, error) {
	tokens, err := list(ctx, db, scanToken, "SELECT "+tokenColumns+" FROM tokens WHERE hash = ?", hash[:])
	if err == nil && len(tokens) == 0 {
		err = auth.ErrUnknownToken
	}
	if err != nil {
		return auth.Token{}, err
	}
	return tokens[0], nil
}

// Tokens lists a user's tokens by ascending id, revoked ones too.
func (r *Registry) Tokens(ctx context.Context, user int64) ([]auth.Token, error) {
	tokens, err := list(ctx, r.read, scanToken, "SELECT "+tokenColumns+" FROM tokens WHERE user_id = ? ORDER BY id", user)
	return tokens, r.wrap("read tokens", err)
}

func scanToken(rows *sql.Rows) (auth.Token, error) {
	var t auth.Token
	var hash []byte
	var created, expires, used, revoked int64
	err := rows.Scan(&t.ID, &t.User, &hash, &t.Hint, &t.Scopes, &created, &expires, &used, &revoked, &t.Number)
	if err != nil {
		return t, err
	}
	if len(hash) != len(t.Hash) {
		return t, errors.New("token's hash has the wrong length")
	}
	t.Hash = [32]byte(hash)
	t.CreatedAt, t.ExpiresAt = fromMicros(created), fromMicros(expires)
	t.LastUsedAt, t.RevokedAt = fromMicros(used), fromMicros(revoked)
	return t, nil
}

// RevokeToken revokes a token of this user. To revoke it again changes nothing.
//
// Errors: event.ErrNotFound, also for another user's.
func (r *Registry) RevokeToken(ctx context.Context, user, id int64) error {
	return r.tx(ctx, "revoke token", func(tx *sql.Tx) error {
		n, err := r.number(ctx, tx, "tokens", 1)
		if err != nil {
			return err
		}
		var revoked int64
		err = tx.QueryRowContext(ctx, "SELECT revoked_at FROM tokens WHERE id = ? AND user_id = ?", id, user).Scan(&revoked)
		if err != nil || revoked != 0 {
			return err
		}
		return one(tx.ExecContext(ctx, "UPDATE tokens SET revoked_at = "+r.dialect.Clock+", number = ? WHERE id = ?", n, id))
	})
}

// RotateToken stores a token in the place of one of the same user, which is good
// for the overlap still, if it would not end before.
//
// Errors: event.ErrNotFound where the old one is not there, or revoked;
// event.ErrExists where another stands in its place already.
func (r *Registry) RotateToken(ctx context.Context, t auth.Token, old int64, overlap time.Duration) (auth.Token, error) {
	var added auth.Token
	err := r.tx(ctx, "rotate token", func(tx *sql.Tx) error {
		n, err := r.number(ctx, tx, "tokens", 2)
		if err != nil {
			return err
		}
		end := "expires_at = CASE WHEN expires_at > 0 AND expires_at < " + r.dialect.Clock + " + ? THEN expires_at ELSE " + r.dialect.Clock + " + ? END"
		if overlap == 0 { // another host's clock may be behind
			end = "revoked_at = " + r.dialect.Clock + " + ? + ?"
		}
		err = one(tx.ExecContext(ctx, "UPDATE tokens SET "+end+", rotated = 1, number = ? WHERE id = ? AND user_id = ? AND revoked_at = 0 AND rotated = 0",
			overlap.Microseconds(), overlap.Microseconds(), n, old, t.User))
		if errors.Is(err, event.ErrNotFound) {
			return cmp.Or(rotated(ctx, tx, t.User, old), err)
		}
		if err != nil {
			return err
		}
		added, err = r.addToken(ctx, tx, &t, n+1)
		return err
	})
	return added, err
}

// rotated gives event.ErrExists where a token that is not revoked was rotated
// before.
func rotated(ctx context.Context, tx *sql.Tx, user, id int64) error {
	var before bool
	err := tx.QueryRowContext(ctx, "SELECT rotated FROM tokens WHERE id = ? AND user_id = ? AND revoked_at = 0", id, user).Scan(&before)
	if err == nil && before {
		return event.ErrExists
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// TouchToken notes when a token was last used. A token that is gone is no error.
func (r *Registry) TouchToken(ctx context.Context, id int64, at time.Time) error {
	_, err := r.write.ExecContext(ctx,
		"UPDATE tokens SET last_used_at = "+r.dialect.Greatest+"(last_used_at, ?) WHERE id = ?", micros(at), id)
	return r.wrap("touch token", err)
}

// AddLogin stores the hash of a login code of a user.
func (r *Registry) AddLogin(ctx context.Context, hash [32]byte, user int64, expires time.Time) error {
	_, err := r.write.ExecContext(ctx, "INSERT INTO logins (hash, user_id, expires_at) VALUES (?, ?, ?)", hash[:], user, micros(expires))
	return r.wrap("add login", err)
}

// TakeLogin uses up the code with this hash and stores the session of its user:
// both, or neither, so that a code is good still where the store was away. It
// gives the session back with its user, id, number and time.
//
// Errors: auth.ErrUnknownLogin when it is unknown, used or expired.
func (r *Registry) TakeLogin(ctx context.Context, hash [32]byte, session auth.Token) (auth.Token, error) {
	var added auth.Token
	err := r.tx(ctx, "take login", func(tx *sql.Tx) error {
		// The deletion decides who of two takers was first.
		var valid bool
		err := tx.QueryRowContext(ctx,
			"SELECT user_id, expires_at > "+r.dialect.Clock+" FROM logins WHERE hash = ?", hash[:]).Scan(&session.User, &valid)
		if err != nil {
			return err
		}
		if err := one(tx.ExecContext(ctx, "DELETE FROM logins WHERE hash = ?", hash[:])); err != nil || !valid {
			return err
		}
		n, err := r.number(ctx, tx, "tokens", 1)
		if err != nil {
			return err
		}
		added, err = r.addToken(ctx, tx, &session, n)
		return err
	})
	if errors.Is(err, event.ErrNotFound) || err == nil && added.ID == 0 {
		return auth.Token{}, auth.ErrUnknownLogin
	}
	return added, err
}
