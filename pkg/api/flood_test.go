package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"riffle/pkg/auth"
	"riffle/pkg/rule"
)

// asking counts the questions for rules that are off.
type asking struct {
	*memory
	asked int
}

func (a *asking) FloodedRules(ctx context.Context, user int64) ([]rule.Rule, error) {
	a.asked++
	return a.memory.FloodedRules(ctx, user)
}

// TestFeedPollsCostNoQuestion: while no rule changes, what is off is known.
func TestFeedPollsCostNoQuestion(t *testing.T) {
	t.Parallel()
	m := &asking{memory: newMemory(time.Now)}
	w := newWorld(t, m, overTCP)
	link := w.link(t, w.alice, "atom")
	since := http.Header{"If-None-Match": {w.do(t, nil, "GET "+link, "").want(t, http.StatusOK).header.Get("ETag")}}
	for range 10 {
		w.do(t, since, "GET "+link, "").want(t, http.StatusNotModified)
	}
	if m.asked != 1 {
		t.Errorf("got %d questions of 11 polls, want one", m.asked)
	}
	w.do(t, w.token(t, w.bob, auth.Write), "POST /v1/rules", `{"value":"another's"}`).want(t, http.StatusCreated)
	w.do(t, since, "GET "+link, "").want(t, http.StatusNotModified)
	if m.asked != 2 {
		t.Errorf("got %d questions after a change of a rule, want two", m.asked)
	}
}

// TestFloodedRuleIsTold: the owner of a rule that was switched off for keeping
// too much sees it on the rule and in the feeds, until the rule is changed.
func TestFloodedRuleIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		w := newWorld(t, m, inMemory)
		owner := w.token(t, w.alice, auth.Read|auth.Write)
		added := into[ruleAnswer](t, w.do(t, owner, "POST /v1/rules", `{"value":"the OR a","tag":"all"}`).want(t, http.StatusCreated).Data)
		id, err := strconv.ParseInt(added.ID, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		link := w.link(t, w.alice, "atom")
		before := w.do(t, nil, "GET "+link, "").want(t, http.StatusOK)
		m.numbers = map[int64]rule.Numbers{id: {Hour: 7, Day: 9, Last: time.Now()}}
		m.flood(id)

		shown := into[ruleAnswer](t, w.do(t, owner, "GET /v1/rules/"+added.ID, "").want(t, http.StatusOK).Data)
		if shown.Enabled || !shown.FloodedAt.Equal(time.Now()) {
			t.Errorf("a flooded rule: enabled %t, flooded at %v, want false and now", shown.Enabled, shown.FloodedAt)
		}
		if *shown.Matches1h != 7 || *shown.Matches24h != 9 || !shown.LastMatch.Equal(time.Now()) {
			t.Errorf("its numbers: got %d, %d, %v, want 7, 9 and now", *shown.Matches1h, *shown.Matches24h, shown.LastMatch)
		}
		since := http.Header{"If-None-Match": {before.header.Get("ETag")}}
		atom := w.do(t, since, "GET "+link, "").want(t, http.StatusOK)
		entries, _ := readAtom(t, atom.body)
		if len(entries) != 1 || !strings.HasPrefix(entries[0]["title"], "Your rule was switched off: the OR a ") {
			t.Errorf("feed: got %v, want an entry about the rule", entries)
		}
		for path, want := range map[string]bool{w.link(t, w.alice, "json"): true, link + "?tag=all": true, link + "?tag=other": false, w.link(t, w.bob, "atom"): false} {
			if got := strings.Contains(w.do(t, nil, "GET "+path, "").want(t, http.StatusOK).body, "switched off"); got != want {
				t.Errorf("%s tells of the rule: %t, want %t", path, got, want)
			}
		}

		on := into[ruleAnswer](t, w.do(t, owner, "PUT /v1/rules/"+added.ID, `{"value":"the OR a","tag":"all"}`).want(t, http.StatusOK).Data)
		if !on.Enabled || !on.FloodedAt.IsZero() {
			t.Errorf("after its owner looked: enabled %t, flooded at %v, want true and never", on.Enabled, on.FloodedAt)
		}
		if entries, _ := readAtom(t, w.do(t, nil, "GET "+link, "").want(t, http.StatusOK).body); len(entries) != 0 {
			t.Errorf("feed after its owner looked: got %v, want no entry", entries)
		}
	})
}
