package registry

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"math"

	"riffle/pkg/event"
	"riffle/pkg/rule"
)

const (
	ruleColumns = "id, user_id, value, canonical, tag, action, enabled, flooded_at, gone, created_at, updated_at, number"
	// insertStep is how many rules one statement inserts; SQLite takes up to
	// 32,766 parameters, MySQL 65,535.
	insertStep = 500
)

// Rules lists a user's rules by ascending id.
func (r *Registry) Rules(ctx context.Context, user int64) ([]rule.Rule, error) {
	return r.rules(ctx, "SELECT "+ruleColumns+" FROM rules WHERE user_id = ? AND gone = 0 ORDER BY id", user)
}

// Rule gives one.
//
// Errors: event.ErrNotFound, also for another user's.
func (r *Registry) Rule(ctx context.Context, user, id int64) (rule.Rule, error) {
	return r.rule(ctx, "SELECT "+ruleColumns+" FROM rules WHERE user_id = ? AND id = ? AND gone = 0", user, id)
}

// rule reads one, or event.ErrNotFound.
func (r *Registry) rule(ctx context.Context, query string, args ...any) (rule.Rule, error) {
	rules, err := r.rules(ctx, query, args...)
	if err == nil && len(rules) == 0 {
		err = event.ErrNotFound
	}
	if err != nil {
		return rule.Rule{}, err
	}
	return rules[0], nil
}

// RuleLike gives the one of this canonical form.
//
// Errors: event.ErrNotFound.
func (r *Registry) RuleLike(ctx context.Context, user int64, canonical string) (rule.Rule, error) {
	// A rule that is gone has no unique_as.
	return r.rule(ctx, "SELECT "+ruleColumns+" FROM rules WHERE user_id = ? AND unique_as = ?", user, uniqueAs(canonical))
}

// CountRules tells how many rules a user has.
func (r *Registry) CountRules(ctx context.Context, user int64) (count int, err error) {
	// A rule that is gone has no unique_as: the index alone is read.
	err = r.read.QueryRowContext(ctx, "SELECT COUNT(*) FROM rules WHERE user_id = ? AND unique_as IS NOT NULL", user).Scan(&count)
	return count, r.wrap("count rules", err)
}

// RulesSince lists up to limit rules of all users that changed after a number,
// by ascending number, those that are gone included.
func (r *Registry) RulesSince(ctx context.Context, number int64, limit int) ([]rule.Rule, error) {
	return r.rules(ctx, "SELECT "+ruleColumns+" FROM rules WHERE number > ? ORDER BY number LIMIT ?", number, limit)
}

// RulesInForce lists up to limit rules of all users whose id is greater than
// after, by ascending id, and of each what a filter wants to know: canonical
// form, times and number are left out. It gives those that are switched on, and
// those that were switched off because they kept too much. It is the quick way
// to read all: who asks for RuleNumber before, and for RulesSince that number
// afterwards, misses nothing.
func (r *Registry) RulesInForce(ctx context.Context, after int64, limit int) ([]rule.Rule, error) {
	rules, err := listUpTo(ctx, r.read, limit, scanInForce(),
		"SELECT id, user_id, value, tag, action, enabled, flooded_at FROM rules "+
			"WHERE id > ? AND gone = 0 AND (enabled <> 0 OR flooded_at > 0) ORDER BY id LIMIT ?", after, limit)
	return rules, r.wrap("read rules", err)
}

// RuleNumber gives the number of the newest change of a rule, 0 if there was none.
func (r *Registry) RuleNumber(ctx context.Context) (number int64, err error) {
	err = r.read.QueryRowContext(ctx, "SELECT COALESCE(MAX(number), 0) FROM rules").Scan(&number)
	return number, r.wrap("read the number of rules", err)
}

// scanInForce reads row after row into the same places, of which there may be a
// million.
func scanInForce() func(*sql.Rows) (rule.Rule, error) {
	var v rule.Rule
	var flooded, action, enabled int64
	places := []any{&v.ID, &v.User, &v.Value, &v.Tag, &action, &enabled, &flooded}
	return func(rows *sql.Rows) (rule.Rule, error) {
		err := rows.Scan(places...)
		v.Action, v.Enabled, v.FloodedAt = actionOf(action), enabled != 0, fromMicros(flooded)
		return v, err
	}
}

// actionOf reads an action, whatever somebody wrote into the row by hand.
func actionOf(n int64) rule.Action { return rule.Action(min(uint64(n), math.MaxUint8)) }

func (r *Registry) rules(ctx context.Context, query string, args ...any) ([]rule.Rule, error) {
	rules, err := list(ctx, r.read, scanRule, query, args...)
	return rules, r.wrap("read rules", err)
}

