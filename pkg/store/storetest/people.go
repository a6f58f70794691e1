package storetest

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"riffle/pkg/auth"
	"riffle/pkg/event"
	"riffle/pkg/rule"
)

// person makes a user with a name of the world's.
func (w world) person(t *testing.T, name string) auth.User {
	t.Helper()
	u, err := w.AddUser(t.Context(), w.prefix+name)
	if err != nil {
		t.Fatalf("AddUser: %v", err)
	}
	return u
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

func testUsers(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	ann, other := w.person(t, "ann"), w.person(t, "Ann ")
	if ann.ID == other.ID || time.Since(ann.CreatedAt).Abs() > time.Hour {
		t.Errorf("users are %+v and %+v", ann, other)
	}
	_, err := s.AddUser(t.Context(), ann.Name)
	wantError(t, "AddUser again", err, event.ErrExists)
	if err := s.LinkAccount(t.Context(), ann.ID, "twitter:12"); err != nil {
		t.Fatalf("LinkAccount: %v", err)
	}
	ann.Accounts = []string{"twitter:12"}
	byName, err := s.UserByName(t.Context(), ann.Name)
	if diff := cmp.Diff(ann, byName); err != nil || diff != "" {
		t.Errorf("UserByName: %v, differs (-want +got):\n%s", err, diff)
	}
	all, err := s.Users(t.Context())
	if err != nil || !slices.ContainsFunc(all, func(u auth.User) bool { return cmp.Equal(u, ann) }) {
		t.Errorf("Users: %v, %+v is not in %+v", err, ann, all)
	}
	if err := s.Write(t.Context(), &event.Batch{Verdicts: []event.Verdict{{
		Event: w.event(verdict{key: "a", version: 1}), JSON: []byte("{}"),
		Matches: []event.Match{{User: ann.ID}, {User: other.ID}},
	}}}); err != nil {
		t.Fatalf("Write: %v", err)
	}
	wantError(t, "RemoveUser", s.RemoveUser(t.Context(), ann.ID), nil)
	wantError(t, "RemoveUser again", s.RemoveUser(t.Context(), ann.ID), event.ErrNotFound)
	_, err = s.User(t.Context(), ann.ID)
	wantError(t, "User", err, event.ErrNotFound)
	_, err = s.UserByName(t.Context(), ann.Name)
	wantError(t, "UserByName", err, event.ErrNotFound)
	for user, want := range map[int64]int{ann.ID: 0, other.ID: 1} {
		page, err := s.Matches(t.Context(), event.Query{User: user, Limit: 10})
		if err != nil || len(page.Changes) != want {
			t.Errorf("user %d has %d matches, %v, want %d", user, len(page.Changes), err, want)
		}
	}
	again := w.person(t, "ann")
	if again.ID <= other.ID {
		t.Errorf("the id %d was given twice", again.ID)
	}
}

// linksOf gives the last word on each of a user's links.
func linksOf(t *testing.T, s *shared, user int64) map[string]bool {
	t.Helper()
	links, last := make(map[string]bool), int64(0)
	for {
		page, err := s.LinksSince(t.Context(), last, 3)
		if err != nil {
			t.Fatalf("LinksSince: %v", err)
		}
		for _, l := range page {
			if l.Number <= last {
				t.Fatalf("link %+v comes after %d", l, last)
			}
			last = l.Number
			if l.User == user {
				links[l.Account] = !l.Gone
			}
		}
		if len(page) == 0 {
			return links
		}
	}
}

func testLinks(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	ann, bob := w.person(t, "ann"), w.person(t, "bob")
	wantError(t, "LinkAccount of nobody", s.LinkAccount(t.Context(), 1<<60, "twitter:1"), event.ErrNotFound)
	for _, user := range []int64{ann.ID, ann.ID, bob.ID} {
		wantError(t, "LinkAccount", s.LinkAccount(t.Context(), user, "twitter:1"), nil)
	}
	wantError(t, "LinkAccount", s.LinkAccount(t.Context(), ann.ID, "bluesky:did:plc:x"), nil)
	wantError(t, "LinkAccount in another spelling", s.LinkAccount(t.Context(), ann.ID, "Mastodon:@Ann@Town.Example"), nil)
	wantError(t, "UnlinkAccount", s.UnlinkAccount(t.Context(), ann.ID, "twitter:1"), nil)
	wantError(t, "UnlinkAccount again", s.UnlinkAccount(t.Context(), ann.ID, "twitter:1"), event.ErrNotFound)
	if diff := cmp.Diff(map[string]bool{"twitter:1": false, "bluesky:did:plc:x": true, "mastodon:ann@town.example": true}, linksOf(t, s, ann.ID)); diff != "" {
		t.Errorf("links differ (-want +got):\n%s", diff)
	}
	wantError(t, "RemoveUser", s.RemoveUser(t.Context(), bob.ID), nil)
	if diff := cmp.Diff(map[string]bool{"twitter:1": false}, linksOf(t, s, bob.ID)); diff != "" {
		t.Errorf("links of a removed user differ (-want +got):\n%s", diff)
	}
}

func testTokens(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	ann, bob := w.person(t, "ann"), w.person(t, "bob")
	hash := sha256.Sum256([]byte(w.prefix))
	expires := time.UnixMicro(2_000_000_000_000_000).UTC()
	want := auth.Token{User: ann.ID, Hash: hash, Hint: "rfl_ab", Scopes: auth.Read | auth.Admin, ExpiresAt: expires}
	token, err := s.AddToken(t.Context(), want)
	if err != nil {
		t.Fatalf("AddToken: %v", err)
	}
	if diff := cmp.Diff(want, token, cmpopts.IgnoreFields(auth.Token{}, "ID", "CreatedAt", "Number")); diff != "" || token.Number == 0 {
		t.Errorf("token %d differs (-want +got):\n%s", token.Number, diff)
	}
	_, err = s.TokenByHash(t.Context(), sha256.Sum256([]byte("other")))
	wantError(t, "TokenByHash of another", err, auth.ErrUnknownToken)
	used := time.UnixMicro(1_900_000_000_000_000).UTC()
	wantError(t, "TouchToken", s.TouchToken(t.Context(), token.ID, used), nil)
	wantError(t, "TouchToken with an older time", s.TouchToken(t.Context(), token.ID, used.Add(-time.Hour)), nil)
	wantError(t, "RevokeToken of another user", s.RevokeToken(t.Context(), bob.ID, token.ID), event.ErrNotFound)
	wantError(t, "RevokeToken", s.RevokeToken(t.Context(), ann.ID, token.ID), nil)
	list, err := s.Tokens(t.Context(), ann.ID)
	if err != nil || len(list) != 1 {
		t.Fatalf("Tokens: %v, %+v", err, list)
	}
	revoked := list[0]
	if !revoked.LastUsedAt.Equal(used) || revoked.RevokedAt.IsZero() || revoked.Number <= token.Number {
		t.Errorf("revoked token is %+v", revoked)
	}
	wantError(t, "RevokeToken again", s.RevokeToken(t.Context(), ann.ID, token.ID), nil)
	if again, err := s.TokenByHash(t.Context(), hash); err != nil || !again.RevokedAt.Equal(revoked.RevokedAt) {
		t.Errorf("TokenByHash: got %+v, %v, want %+v", again, err, revoked)
	}
}

// testRotation: a token is rotated once, while it is good.
func testRotation(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	ann, bob := w.person(t, "ann"), w.person(t, "bob")
	rotated := 0
	rotate := func(user, old int64, overlap time.Duration) (auth.Token, error) {
		rotated++
		return s.RotateToken(t.Context(), auth.Token{User: user, Hash: sha256.Sum256(fmt.Append(nil, w.prefix, rotated))}, old, overlap)
	}
	first, err := s.AddToken(t.Context(), auth.Token{User: ann.ID, Hash: sha256.Sum256([]byte(w.prefix))})
	if err != nil {
		t.Fatalf("AddToken: %v", err)
	}
	_, err = rotate(bob.ID, first.ID, time.Hour)
	wantError(t, "RotateToken of another user", err, event.ErrNotFound)
	second, err := rotate(ann.ID, first.ID, time.Hour)
	wantError(t, "RotateToken", err, nil)
	_, err = rotate(ann.ID, first.ID, 2*time.Hour)
	wantError(t, "RotateToken of a token that was rotated", err, event.ErrExists)
	_, err = rotate(ann.ID, second.ID, 0)
	wantError(t, "RotateToken of the new one", err, nil)
	_, err = rotate(ann.ID, second.ID, time.Hour)
	wantError(t, "RotateToken of a token that is revoked", err, event.ErrNotFound)
	if list, err := s.Tokens(t.Context(), ann.ID); err != nil || len(list) != 3 {
		t.Errorf("got %d tokens, %v, want 3", len(list), err)
	}
}

func testLogins(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	ann := w.person(t, "ann")
	for i, test := range []struct {
		name    string
		expires time.Time
		want    []error // of taking it once and once more
	}{
		{"good once", time.Now().Add(time.Hour), []error{nil, auth.ErrUnknownLogin}},
		{"expired", time.Now().Add(-time.Hour), []error{auth.ErrUnknownLogin, auth.ErrUnknownLogin}},
	} {
		hash := sha256.Sum256(fmt.Append(nil, w.prefix, i))
		if err := s.AddLogin(t.Context(), hash, ann.ID, test.expires); err != nil {
			t.Fatalf("AddLogin: %v", err)
		}
		for j, want := range test.want {
			session := auth.Token{Hash: sha256.Sum256(fmt.Append(nil, w.prefix, i, j)), Hint: "rfs_ab", Scopes: auth.Read}
			got, err := s.TakeLogin(t.Context(), hash, session)
			wantError(t, test.name+": TakeLogin", err, want)
			if err != nil {
				_, err := s.TokenByHash(t.Context(), session.Hash)
				wantError(t, test.name+": TokenByHash of a session that was refused", err, auth.ErrUnknownToken)
				continue
			}
			kept, err := s.TokenByHash(t.Context(), session.Hash)
			if diff := cmp.Diff(kept, got); err != nil || diff != "" || got.User != ann.ID || got.Scopes != session.Scopes {
				t.Errorf("%s: TakeLogin gave %+v, and kept is %v (-kept +given):\n%s", test.name, got, err, diff)
			}
		}
	}
	testHalfLogin(sc, w.prefix, ann.ID)
}

// testHalfLogin: a code whose session cannot be stored is good still.
func testHalfLogin(sc scene, prefix string, user int64) {
	t, s := sc.T, sc.store
	code, taken, free := sha256.Sum256([]byte(prefix+"code")), sha256.Sum256([]byte(prefix+"taken")), sha256.Sum256([]byte(prefix+"free"))
	_, err := s.AddToken(t.Context(), auth.Token{User: user, Hash: taken})
	wantError(t, "AddToken", err, nil)
	wantError(t, "AddLogin", s.AddLogin(t.Context(), code, user, time.Now().Add(time.Hour)), nil)
	if got, err := s.TakeLogin(t.Context(), code, auth.Token{Hash: taken}); err == nil {
		t.Errorf("TakeLogin stored a session under the hash of another token: %+v", got)
	}
	_, err = s.TakeLogin(t.Context(), code, auth.Token{Hash: free})
	wantError(t, "TakeLogin after one that failed", err, nil)
}

func testRules(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	ann, bob := w.person(t, "ann"), w.person(t, "bob")
	want := rule.Rule{User: ann.ID, Value: "Cäts 😀", Canonical: "cäts 😀", Tag: "t ", Action: rule.Drop, Enabled: true}
	first, err := s.AddRule(t.Context(), want)
	if diff := cmp.Diff(want, first, cmpopts.IgnoreFields(rule.Rule{}, "ID", "Number", "CreatedAt", "UpdatedAt")); err != nil || diff != "" {
		t.Fatalf("AddRule: %v, differs (-want +got):\n%s", err, diff)
	}
	_, err = s.AddRule(t.Context(), rule.Rule{User: ann.ID, Value: "x", Canonical: want.Canonical})
	wantError(t, "AddRule with the same canonical form", err, event.ErrExists)
	_, err = s.RuleLike(t.Context(), bob.ID, want.Canonical)
	wantError(t, "RuleLike one of another user", err, event.ErrNotFound)
	both, err := s.AddRules(t.Context(), []rule.Rule{
		{User: bob.ID, Value: "x", Canonical: want.Canonical}, {User: ann.ID, Value: "y", Canonical: "y"},
	})
	if err != nil || len(both) != 2 || both[1].Value != "y" {
		t.Fatalf("AddRules: %v, %+v", err, both)
	}
	_, err = s.UpdateRule(t.Context(), rule.Rule{ID: both[1].ID, User: ann.ID, Value: "z", Canonical: want.Canonical})
	wantError(t, "UpdateRule to another's canonical form", err, event.ErrExists)
	_, err = s.UpdateRule(t.Context(), rule.Rule{ID: first.ID, User: bob.ID, Value: "z", Canonical: "z"})
	wantError(t, "UpdateRule of another's", err, event.ErrNotFound)
	first.Value, first.Canonical, first.Enabled = "dogs", "dogs", false
	changed, err := s.UpdateRule(t.Context(), first)
	if diff := cmp.Diff(first, changed, cmpopts.IgnoreFields(rule.Rule{}, "Number", "UpdatedAt")); err != nil || diff != "" || changed.Number <= both[1].Number {
		t.Errorf("UpdateRule: %v, number %d, differs (-want +got):\n%s", err, changed.Number, diff)
	}
	like, err := s.RuleLike(t.Context(), ann.ID, "dogs")
	if diff := cmp.Diff(changed, like); err != nil || diff != "" {
		t.Errorf("RuleLike: %v, differs (-want +got):\n%s", err, diff)
	}
	_, err = s.RuleLike(t.Context(), ann.ID, want.Canonical)
	wantError(t, "RuleLike what a rule was before", err, event.ErrNotFound)
	_, err = s.Rule(t.Context(), bob.ID, first.ID)
	wantError(t, "Rule of another user", err, event.ErrNotFound)
	testRuleCounts(t, s, changed)
	wantError(t, "RemoveRule of another", s.RemoveRule(t.Context(), bob.ID, first.ID), event.ErrNotFound)
	wantError(t, "RemoveRule", s.RemoveRule(t.Context(), ann.ID, first.ID), nil)
	_, err = s.RuleLike(t.Context(), ann.ID, "dogs")
	wantError(t, "RuleLike a removed one", err, event.ErrNotFound)
	wantError(t, "RemoveRule again", s.RemoveRule(t.Context(), ann.ID, first.ID), event.ErrNotFound)
	if _, err := s.AddRule(t.Context(), rule.Rule{User: ann.ID, Value: "dogs", Canonical: "dogs"}); err != nil {
		t.Errorf("AddRule like a removed one: %v", err)
	}
	wantError(t, "RemoveUser", s.RemoveUser(t.Context(), ann.ID), nil)
	since, err := s.RulesSince(t.Context(), changed.Number, 1000)
	if err != nil {
		t.Fatalf("RulesSince: %v", err)
	}
	gone := 0
	for _, r := range since {
		if r.User == ann.ID && r.Gone {
			gone++
		}
	}
	if gone != 3 {
		t.Errorf("%d rules of a removed user are gone, want 3", gone)
	}
}

func testRuleCounts(t *testing.T, s *shared, r rule.Rule) {
	t.Helper()
	// Half past ten: half of the hour before is within the last hour.
	at := time.Date(2026, 1, 2, 10, 30, 0, 0, time.UTC)
	hour := at.Truncate(time.Hour)
	for i := range 2 {
		err := s.AddRuleCounts(t.Context(), []rule.Count{
			{Rule: r.ID, Hour: hour, Matches: 5, Last: at.Add(-time.Duration(i) * time.Minute)},
			{Rule: r.ID, Hour: hour.Add(-time.Hour), Matches: 20, Last: hour.Add(-time.Second)},
			{Rule: r.ID, Hour: hour.Add(-24 * time.Hour), Matches: 1}, {Rule: r.ID, Hour: hour.Add(-48 * time.Hour), Matches: 100},
		})
		if err != nil {
			t.Fatalf("AddRuleCounts: %v", err)
		}
	}
	got, err := s.RuleNumbers(t.Context(), r.User, at)
	want := map[int64]rule.Numbers{r.ID: {Hour: 10 + 20, Day: 10 + 40 + 2, Last: at}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("RuleNumbers: %v, differs (-want +got):\n%s", err, diff)
	}
	days, err := s.RuleDays(t.Context(), r.User, hour.Add(-47*time.Hour), 2)
	if diff := cmp.Diff(map[int64][]int64{r.ID: {2, 50}}, days); err != nil || diff != "" {
		t.Errorf("RuleDays: %v, differs (-want +got):\n%s", err, diff)
	}
	days, err = s.RuleDays(t.Context(), r.User, hour.Add(-20*time.Hour), 0)
	if err != nil || len(days) != 0 {
		t.Errorf("RuleDays of no day: got %v, %v, want none", days, err)
	}
}

// testFloods switches a rule off when several filters together tell too much of
// one minute, and not again for minutes before its owner looked.
func testFloods(sc scene) {
	t, s := sc.T, sc.store
	user := newWorld(s).base
	rules, err := s.AddRules(t.Context(), []rule.Rule{
		{User: user, Value: "a", Canonical: "a", Enabled: true}, {User: user, Value: "b", Canonical: "b", Enabled: true},
	})
	if err != nil {
		t.Fatalf("AddRules: %v", err)
	}
	flood, calm := rules[0], rules[1]
	minute := time.Now().UTC().Truncate(time.Minute).Add(time.Minute)
	tell := func(minute time.Time, matches int64) []rule.Rule {
		t.Helper()
		off, err := s.AddRuleMinutes(t.Context(), []rule.Minute{
			{Rule: flood.ID, Minute: minute, Matches: matches}, {Rule: calm.ID, Minute: minute, Matches: 1}, {Rule: 1 << 40, Minute: minute, Matches: 1000},
		}, 600)
		if err != nil {
			t.Fatalf("AddRuleMinutes: %v", err)
		}
		return off
	}
	if off := tell(minute, 300); len(off) != 0 {
		t.Errorf("after 300 matches: %v are off, want none", off)
	}
	if off := tell(minute.Add(time.Minute), 301); len(off) != 0 {
		t.Errorf("after 301 in another minute: %v are off, want none", off)
	}
	if off := tell(minute, 300); len(off) != 0 {
		t.Errorf("after 600 matches: %v are off, want none", off)
	}
	off := tell(minute, 1)
	if len(off) != 1 || off[0].ID != flood.ID || off[0].Enabled || off[0].FloodedAt.IsZero() {
		t.Fatalf("after 601 matches: %+v are off, want rule %d", off, flood.ID)
	}
	if again := tell(minute, 1); len(again) != 0 {
		t.Errorf("a rule that is off: switched off again: %v", again)
	}
	since, err := s.RulesSince(t.Context(), max(flood.Number, calm.Number), 1000)
	// Other cases write rules meanwhile.
	since = slices.DeleteFunc(since, func(r rule.Rule) bool { return r.User != user })
	if diff := cmp.Diff(off, since); err != nil || diff != "" {
		t.Errorf("RulesSince: %v, differs (-want +got):\n%s", err, diff)
	}
	known, err := s.FloodedRules(t.Context(), user)
	if diff := cmp.Diff(off, known); err != nil || diff != "" {
		t.Errorf("FloodedRules: %v, differs (-want +got):\n%s", err, diff)
	}
	off[0].Enabled = true
	on, err := s.UpdateRule(t.Context(), off[0])
	if err != nil || !on.FloodedAt.IsZero() {
		t.Errorf("UpdateRule: %v, flooded at %v, want no longer", err, on.FloodedAt)
	}
	if again := tell(time.Now().Truncate(time.Minute), 10_000); len(again) != 0 {
		t.Errorf("a minute that began before the owner looked: %v are off, want none", again)
	}
	if known, err := s.FloodedRules(t.Context(), user); err != nil || len(known) != 0 {
		t.Errorf("FloodedRules: %v, %v, want none", known, err)
	}
}

// testRulesInForce: who asks for the number, then for all rules by id, and then for
// what changed since, misses nothing; the rows tell all that a filter wants.
func testRulesInForce(sc scene) {
	t, s := sc.T, sc.store
	user := newWorld(s).base
	rules, err := s.AddRules(t.Context(), []rule.Rule{
		{User: user, Value: "on 😀", Canonical: "a", Tag: "t ", Action: rule.Drop, Enabled: true},
		{User: user, Value: "off", Canonical: "b"},
		{User: user, Value: "removed", Canonical: "c", Enabled: true},
		{User: user, Value: "flooded", Canonical: "d", Enabled: true},
		{User: user, Value: "also on", Canonical: "e", Enabled: true},
	})
	wantError(t, "AddRules", err, nil)
	wantError(t, "RemoveRule", s.RemoveRule(t.Context(), user, rules[2].ID), nil)
	off, err := s.AddRuleMinutes(t.Context(), []rule.Minute{{Rule: rules[3].ID, Minute: time.Now().Add(time.Minute), Matches: 2}}, 1)
	if err != nil || len(off) != 1 {
		t.Fatalf("AddRuleMinutes: %v, %v are off, want one", err, off)
	}
	number, err := s.RuleNumber(t.Context())
	wantError(t, "RuleNumber", err, nil)
	changed := rules[0]
	changed.Value = "changed"
	changed, err = s.UpdateRule(t.Context(), changed)
	if err != nil || changed.Number <= number || number < off[0].Number {
		t.Errorf("RuleNumber: %d, want at least %d and less than a later change, %d: %v", number, off[0].Number, changed.Number, err)
	}
	var want, got []rule.Rule
	for _, r := range []rule.Rule{changed, off[0], rules[4]} {
		want = append(want, rule.Rule{
			ID: r.ID, User: r.User, Value: r.Value, Tag: r.Tag, Action: r.Action, Enabled: r.Enabled, FloodedAt: r.FloodedAt,
		})
	}
	for after := rules[0].ID - 1; ; {
		page, err := s.RulesInForce(t.Context(), after, 2)
		if err != nil {
			t.Fatalf("RulesInForce: %v", err)
		}
		if len(page) == 0 {
			break
		}
		got, after = append(got, page...), page[len(page)-1].ID
	}
	got = slices.DeleteFunc(got, func(r rule.Rule) bool { return r.User != user }) // other cases write too
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("RulesInForce differs (-want +got):\n%s", diff)
	}
}

