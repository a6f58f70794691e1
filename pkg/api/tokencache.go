package api

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/auth"
	"riffle/pkg/obs"
	"riffle/pkg/retry"
)

const (
	// tokenFresh is how long a token is believed without asking the store: half
	// of the 2 s within which a revocation must be obeyed everywhere.
	tokenFresh = time.Second
	// adminIdle is how long after its last use an admin's token is looked up
	// again and again, to be believed while the store is away.
	adminIdle = time.Hour
	// adminsMax bounds these tokens.
	adminsMax = 100
	// tokenEntries bounds the cache; beyond it old entries make room.
	tokenEntries = 100_000
	// touchEvery is how exact a token's time of last use is.
	touchEvery = time.Minute
	// storeTimeout bounds one call to the store.
	storeTimeout = 5 * time.Second
)

// TokenKeeper finds tokens by their hash.
type TokenKeeper interface {
	// TokenByHash gives a token whatever its state.
	// Errors: auth.ErrUnknownToken; transient ones marked.
	TokenByHash(ctx context.Context, hash [32]byte) (auth.Token, error)
	// TouchToken notes when a token was last used.
	TouchToken(ctx context.Context, id int64, at time.Time) error
}

// tokenCache remembers tokens, so that a busy one costs one lookup a second at
// most, and none while the store says that no token changed.
type tokenCache struct {
	keeper TokenKeeper
	// number gives that of the newest change of any token, and when it was read.
	number func() (int64, time.Time)
	now    func() time.Time
	log    *zap.Logger

	mu      sync.Mutex
	entries map[[32]byte]*tokenEntry
	used    map[int64]time.Time // tokens to touch, by id
	// admins are the entries of admins' tokens in use. As long as the store
	// answers they are looked up every second, so that when it goes away they
	// say what was so then; see watch.
	admins map[[32]byte]*tokenEntry
	// revoked counts the revocations that were asked for here; what was looked
	// up before the last one is not believed.
	revoked atomic.Int64
}

// tokenEntry is what the last lookup of a hash said. checked is when that
// lookup began: what was revoked before it is known.
type tokenEntry struct {
	mu      sync.Mutex // held while looking up, so that one asks for all
	checked time.Time
	revoked int64 // the cache's count when the lookup began
	number  int64 // of the newest change of any token then, or before
	token   auth.Token
	err     error // nil or auth.ErrUnknownToken
	touched time.Time
	allowed allowance
	watched bool // it is among the admins
}

func newTokenCache(keeper TokenKeeper, number func() (int64, time.Time), now func() time.Time, log *zap.Logger) *tokenCache {
	return &tokenCache{
		keeper: keeper, number: number, now: now, log: log,
		entries: map[[32]byte]*tokenEntry{}, used: map[int64]time.Time{}, admins: map[[32]byte]*tokenEntry{},
	}
}

// find gives the token with this hash if it is good now, and its entry. Where
// offline is set, an admin's token in use that was good when the store went away
// passes for as long as it is away: nobody can revoke it then.
//
// Errors: auth.ErrUnknownToken; the store's, transient ones marked.
func (c *tokenCache) find(ctx context.Context, hash [32]byte, offline bool) (auth.Token, *tokenEntry, error) {
	entry := c.entry(hash)
	entry.mu.Lock()
	defer entry.mu.Unlock()
	if !c.believes(entry) {
		if err := c.refresh(ctx, hash, entry); err != nil {
			if !offline || !entry.watched || entry.revoked != c.revoked.Load() {
				return auth.Token{}, entry, err
			}
		}
	}
	token, err := c.judge(hash, entry)
	return token, entry, err
}

// watch keeps what is known of the admins' tokens new, until ctx ends.
func (c *tokenCache) watch(ctx context.Context) {
	for sleep(ctx, tokenFresh) {
		c.lookAgain(ctx)
	}
}