func scanRule(rows *sql.Rows) (rule.Rule, error) {
	var v rule.Rule
	// Whatever somebody wrote into the row by hand, the other rules must be read.
	var created, updated, flooded, action, enabled, gone int64
	err := rows.Scan(&v.ID, &v.User, &v.Value, &v.Canonical, &v.Tag, &action, &enabled, &flooded, &gone, &created, &updated, &v.Number)
	v.Action, v.Enabled, v.Gone = actionOf(action), enabled != 0, gone != 0
	v.CreatedAt, v.UpdatedAt, v.FloodedAt = fromMicros(created), fromMicros(updated), fromMicros(flooded)
	return v, err
}

// AddRule stores a rule and gives it back with id, number and times.
//
// Errors: event.ErrExists when the user has a rule of this canonical form.
func (r *Registry) AddRule(ctx context.Context, v rule.Rule) (rule.Rule, error) {
	rules, err := r.AddRules(ctx, []rule.Rule{v})
	if err != nil {
		return rule.Rule{}, err
	}
	return rules[0], nil
}

// AddRules stores all of some rules or none, and gives them back in their order
// with ids, numbers and times.
//
// Errors: event.ErrExists when a user has a rule of one's canonical form.
func (r *Registry) AddRules(ctx context.Context, rules []rule.Rule) ([]rule.Rule, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	var first int64
	err := r.tx(ctx, "add rules", func(tx *sql.Tx) (err error) {
		if first, err = r.number(ctx, tx, "rules", len(rules)); err != nil {
			return err
		}
		for from := 0; from < len(rules); from += insertStep {
			step := rules[from:min(from+insertStep, len(rules))]
			if err := insertRules(ctx, tx, step, first+int64(from)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.rules(ctx, "SELECT "+ruleColumns+" FROM rules WHERE number BETWEEN ? AND ? ORDER BY number",
		first, first+int64(len(rules))-1)
}

// insertRules takes the counter's number, which follows the store's clock, for
// the time too.
func insertRules(ctx context.Context, tx *sql.Tx, rules []rule.Rule, number int64) error {
	const width = 10
	args := make([]any, 0, width*len(rules))
	for i := range rules {
		v, n := &rules[i], number+int64(i)
		args = append(args, v.User, v.Value, v.Canonical, uniqueAs(v.Canonical), []byte(v.Tag),
			int64(v.Action), v.Enabled, n, n, n)
	}
	_, err := tx.ExecContext(ctx,
		"INSERT INTO rules (user_id, value, canonical, unique_as, tag, action, enabled, created_at, updated_at, number) VALUES "+
			placeholders(len(rules), width), args...)
	return err
}

// uniqueAs stands for a canonical form in the unique key, whose columns may not
// be as long. A rule that is gone has none.
func uniqueAs(canonical string) []byte {
	sum := sha256.Sum256([]byte(canonical))
	return sum[:]
}

// UpdateRule replaces value, canonical form, tag, action and enabled of the rule
// with this user and id; it is no longer one that was switched off for flooding.
//
// Errors: event.ErrNotFound; event.ErrExists when another rule of the user has
// this canonical form.
func (r *Registry) UpdateRule(ctx context.Context, v rule.Rule) (rule.Rule, error) {
	err := r.tx(ctx, "update rule", func(tx *sql.Tx) error {
		n, err := r.number(ctx, tx, "rules", 1)
		if err != nil {
			return err
		}
		return one(tx.ExecContext(ctx,
			"UPDATE rules SET value = ?, canonical = ?, unique_as = ?, tag = ?, action = ?, enabled = ?, flooded_at = 0, updated_at = ?, number = ? "+
				"WHERE id = ? AND user_id = ? AND gone = 0",
			v.Value, v.Canonical, uniqueAs(v.Canonical), []byte(v.Tag), int64(v.Action), v.Enabled, n, n, v.ID, v.User))
	})
	if err != nil {
		return rule.Rule{}, err
	}
	return r.Rule(ctx, v.User, v.ID)
}

// RemoveRule removes a rule. Its row stays for a while, marked as gone, so that
// filters hear of it.
//
// Errors: event.ErrNotFound.
func (r *Registry) RemoveRule(ctx context.Context, user, id int64) error {
	return r.tx(ctx, "remove rule", func(tx *sql.Tx) error {
		n, err := r.number(ctx, tx, "rules", 1)
		if err != nil {
			return err
		}
		return one(tx.ExecContext(ctx,
			"UPDATE rules SET gone = 1, unique_as = NULL, updated_at = ?, number = ? WHERE id = ? AND user_id = ? AND gone = 0",
			n, n, id, user))
	})
}
