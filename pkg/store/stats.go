package store

import "context"

// Stats is what a look at the store's state costs little to tell.
type Stats struct {
	Users, Rules, DeadLetters int64
	// LastChange is the newest number of a change: the store's clock in
	// microseconds when it was made, about.
	LastChange int64
}

// Stats gives the store's figures.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	var st Stats
	err := s.db.QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM users), (SELECT COUNT(*) FROM rules WHERE gone = 0),"+
		" (SELECT COUNT(*) FROM dead_letters), (SELECT value FROM counters WHERE name = 'changes')").
		Scan(&st.Users, &st.Rules, &st.DeadLetters, &st.LastChange)
	return st, s.fail("read figures", err)
}
