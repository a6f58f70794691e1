package auth_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/auth"
)

func TestNewTokenForm(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^rfl_[0-9A-Za-z]{36}$`)
	seen := map[string]bool{}
	for range 1000 {
		text := auth.NewToken().Reveal()
		if !form.MatchString(text) {
			t.Fatalf("got token %q, want the form %s", text, form)
		}
		if seen[text] {
			t.Fatalf("got token %q twice", text)
		}
		seen[text] = true
	}
}

// TestRandomCharacters holds a token's random part to 160 bits: every character
// occurs at every place, and none is favoured beyond chance.
func TestRandomCharacters(t *testing.T) {
	t.Parallel()
	const tokens, length = 4000, 30
	var counts [256]int
	for range tokens {
		for _, c := range []byte(auth.NewToken().Reveal()[4 : 4+length]) {
			counts[c]++
		}
	}
	mean := float64(tokens*length) / 62
	limit := 6 * math.Sqrt(mean) // six standard deviations: once in 10^7 runs
	var used int
	for c, n := range counts {
		if n == 0 {
			continue
		}
		used++
		if math.Abs(float64(n)-mean) > limit {
			t.Errorf("character %q: got %d times, want %.0f ± %.0f", rune(c), n, mean, limit)
		}
	}
	if bits := length * math.Log2(float64(used)); bits < 160 {
		t.Errorf("got %.0f random bits, want at least 160", bits)
	}
}

func TestParseToken(t *testing.T) {
	t.Parallel()
	good := auth.NewToken().Reveal()
	changed := []byte(good)
	changed[10] = map[bool]byte{true: 'b', false: 'a'}[changed[10] == 'a']
	for name, test := range map[string]struct {
		text string
		want error
	}{
		"good":             {good, nil},
		"empty":            {"", auth.ErrMalformed},
		"one letter wrong": {string(changed), auth.ErrMalformed},
		"too short":        {good[:39], auth.ErrMalformed},
		"too long":         {good + "a", auth.ErrMalformed},
		"upper prefix":     {"RFL_" + good[4:], auth.ErrMalformed},
		"a session":        {auth.NewSession().Reveal(), auth.ErrMalformed},
		"not of base 62":   {good[:20] + "-" + good[21:], auth.ErrMalformed},
		"not ASCII":        {good[:20] + "é" + good[22:], auth.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret, err := auth.ParseToken(test.text)
			if !errors.Is(err, test.want) {
				t.Fatalf("got error %v, want %v", err, test.want)
			}
			if err == nil && secret.Reveal() != test.text {
				t.Errorf("got %q, want %q", secret.Reveal(), test.text)
			}
		})
	}
}

func TestParseTokenFindsSwappedLetters(t *testing.T) {
	t.Parallel()
	text := auth.NewToken().Reveal()
	for i := 4; i < len(text)-1; i++ {
		if text[i] == text[i+1] {
			continue
		}
		swapped := text[:i] + string(text[i+1]) + string(text[i]) + text[i+2:]
		if _, err := auth.ParseToken(swapped); !errors.Is(err, auth.ErrMalformed) {
			t.Errorf("letters %d and %d swapped: got error %v, want %v", i, i+1, err, auth.ErrMalformed)
		}
	}
}

func TestSecretHidesItself(t *testing.T) {
	t.Parallel()
	secret := auth.NewToken()
	text := secret.Reveal()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if got := fmt.Sprintf(verb, secret); strings.Contains(got, text[8:]) {
			t.Errorf("%s: got %s, want no more than the hint", verb, got)
		}
	}
	if got, want := secret.Hint(), text[:8]; got != want {
		t.Errorf("hint: got %q, want %q", got, want)
	}
	if got, want := secret.Hash(), sha256.Sum256([]byte(text)); got != want {
		t.Errorf("hash: got %x, want %x", got, want)
	}
}

func TestLoginCarriesScopes(t *testing.T) {
	t.Parallel()
	for _, want := range []auth.Scopes{auth.Read, auth.DefaultScopes, auth.DefaultScopes | auth.Admin} {
		code, err := auth.NewLogin(want)
		if err != nil {
			t.Fatalf("NewLogin(%s): %v", want, err)
		}
		parsed, got, err := auth.ParseLogin(code.Reveal())
		if err != nil {
			t.Fatalf("ParseLogin: %v", err)
		}
		if got != want {
			t.Errorf("got scopes %s, want %s", got, want)
		}
		if parsed.Hash() != code.Hash() {
			t.Errorf("got hash %x, want %x", parsed.Hash(), code.Hash())
		}
	}
}

func TestLoginScopesCannotBeRaised(t *testing.T) {
	t.Parallel()
	low, err := auth.NewLogin(auth.Read)
	if err != nil {
		t.Fatal(err)
	}
	high, err := auth.NewLogin(auth.Read | auth.Admin)
	if err != nil {
		t.Fatal(err)
	}
	raised := low.Reveal()[:4] + high.Reveal()[4:5] + low.Reveal()[5:]
	if _, _, err := auth.ParseLogin(raised); !errors.Is(err, auth.ErrMalformed) {
		t.Errorf("got error %v, want %v", err, auth.ErrMalformed)
	}
}

func TestNewLoginRefuses(t *testing.T) {
	t.Parallel()
	for _, scopes := range []auth.Scopes{0, auth.Feed, auth.Feed | auth.Read, 1 << 7} {
		var wrong *auth.ScopeError
		if _, err := auth.NewLogin(scopes); !errors.As(err, &wrong) {
			t.Errorf("NewLogin(%d): got error %v, want a *ScopeError", scopes, err)
		}
	}
}

func TestTokenCheck(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	secret := auth.NewToken()
	other := auth.NewToken()
	for name, test := range map[string]struct {
		token auth.Token
		want  error
	}{
		"good":             {auth.Token{Hash: secret.Hash()}, nil},
		"another":          {auth.Token{Hash: other.Hash()}, auth.ErrUnknownToken},
		"expires later":    {auth.Token{Hash: secret.Hash(), ExpiresAt: now.Add(time.Nanosecond)}, nil},
		"expires now":      {auth.Token{Hash: secret.Hash(), ExpiresAt: now}, auth.ErrUnknownToken},
		"revoked":          {auth.Token{Hash: secret.Hash(), RevokedAt: now.Add(-time.Hour)}, auth.ErrUnknownToken},
		"revoked by ahead": {auth.Token{Hash: secret.Hash(), RevokedAt: now.Add(time.Hour)}, auth.ErrUnknownToken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := test.token.Check(secret.Hash(), now); !errors.Is(err, test.want) {
				t.Errorf("got error %v, want %v", err, test.want)
			}
		})
	}
}

func TestParseScopes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		list string
		want auth.Scopes
		text string // printed; empty: an error is wanted
	}{
		{"read", auth.Read, "read"},
		{"write,read", auth.Read | auth.Write, "read,write"},
		{" admin , read ", auth.Read | auth.Admin, "read,admin"},
		{"feed", auth.Feed, "feed"},
		{"feed,feed", auth.Feed, "feed"},
		{"", 0, ""},
		{"read,", 0, ""},
		{"Read", 0, ""},
		{"all", 0, ""},
		{"read,feed", 0, ""},
	} {
		got, err := auth.ParseScopes(test.list)
		var wrong *auth.ScopeError
		if (test.text == "") != errors.As(err, &wrong) {
			t.Errorf("ParseScopes(%q): got error %v", test.list, err)
		}
		if got != test.want {
			t.Errorf("ParseScopes(%q): got %s, want %s", test.list, got, test.want)
		}
		if diff := cmp.Diff(test.text, got.String()); diff != "" {
			t.Errorf("ParseScopes(%q).String() (-want +got):\n%s", test.list, diff)
		}
	}
}

func TestScopesCover(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		have, give auth.Scopes
		want       bool
	}{
		{auth.Read, auth.Read, true},
		{auth.Read, auth.Feed, true},
		{auth.Read, auth.Write, false},
		{auth.Write, auth.Feed, false},
		{auth.Read | auth.Write, auth.Read | auth.Admin, false},
		{auth.Admin, auth.Read, false},
		{auth.Feed, auth.Read, false},
	} {
		if got := test.have.Covers(test.give); got != test.want {
			t.Errorf("%s covers %s: got %v, want %v", test.have, test.give, got, test.want)
		}
	}
}

func TestIsSession(t *testing.T) {
	t.Parallel()
	session := auth.Token{Hint: auth.NewSession().Hint()}
	token := auth.Token{Hint: auth.NewToken().Hint()}
	if !session.IsSession() || token.IsSession() {
		t.Errorf("got %v and %v, want true and false", session.IsSession(), token.IsSession())
	}
}

func FuzzParse(f *testing.F) {
	f.Add(auth.NewToken().Reveal())
	f.Add(auth.NewSession().Reveal())
	f.Add("rfc_")
	f.Fuzz(func(t *testing.T, text string) {
		if secret, err := auth.ParseToken(text); err == nil && secret.Reveal() != text {
			t.Errorf("got %q, want %q", secret.Reveal(), text)
		}
		if _, scopes, err := auth.ParseLogin(text); err == nil && scopes.Has(auth.Feed) {
			t.Errorf("%q: got scope feed, want none", text)
		}
	})
}
