package registry

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"riffle/pkg/rule"
)

// minuteStep is how many minutes one statement asks for.
const minuteStep = 200

// AddRuleCounts adds to what rules matched in an hour.
func (r *Registry) AddRuleCounts(ctx context.Context, counts []rule.Count) error {
	return r.tx(ctx, "add rule counts", func(tx *sql.Tx) error {
		for from := 0; from < len(counts); from += insertStep {
			step := counts[from:min(from+insertStep, len(counts))]
			args := make([]any, 0, 4*len(step))
			for _, c := range step {
				args = append(args, c.Rule, micros(c.Hour), c.Matches, micros(c.Last))
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO rule_hours (rule_id, hour, matches, last) VALUES "+placeholders(len(step), 4)+" "+
				r.dialect.Upsert("rule_id, hour")+" matches = rule_hours.matches + "+r.dialect.Proposed("matches")+
				", last = "+r.dialect.Greatest+"(rule_hours.last, "+r.dialect.Proposed("last")+")", args...)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// RuleNumbers tells how often each of a user's rules matched before a time;
// rules that never did are absent. Matches are counted by the clock hour: of the
// hour in which the last one began, a share is taken, and the last day may be an
// hour longer.
func (r *Registry) RuleNumbers(ctx context.Context, user int64, at time.Time) (map[int64]rule.Numbers, error) {
	current := at.Truncate(time.Hour)
	share := 1 - float64(at.Sub(current))/float64(time.Hour)
	all, err := list(ctx, r.read, func(rows *sql.Rows) (n numbers, err error) {
		return n, rows.Scan(&n.rule, &n.current, &n.previous, &n.day, &n.last)
	}, "SELECT h.rule_id, SUM(CASE WHEN h.hour = ? THEN h.matches ELSE 0 END), SUM(CASE WHEN h.hour = ? THEN h.matches ELSE 0 END), "+
		"SUM(CASE WHEN h.hour >= ? THEN h.matches ELSE 0 END), MAX(h.last) FROM rules r JOIN rule_hours h ON h.rule_id = r.id "+
		"WHERE r.user_id = ? AND r.gone = 0 GROUP BY h.rule_id",
		micros(current), micros(current.Add(-time.Hour)), micros(current.Add(-24*time.Hour)), user)
	if err != nil {
		return nil, r.wrap("read rule counts", err)
	}
	found := make(map[int64]rule.Numbers, len(all))
	for _, n := range all {
		found[n.rule] = rule.Numbers{
			Hour: n.current + int64(share*float64(n.previous)+0.5), Day: n.day, Last: fromMicros(n.last),
		}
	}
	return found, nil
}

type numbers struct{ rule, current, previous, day, last int64 }

// AddRuleMinutes adds to what rules matched in a minute, and switches off those
// that matched more than most in one of these, if it began after they were last
// changed. It gives those that it switched off.
func (r *Registry) AddRuleMinutes(ctx context.Context, minutes []rule.Minute, most int64) (flooded []rule.Rule, err error) {
	if len(minutes) == 0 {
		return nil, nil
	}
	var first, last int64
	err = r.tx(ctx, "add rule minutes", func(tx *sql.Tx) error {
		var over []int64
		for from := 0; from < len(minutes); from += minuteStep {
			step := minutes[from:min(from+minuteStep, len(minutes))]
			if err := r.addMinutes(ctx, tx, step); err != nil {
				return err
			}
			more, err := overAllowance(ctx, tx, step, most)
			if err != nil {
				return err
			}
			over = append(over, more...)
		}
		if len(over) == 0 {
			return nil
		}
		if first, err = r.number(ctx, tx, "rules", len(over)); err != nil {
			return err
		}
		for i, id := range over {
			last = first + int64(i)
			_, err := tx.ExecContext(ctx, "UPDATE rules SET enabled = 0, flooded_at = ?, updated_at = ?, number = ? "+
				"WHERE id = ? AND enabled = 1 AND gone = 0", last, last, last, id)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || last == 0 {
		return nil, err
	}
	return r.rules(ctx, "SELECT "+ruleColumns+" FROM rules WHERE number BETWEEN ? AND ? AND flooded_at > 0 ORDER BY number", first, last)
}

func (r *Registry) addMinutes(ctx context.Context, tx *sql.Tx, minutes []rule.Minute) error {
	args := make([]any, 0, 3*len(minutes))
	for _, m := range minutes {
		args = append(args, m.Rule, micros(m.Minute), m.Matches)
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO rule_minutes (rule_id, minute, matches) VALUES "+placeholders(len(minutes), 3)+" "+
		r.dialect.Upsert("rule_id, minute")+" matches = rule_minutes.matches + "+r.dialect.Proposed("matches"), args...)
	return err
}

// overAllowance gives the rules that are on and matched more than most in one of
// some minutes.
func overAllowance(ctx context.Context, tx *sql.Tx, minutes []rule.Minute, most int64) (over []int64, err error) {
	args := make([]any, 0, 2*len(minutes)+1)
	for _, m := range minutes {
		args = append(args, m.Rule, micros(m.Minute))
	}
	pairs := strings.TrimSuffix(strings.Repeat("(m.rule_id = ? AND m.minute = ?) OR ", len(minutes)), " OR ")
	rows, err := tx.QueryContext(ctx, "SELECT DISTINCT m.rule_id FROM rule_minutes m JOIN rules r ON r.id = m.rule_id "+
		"WHERE ("+pairs+") AND m.matches > ? AND m.minute >= r.updated_at AND r.enabled = 1 AND r.gone = 0 ORDER BY m.rule_id",
		append(args, most)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		over = append(over, id)
	}
	return over, rows.Err()
}

// FloodedRules lists a user's rules that were switched off because they kept too
// much.
func (r *Registry) FloodedRules(ctx context.Context, user int64) ([]rule.Rule, error) {
	return r.rules(ctx, "SELECT "+ruleColumns+" FROM rules WHERE user_id = ? AND gone = 0 AND flooded_at > 0 ORDER BY id", user)
}

// RuleDays gives the matches of each of a user's rules by stretches of 24 hours
// from a time on, which begins an hour; what is older than all stretches or
// comes after them is left out, and so are rules without a match.
func (r *Registry) RuleDays(ctx context.Context, user int64, from time.Time, days int) (map[int64][]int64, error) {
	const day = int64(24 * time.Hour / time.Microsecond)
	start := micros(from)
	// The remainder serves both dialects, which divide differently.
	counts, err := list(ctx, r.read, scanDay,
		"SELECT h.rule_id, h.hour - (h.hour - ?) % ? AS day, SUM(h.matches) FROM rules r JOIN rule_hours h ON h.rule_id = r.id "+
			"WHERE r.user_id = ? AND r.gone = 0 AND h.hour >= ? AND h.hour < ? GROUP BY h.rule_id, day",
		start, day, user, start, start+int64(days)*day)
	if err != nil {
		return nil, r.wrap("read rule days", err)
	}
	byRule := make(map[int64][]int64)
	for _, c := range counts {
		if byRule[c.Rule] == nil {
			byRule[c.Rule] = make([]int64, days)
		}
		byRule[c.Rule][(micros(c.Hour)-start)/day] += c.Matches
	}
	return byRule, nil
}

func scanDay(rows *sql.Rows) (rule.Count, error) {
	var c rule.Count
	var at int64
	err := rows.Scan(&c.Rule, &at, &c.Matches)
	c.Hour = time.UnixMicro(at).UTC()
	return c, err
}
