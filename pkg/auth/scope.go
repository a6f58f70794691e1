package auth

import (
	"fmt"
	"strings"
)

// DefaultScopes are those of a token for which none is named.
const DefaultScopes = Read | Write

const allScopes = Read | Write | Admin | Feed

var scopeNames = [...]string{"read", "write", "admin", "feed"}

// ScopeError rejects a set of scopes: Name is the unknown name, or the set that
// may not stand together.
type ScopeError struct{ Name string }

func (e *ScopeError) Error() string {
	if strings.Contains(e.Name, ",") {
		return fmt.Sprintf("scopes %q do not go together: feed stands alone, since its token is part of a link", e.Name)
	}
	return fmt.Sprintf("unknown scope %q: use read, write, admin or feed", e.Name)
}

// ParseScopes reads a list such as "read,write"; spaces around a name do not
// matter.
//
// Errors: *ScopeError for an unknown or missing name, and for feed together
// with another: a feed's token stands in a URL, so it can do nothing else.
func ParseScopes(list string) (Scopes, error) {
	return ScopesOf(strings.Split(list, ","))
}

// ScopesOf makes a set of names; see ParseScopes.
func ScopesOf(names []string) (Scopes, error) {
	var set Scopes
	for _, name := range names {
		scope, err := scopeOf(strings.TrimSpace(name))
		if err != nil {
			return 0, err
		}
		set |= scope
	}
	if set == 0 {
		return 0, &ScopeError{}
	}
	if set.Has(Feed) && set != Feed {
		return 0, &ScopeError{Name: set.String()}
	}
	return set, nil
}

func scopeOf(name string) (Scopes, error) {
	for i, known := range scopeNames {
		if name == known {
			return 1 << i, nil
		}
	}
	return 0, &ScopeError{Name: name}
}

// Has reports whether s holds every scope of want.
func (s Scopes) Has(want Scopes) bool { return s&want == want }

// Any reports whether s holds one of want at least.
func (s Scopes) Any(want Scopes) bool { return s&want != 0 }

// Covers reports whether a holder of s may give a token the scopes of other:
// its own, and feed for who can read.
func (s Scopes) Covers(other Scopes) bool {
	if s.Has(Read) {
		s |= Feed
	}
	return s.Has(other)
}

// Names lists the scopes, always in the same order.
func (s Scopes) Names() []string {
	names := make([]string, 0, len(scopeNames))
	for i, name := range scopeNames {
		if s.Has(1 << i) {
			names = append(names, name)
		}
	}
	return names
}

// String gives the names with commas between them, as ParseScopes reads them.
func (s Scopes) String() string { return strings.Join(s.Names(), ",") }

func (s Scopes) valid() bool { return s&^allScopes == 0 }
