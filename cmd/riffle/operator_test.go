package main

import (
	"path/filepath"
	"strings"
	"testing"

	"riffle/pkg/auth"
	"riffle/pkg/testenv"
)

// shell runs commands on one store.
type shell struct {
	t     *testing.T
	store string
}

func (s shell) riffle(args ...string) outcome {
	s.t.Helper()
	return riffle(s.t, "", []string{"RIFFLE_STORE=" + s.store}, args...)
}

// TestOperatorsDay walks through all that an operator does with users, rules
// and tokens, on both stores.
func TestOperatorsDay(t *testing.T) {
	t.Parallel()
	stores := map[string]func(t *testing.T) string{
		"sqlite": func(t *testing.T) string { t.Helper(); return "sqlite:" + filepath.Join(t.TempDir(), "store.db") },
		"mysql":  func(t *testing.T) string { t.Helper(); return testenv.MariaDB(t) },
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sh := shell{t, open(t)}
			sh.riffle("user", "list").expect(t, 78, "", "run `riffle migrate`")
			sh.riffle("migrate").expect(t, 0, "done\n", "")
			sh.riffle("migrate").expect(t, 0, "nothing to do", "")
			sh.users(t)
			sh.rules(t)
			sh.tokens(t)
			sh.riffle("user", "remove", "ann").expect(t, 0, "removed user ann", "")
			sh.riffle("user", "remove", "ann").expect(t, 1, "", `there is no user "ann"`)
			sh.riffle("rule", "list", "ann").expect(t, 1, "", "riffle user add makes one")
		})
	}
}

func (s shell) users(t *testing.T) {
	t.Helper()
	s.riffle("user", "add", "ann").expect(t, 0, "added user ann", "")
	s.riffle("user", "add", "ann").expect(t, 1, "", `there is a user "ann" already`)
	s.riffle("user", "add", "ann lee").expect(t, 64, "", "has a space")
	s.riffle("user", "link", "ann", "twitter", "12").expect(t, 0, "twitter:12", "")
	s.riffle("user", "link", "ann", "twitter", "").expect(t, 64, "", "NETWORK:ACCOUNT")
	s.riffle("user", "link", "ann", "Mastodon", "@Ann@Town.Example").expect(t, 0, "mastodon:ann@town.example", "")
	s.riffle("user", "link", "ann", "twitter", "@ann").expect(t, 64, "", "twitter:12")
	s.riffle("user", "list").expect(t, 0, "twitter:12", "")
}

func (s shell) rules(t *testing.T) {
	t.Helper()
	first := s.riffle("rule", "add", "ann", "coffee tea", "--tag", "drinks")
	first.expect(t, 0, "", "")
	id := strings.TrimSpace(first.stdout)
	if id == "" || strings.Trim(id, "0123456789") != "" {
		t.Errorf("rule add: got %q on stdout, want an id alone", first.stdout)
	}
	s.riffle("rule", "add", "ann", "Coffee TEA").expect(t, 1, "", "a rule with this meaning already: coffee tea")
	s.riffle("rule", "add", "ann", "coffee OR").expect(t, 1, "", "dangling_or")
	s.riffle("rule", "add", "ann", "--action", "hide", "x").expect(t, 64, "", "--action must be keep or drop")
	s.riffle("rule", "add", "ann", "--action", "drop", "--", "-kitten giveaway").expect(t, 0, "", "")
	s.riffle("rule", "add", "bob", "x").expect(t, 1, "", `there is no user "bob"`)
	list := s.riffle("rule", "list", "ann")
	list.expect(t, 0, "drinks", "")
	list.expect(t, 0, "drop", "")
	s.riffle("rule", "remove", "ann", "one").expect(t, 64, "", `"one" is no id`)
	s.riffle("rule", "remove", "ann", id).expect(t, 0, "removed "+id, "")
	s.riffle("rule", "remove", "ann", id).expect(t, 1, "", "ann has no rule "+id)
}

func (s shell) tokens(t *testing.T) {
	t.Helper()
	made := s.riffle("token", "create", "ann", "--scope", "read", "--expires", "90d")
	made.expect(t, 0, "rfl_", "")
	if _, err := auth.ParseToken(strings.TrimSuffix(made.stdout, "\n")); err != nil {
		t.Errorf("token create: got %q on stdout, want a token alone: %v", made.stdout, err)
	}
	s.riffle("token", "create", "ann", "--scope", "fly").expect(t, 64, "", "--scope")
	s.riffle("token", "create", "ann", "--expires", "soon").expect(t, 64, "", "--expires")
	list := s.riffle("token", "list", "ann")
	list.expect(t, 0, "good until", "")
	id := strings.Fields(strings.Split(list.stdout, "\n")[1])[0]
	if secret := strings.TrimSpace(made.stdout); strings.Contains(list.stdout, secret) {
		t.Error("token list shows the token")
	}
	rotated := s.riffle("token", "rotate", "ann", id, "--overlap", "2d")
	if _, err := auth.ParseToken(strings.TrimSuffix(rotated.stdout, "\n")); err != nil || rotated.stdout == made.stdout {
		t.Errorf("token rotate: got %q on stdout, want another token alone: %v", rotated.stdout, err)
	}
	s.riffle("token", "rotate", "ann", id, "--overlap", "soon").expect(t, 64, "", "--overlap")
	s.riffle("token", "rotate", "ann", "999999").expect(t, 1, "", "no token 999999 that is good")
	s.riffle("token", "revoke", "ann", id).expect(t, 0, "revoked "+id, "")
	s.riffle("token", "list", "ann").expect(t, 0, "revoked", "")
	s.riffle("token", "revoke", "ann", "999999").expect(t, 1, "", "ann has no token 999999")
	s.riffle("login", "ann", "--url", "https://riffle.example/").expect(t, 0, "https://riffle.example/#rfc_", "")
	s.riffle("login", "ann", "--scope", "feed").expect(t, 64, "", "--scope: feed is for tokens in links to feeds")
	s.riffle("login", "ann", "--scope", "fly").expect(t, 64, "", `--scope: unknown scope "fly"`)
	for _, nonsense := range []string{"nonsense", "riffle.example:8080", "ftp://riffle.example", "https://", "https://riffle.example/#there"} {
		s.riffle("login", "ann", "--url", nonsense).expect(t, 64, "", "is no address of a page")
	}
}

func TestServersAway(t *testing.T) {
	t.Parallel()
	const mysql, redis = "mysql://u:geheim@127.0.0.1:1/db", "redis://:geheim@127.0.0.1:1/0"
	for name, args := range map[string][]string{
		"a command": {"user", "list", "--store", mysql},
		"migrate":   {"migrate", "--store", mysql},
	} {
		got := riffle(t, "", nil, args...)
		got.expect(t, 1, "", "cannot be reached; is it running?")
		if strings.Contains(got.stderr, "geheim") {
			t.Errorf("%s: the message shows the password: %s", name, got.stderr)
		}
	}
	// status is asked when something is away: it says what, and succeeds.
	got := riffle(t, "", nil, "status", "--store", mysql, "--buffer", redis)
	got.expect(t, 0, "store   mysql://u:***@127.0.0.1:1/db  NOT REACHABLE", "")
	got.expect(t, 0, "buffer  redis://:***@127.0.0.1:1/0  NOT REACHABLE", "")
	riffle(t, "", nil, "status", "--json", "--store", mysql, "--buffer", redis).expect(t, 0, `"reachable": false`, "")
}