// lookAgain looks the admins' tokens up, and lets go of those that are no longer
// good or in use. While the store is away it leaves them as they are.
func (c *tokenCache) lookAgain(ctx context.Context) {
	c.mu.Lock()
	admins := maps.Clone(c.admins)
	c.mu.Unlock()
	for hash, entry := range admins {
		if !c.lookAgainAt(ctx, hash, entry) {
			return
		}
	}
}

// lookAgainAt reports whether the store answered.
func (c *tokenCache) lookAgainAt(ctx context.Context, hash [32]byte, entry *tokenEntry) bool {
	entry.mu.Lock()
	defer entry.mu.Unlock()
	if !c.believes(entry) && c.refresh(ctx, hash, entry) != nil {
		return false
	}
	now := c.now()
	if entry.err != nil || entry.token.Check(hash, now) != nil || now.Sub(entry.touched) > adminIdle {
		entry.watched = false
		c.mu.Lock()
		delete(c.admins, hash)
		c.mu.Unlock()
	}
	return true
}

// believes reports whether the last lookup still holds: it is new enough, or no
// token has changed since.
func (c *tokenCache) believes(entry *tokenEntry) bool {
	if entry.revoked != c.revoked.Load() {
		return false
	}
	now := c.now()
	if now.Sub(entry.checked) < tokenFresh {
		return true
	}
	number, read := c.number()
	if number != entry.number || now.Sub(read) >= tokenFresh {
		return false
	}
	entry.checked = read
	return true
}

func (c *tokenCache) entry(hash [32]byte) *tokenEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if entry, ok := c.admins[hash]; ok {
		return entry
	}
	entry, ok := c.entries[hash]
	if !ok {
		c.makeRoom()
		entry = &tokenEntry{}
		c.entries[hash] = entry
	}
	return entry
}

// makeRoom drops some entries of a full cache, in no particular order: each
// costs its user one lookup.
func (c *tokenCache) makeRoom() {
	if len(c.entries) < tokenEntries {
		return
	}
	left := tokenEntries / 10
	for hash := range c.entries {
		delete(c.entries, hash)
		if left--; left == 0 {
			return
		}
	}
}

func (c *tokenCache) refresh(ctx context.Context, hash [32]byte, entry *tokenEntry) error {
	// Others wait for this answer: the first asker's leaving must not spoil it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	began, revoked := c.now(), c.revoked.Load()
	number, _ := c.number()
	token, err := c.keeper.TokenByHash(ctx, hash)
	if err != nil && !errors.Is(err, auth.ErrUnknownToken) {
		return err
	}
	entry.checked, entry.revoked, entry.number = began, revoked, number
	entry.token, entry.err = token, err
	return nil
}

// judge answers from the entry and notes the token's use.
func (c *tokenCache) judge(hash [32]byte, entry *tokenEntry) (auth.Token, error) {
	if entry.err != nil {
		return auth.Token{}, entry.err
	}
	now := c.now()
	if err := entry.token.Check(hash, now); err != nil {
		return auth.Token{}, err
	}
	if !entry.watched && entry.token.Scopes.Has(auth.Admin) {
		c.mu.Lock()
		if len(c.admins) < adminsMax {
			entry.watched, c.admins[hash] = true, entry
		}
		c.mu.Unlock()
	}
	if now.Sub(entry.touched) >= touchEvery {
		entry.touched = now
		c.mu.Lock()
		c.used[entry.token.ID] = now
		c.mu.Unlock()
	}
	return entry.token, nil
}

// forget is called after a revocation here: the next use of each token asks the
// store.
func (c *tokenCache) forget() { c.revoked.Add(1) }

// touch writes the noted uses to the store. What fails is lost: the time of
// last use is only shown.
func (c *tokenCache) touch(ctx context.Context) {
	c.mu.Lock()
	used := c.used
	c.used = map[int64]time.Time{}
	c.mu.Unlock()
	for id, at := range used {
		if err := c.keeper.TouchToken(ctx, id, at); err != nil {
			if !retry.IsTransient(err) {
				c.log.Warn("time of last use not written", zap.NamedError(obs.Error, err))
			}
			return
		}
	}
}
