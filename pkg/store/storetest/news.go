package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

func news(t *testing.T, s *shared, after int64) event.News {
	t.Helper()
	n, err := s.News(t.Context(), after)
	if err != nil {
		t.Fatalf("News(%d): %v", after, err)
	}
	return n
}

// testNews: what transactions announce is what one finds by asking about each
// user, and who was not announced is noticed.
func testNews(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	start := news(t, s, 0)
	if start.Changes == 0 || start.Whole || len(start.Users) != 0 {
		t.Errorf("News(0): got %+v, want a number alone", start)
	}
	if got := news(t, s, start.Changes); !got.Whole || len(got.Users) != 0 {
		t.Errorf("without a change: got %+v", got)
	}
	last := func(users ...int64) map[int64]int64 {
		all := map[int64]int64{}
		for _, user := range users {
			n, err := s.LastNumber(t.Context(), w.base+user)
			if err != nil {
				t.Fatalf("LastNumber: %v", err)
			}
			all[w.base+user] = n
		}
		return all
	}
	w.write(t, verdict{key: "a", version: 1, users: []int64{1, 2}}, verdict{key: "b", version: 1, users: []int64{2, 3}},
		verdict{key: "c", version: 1, users: []int64{1}}, verdict{key: "nobody's", version: 1, stored: true})
	first := news(t, s, start.Changes)
	if diff := cmp.Diff(last(1, 2, 3), first.Users); diff != "" || !first.Whole {
		t.Errorf("one transaction, whole %t (-want +got):\n%s", first.Whole, diff)
	}
	w.write(t, verdict{key: "b", version: 2, deleted: true})
	w.write(t, verdict{key: "d", version: 1, users: []int64{2}})
	second := news(t, s, first.Changes)
	if diff := cmp.Diff(last(2, 3), second.Users); diff != "" || !second.Whole {
		t.Errorf("two transactions, whole %t (-want +got):\n%s", second.Whole, diff)
	}
	if got := news(t, s, start.Changes); !got.Whole || len(got.Users) != 3 || got.Changes != second.Changes {
		t.Errorf("three transactions: got %+v", got)
	}
	if got := news(t, s, start.Changes-1); got.Whole {
		t.Errorf("from a number that no transaction ended with: got %+v, want it not whole", got)
	}
	if got := news(t, s, second.Changes+1e6); got.Whole {
		t.Errorf("after the store went back: got %+v, want it not whole", got)
	}
	testNewsOfTokens(t, s)
}

// testNewsOfTokens: all that makes tokens good or bad is news, their use is not.
func testNewsOfTokens(t *testing.T, s *shared) {
	t.Helper()
	user, err := s.AddUser(t.Context(), fmt.Sprintf("news%d", newWorld(s).base))
	if err != nil {
		t.Fatal(err)
	}
	var token auth.Token
	before := news(t, s, 0).Tokens
	for _, step := range []struct {
		name string
		do   func() error
		news bool
	}{
		{"add", func() (err error) {
			token, err = s.AddToken(t.Context(), auth.Token{User: user.ID, Hash: [32]byte{1}})
			return err
		}, true},
		{"touch", func() error { return s.TouchToken(t.Context(), token.ID, token.CreatedAt) }, false},
		{"revoke", func() error { return s.RevokeToken(t.Context(), user.ID, token.ID) }, true},
		{"remove the user", func() error { return s.RemoveUser(t.Context(), user.ID) }, true},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		after := news(t, s, 0).Tokens
		if (after > before) != step.news {
			t.Errorf("%s: got number %d after %d, want news %t", step.name, after, before, step.news)
		}
		before = after
	}
}