// testBrokenRule: a row that somebody broke by hand is told as it is, for the
// filter to name, and keeps nobody from reading the others.
func testBrokenRule(t *testing.T, s *shared, db *sql.DB) {
	t.Helper()
	user := newWorld(s).base
	rules, err := s.AddRules(t.Context(), []rule.Rule{
		{User: user, Value: "a", Canonical: "a", Enabled: true}, {User: user, Value: "b", Canonical: "b", Enabled: true},
		{User: user, Value: "c", Canonical: "c", Enabled: true},
	})
	wantError(t, "AddRules", err, nil)
	for i, change := range []string{"value = 'tea OR ('", "action = 99, enabled = 7, gone = 0"} {
		query := fmt.Sprintf("UPDATE rules SET %s WHERE id = %d", change, rules[i].ID)
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	read := func(name string, rules []rule.Rule, err error) {
		t.Helper()
		if err != nil || len(rules) != 3 {
			t.Fatalf("%s: %d rules, want 3: %v", name, len(rules), err)
		}
		slices.SortFunc(rules, func(a, b rule.Rule) int { return int(a.ID - b.ID) })
		if rules[0].Value != "tea OR (" || rules[1].Action <= rule.Drop || !rules[1].Enabled || rules[2].Value != "c" {
			t.Errorf("%s: %+v", name, rules)
		}
	}
	all, err := s.RulesInForce(t.Context(), 0, 10)
	read("RulesInForce", all, err)
	all, err = s.RulesSince(t.Context(), 0, 10)
	read("RulesSince", all, err)
}

// testRuleNumbers: who follows the rules by number hears of every change, while
// four users change theirs at once.
func testRuleNumbers(sc scene) {
	t, s := sc.T, sc.store
	const writers, changes = 4, 15
	w := newWorld(s)
	done := make(chan struct{})
	want := make(chan map[int64]bool, writers) // is the rule still there?
	for i := range writers {
		user := w.person(t, fmt.Sprint("u", i))
		go func() {
			rules := make(map[int64]bool)
			for j := range changes {
				r, err := s.AddRule(t.Context(), rule.Rule{User: user.ID, Value: "v", Canonical: fmt.Sprint(j)})
				if err == nil && j%3 == 0 {
					err = s.RemoveRule(t.Context(), user.ID, r.ID)
				}
				if err != nil {
					t.Errorf("change rules: %v", err)
				}
				rules[r.ID] = j%3 != 0
			}
			want <- rules
		}()
	}
	all := make(map[int64]bool)
	go func() {
		defer close(done)
		for range writers {
			for id, there := range <-want {
				all[id] = there
			}
		}
	}()
	got := followRules(t, s, done)
	for id, there := range all {
		if heard, ok := got[id]; !ok || heard != there {
			t.Errorf("rule %d: heard of %t, there %t, want %t", id, ok, heard, there)
		}
	}
}

// followRules reads rules by number until done, and then once more to the end.
func followRules(t *testing.T, s *shared, done <-chan struct{}) map[int64]bool {
	t.Helper()
	got := make(map[int64]bool)
	for at, finished := int64(0), false; ; {
		rules, err := s.RulesSince(t.Context(), at, 7)
		if err != nil {
			t.Fatalf("RulesSince: %v", err)
		}
		for _, r := range rules {
			if r.Number <= at {
				t.Fatalf("rule %d has number %d after %d", r.ID, r.Number, at)
			}
			at, got[r.ID] = r.Number, !r.Gone
		}
		if len(rules) > 0 {
			continue
		}
		if finished {
			return got
		}
		select {
		case <-done:
			finished = true
		default:
		}
	}
}
