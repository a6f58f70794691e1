package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/auth"
)

// TestOverMemory runs the suite without a server.
func TestOverMemory(t *testing.T) {
	t.Parallel()
	runSuite(t, func(*testing.T) testStore { return newMemory(time.Now) })
}

// suite is the contract of the API, as far as the store has a part in it.
var suite = map[string]func(*testing.T, *world){
	"Paging":               testPaging,
	"Changes":              testChanges,
	"Filters":              testFilters,
	"NotModified":          testNotModified,
	"OneMatch":             testOneMatch,
	"EventBytes":           testEventBytes,
	"Rules":                testRules,
	"InvalidRules":         testInvalidRules,
	"DuplicateRules":       testDuplicateRules,
	"Preview":              testPreview,
	"Preview of another's": testPreviewOfAnothers,
	"Feeds":                testFeeds,
	"Feeds, unchanged":     testFeedsNotModified,
	"Explain":              testExplain,
	"Feed tokens":          testFeedTokens,
	"Me":                   testMe,
	"Tokens":               testTokens,
	"TokenScopes":          testTokenScopes,
	"Rotate":               testRotate,
	"Users":                testUsers,
	"Session":              testSession,
	"TokenLogin":           testTokenLogin,
	"Hostile text":         testHostileText,
	"Hostile input":        testHostileInput,
	"Routes x scopes":      testScopes,
	"Another's":            testCrossUser,
	"Revoked":              testRevoked,
}

// runSuite checks the contract of the API over a kind of store.
func runSuite(t *testing.T, open func(*testing.T) testStore) {
	t.Helper()
	for name, test := range suite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, open(t), overTCP))
		})
	}
}

func testPaging(t *testing.T, w *world) {
	for _, key := range keys(5) {
		keep(t, w.store, w.alice.ID, key, "text of "+key, "tag", 1)
	}
	reader := w.token(t, w.alice, auth.Read)
	var got []string
	target := "/v1/matches?limit=2"
	for pages := 0; target != ""; pages++ {
		if pages > 3 {
			t.Fatal("got more pages than matches")
		}
		page := w.do(t, reader, "GET "+target, "").want(t, http.StatusOK)
		summary := into[pageSummary](t, page.Summary)
		if summary.PollAfterMS == 0 {
			t.Error("got poll_after_ms 0 though nothing new waits")
		}
		matches := into[[]matchForm](t, page.Data)
		if summary.Count != len(matches) || summary.Next == "" {
			t.Errorf("got summary %+v of %d matches", summary, len(matches))
		}
		for _, m := range matches {
			got = append(got, keyOf(t, m))
		}
		target = ""
		if summary.More {
			target = "/v1/matches?limit=2&before=" + *summary.Prev
		}
	}
	want := []string{"test:4", "test:3", "test:2", "test:1", "test:0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys, newest first (-want +got):\n%s", diff)
	}
}

func keyOf(t *testing.T, m matchForm) string {
	t.Helper()
	if m.Event == nil {
		t.Fatalf("got no event in match %+v", m)
	}
	return into[struct{ Key string }](t, *m.Event).Key
}

func testChanges(t *testing.T, w *world) {
	reader := w.token(t, w.alice, auth.Read)
	empty := w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusOK)
	next := into[pageSummary](t, empty.Summary).Next
	if string(empty.Data) != "[]" || next == "" {
		t.Fatalf("got %s, want no matches and a cursor", empty.body)
	}
	still := into[pageSummary](t, w.do(t, reader, "GET /v1/matches?after="+next, "").want(t, http.StatusOK).Summary)
	if still.Next != next {
		t.Errorf("got next %q of a poll without news, want %q again, which 304 can answer", still.Next, next)
	}
	poll := func() []matchForm {
		page := w.do(t, reader, "GET /v1/matches?after="+next, "").want(t, http.StatusOK)
		next = into[pageSummary](t, page.Summary).Next
		return into[[]matchForm](t, page.Data)
	}
	changes := func() (got []string) {
		for _, m := range poll() {
			got = append(got, m.Change)
		}
		return got
	}

	keep(t, w.store, w.alice.ID, "test:1", "first", "a", 1)
	keep(t, w.store, w.alice.ID, "test:2", "second", "a", 1)
	some := into[pageSummary](t, w.do(t, reader, "GET /v1/matches?limit=1&after="+next, "").want(t, http.StatusOK).Summary)
	if !some.More || some.PollAfterMS != 0 {
		t.Errorf("got %+v of a page with more behind it, want the next poll at once", some)
	}
	if diff := cmp.Diff([]string{"new", "new"}, changes()); diff != "" {
		t.Errorf("first changes (-want +got):\n%s", diff)
	}
	if got := poll(); len(got) != 0 {
		t.Errorf("got %d changes without news", len(got))
	}
	keep(t, w.store, w.alice.ID, "test:1", "first, edited", "a", 2)
	if diff := cmp.Diff([]string{"update"}, changes()); diff != "" {
		t.Errorf("an edit (-want +got):\n%s", diff)
	}
	forget(t, w.store, "test:2")
	gone := poll()
	if len(gone) != 1 || gone[0].Change != "delete" || gone[0].ID == "" {
		t.Fatalf("got %+v, want one deletion", gone)
	}
	if gone[0].Event != nil || gone[0].Rules != nil || gone[0].MatchedAt != nil {
		t.Errorf("got %+v, want a deletion with id and change alone", gone[0])
	}
	newest := w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusOK)
	if got := into[[]matchForm](t, newest.Data); len(got) != 1 || keyOf(t, got[0]) != "test:1" {
		t.Errorf("got %s, want test:1 alone", newest.Data)
	}
}

func testFilters(t *testing.T, w *world) {
	for i, key := range keys(6) {
		keep(t, w.store, w.alice.ID, key, "text", []string{"odd one", "b"}[i%2], 1)
	}
	reader := w.token(t, w.alice, auth.Read)
	list := func(query string) []matchForm {
		t.Helper()
		return into[[]matchForm](t, w.do(t, reader, "GET /v1/matches?"+query, "").want(t, http.StatusOK).Data)
	}
	all := list("")
	for query, want := range map[string]int{
		"tag=odd+one":                       3,
		"tag=none":                          0,
		"rule=7":                            6,
		"rule=8":                            0,
		"limit=4":                           4,
		"limit=200":                         6,
		"tag=b&limit=1":                     1,
		"id=" + all[0].ID + "," + all[3].ID: 2,
		"id=" + all[0].ID + ",AAAAAAAAAAAAAAAAAAAAAAA": 1,
		"id=AAAA": 0,
	} {
		if got := list(query); len(got) != want {
			t.Errorf("%s: got %d matches, want %d", query, len(got), want)
		}
	}
}

func testNotModified(t *testing.T, w *world) {
	keep(t, w.store, w.alice.ID, "test:1", "first", "a", 1)
	reader := w.token(t, w.alice, auth.Read)
	first := w.do(t, reader, "GET /v1/matches?limit=10", "").want(t, http.StatusOK)
	tag := first.header.Get("ETag")
	conditional := reader.Clone()
	conditional.Set("If-None-Match", tag)

	again := w.do(t, conditional, "GET /v1/matches?limit=10", "").want(t, http.StatusNotModified)
	if again.body != "" || again.header.Get("ETag") != tag {
		t.Errorf("got body %q and tag %q, want none and %q", again.body, again.header.Get("ETag"), tag)
	}
	w.do(t, conditional, "HEAD /v1/matches?limit=10", "").want(t, http.StatusNotModified)
	w.do(t, conditional, "GET /v1/matches?limit=11", "").want(t, http.StatusOK)
	other := w.token(t, w.bob, auth.Read)
	other.Set("If-None-Match", tag)
	w.do(t, other, "GET /v1/matches?limit=10", "").want(t, http.StatusOK)

	keep(t, w.store, w.bob.ID, "test:2", "of another", "a", 1)
	w.do(t, conditional, "GET /v1/matches?limit=10", "").want(t, http.StatusNotModified)
	forget(t, w.store, "test:1")
	w.do(t, conditional, "GET /v1/matches?limit=10", "").want(t, http.StatusOK)
}

func testOneMatch(t *testing.T, w *world) {
	keep(t, w.store, w.alice.ID, "test:1", "first", "a", 1)
	reader := w.token(t, w.alice, auth.Read)
	all := w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusOK)
	id := into[[]matchForm](t, all.Data)[0].ID
	if id != url.PathEscape(id) || strings.ContainsAny(id, "=/+") {
		t.Errorf("got id %q, want one that is safe in a URL", id)
	}
	one := w.do(t, reader, "GET /v1/matches/"+id, "").want(t, http.StatusOK)
	if want := "[" + string(one.Data) + "]"; want != string(all.Data) {
		t.Errorf("got %s, want the form of the list %s", want, all.Data)
	}
	for _, other := range []string{"AAAA", "x", id + "A", strings.Repeat("a", 100), "%00", "..%2F", id[:len(id)-2]} {
		w.do(t, reader, "GET /v1/matches/"+other, "").wantFailure(t, http.StatusNotFound, "not_found")
	}
	forget(t, w.store, "test:1")
	w.do(t, reader, "GET /v1/matches/"+id, "").wantFailure(t, http.StatusNotFound, "not_found")
}

// testEventBytes holds the way of an event's JSON to the byte: what is hostile
// in it stays quoted, and nothing is written anew.
func testEventBytes(t *testing.T, w *world) {
	text := "</script><b>&amp; \u2028 \"quoted\" \\ 日本 \x01"
	keep(t, w.store, w.alice.ID, "test:1", text, "a", 1)
	reader := w.token(t, w.alice, auth.Read)
	page := w.do(t, reader, "GET /v1/matches", "").want(t, http.StatusOK)
	matches := into[[]matchForm](t, page.Data)
	if got := into[struct{ Text string }](t, *matches[0].Event).Text; got != text {
		t.Errorf("got text %q, want %q", got, text)
	}
	if got := page.header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("got X-Content-Type-Options %q, want nosniff", got)
	}
	if got, want := page.header.Get("Content-Length"), strconv.Itoa(len(page.body)); got != want {
		t.Errorf("got Content-Length %s, want %s", got, want)
	}
}

type ruleAnswer struct {
	ID         string    `json:"id"`
	Value      string    `json:"value"`
	Tag        string    `json:"tag"`
	Action     string    `json:"action"`
	Enabled    bool      `json:"enabled"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	Matches1h  *int64    `json:"matches_1h"`
	Matches24h *int64    `json:"matches_24h"`
	LastMatch  time.Time `json:"last_match_at"`
	FloodedAt  time.Time `json:"flooded_at"`
	Canonical  string    `json:"canonical"`
	Warnings   []mistake `json:"warnings"`
}

func testRules(t *testing.T, w *world) {
	owner := w.token(t, w.alice, auth.Read|auth.Write)
	added := w.do(t, owner, "POST /v1/rules", `{"value":"coffee OR tea","tag":"drinks"}`).want(t, http.StatusCreated)
	first := into[ruleAnswer](t, added.Data)
	if got, want := added.header.Get("Location"), "/v1/rules/"+first.ID; got != want {
		t.Errorf("got Location %q, want %q", got, want)
	}
	if first.Value != "coffee OR tea" || first.Tag != "drinks" || first.Action != "keep" || !first.Enabled ||
		first.CreatedAt.IsZero() || first.UpdatedAt.IsZero() || first.Matches1h == nil || first.Matches24h == nil || first.Canonical == "" || first.Warnings == nil {
		t.Errorf("got rule %s", added.Data)
	}
	shown := w.do(t, owner, "GET "+added.header.Get("Location"), "").want(t, http.StatusOK)
	if diff := cmp.Diff(string(added.Data), string(shown.Data)); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}

	replaced := w.do(t, owner, "PUT /v1/rules/"+first.ID, `{"value":"cat","action":"drop","enabled":false}`).want(t, http.StatusOK)
	second := into[ruleAnswer](t, replaced.Data)
	if second.ID != first.ID || second.Value != "cat" || second.Tag != "" || second.Action != "drop" || second.Enabled {
		t.Errorf("got rule %s, want every field replaced", replaced.Data)
	}
	w.do(t, owner, "POST /v1/rules", `{"value":"dog"}`).want(t, http.StatusCreated)
	list := w.do(t, owner, "GET /v1/rules", "").want(t, http.StatusOK)
	if got := into[[]ruleAnswer](t, list.Data); len(got) != 2 || string(list.Summary) != `{"count":2}` {
		t.Errorf("got %s, want two rules", list.body)
	}
	since := http.Header{"Authorization": owner["Authorization"], "If-None-Match": {list.header.Get("ETag")}}
	w.do(t, since, "GET /v1/rules", "").want(t, http.StatusNotModified)
	w.do(t, owner, "PUT /v1/rules/"+first.ID, `{"value":"cat","action":"drop","enabled":true}`).want(t, http.StatusOK)
	list = w.do(t, since, "GET /v1/rules", "").want(t, http.StatusOK)
	if got := into[[]ruleAnswer](t, list.Data); len(got) != 2 || !got[0].Enabled {
		t.Errorf("got %s after a change, want it in the list", list.body)
	}
	days := w.do(t, owner, "GET /v1/rules/counts", "").want(t, http.StatusOK)
	for _, counts := range into[[]struct {
		ByDay []int64 `json:"by_day"`
	}](t, days.Data) {
		if diff := cmp.Diff(make([]int64, countedDays), counts.ByDay); diff != "" {
			t.Errorf("got %s, want %d days without a match of each rule", days.Data, countedDays)
		}
	}
	w.do(t, owner, "DELETE /v1/rules/"+first.ID, "").want(t, http.StatusOK)
	for _, call := range []string{"GET", "DELETE"} {
		w.do(t, owner, call+" /v1/rules/"+first.ID, "").wantFailure(t, http.StatusNotFound, "not_found")
	}
	w.do(t, owner, "PUT /v1/rules/"+first.ID, `{"value":"bird"}`).wantFailure(t, http.StatusNotFound, "not_found")
	for _, id := range []string{"0", "-1", "x", "01", "9223372036854775808", "1e3"} {
		w.do(t, owner, "GET /v1/rules/"+id, "").wantFailure(t, http.StatusNotFound, "not_found")
	}
}

func testInvalidRules(t *testing.T, w *world) {
	owner := w.token(t, w.alice, auth.Read|auth.Write)
	kept := into[ruleAnswer](t, w.do(t, owner, "POST /v1/rules", `{"value":"cat"}`).want(t, http.StatusCreated).Data)
	for body, want := range map[string]mistake{
		`{"value":"\"open"}`: {Code: "unterminated_quote"},
		`{"value":""}`:       {Code: "empty_rule"},
	} {
		for _, call := range []string{"POST /v1/rules", "PUT /v1/rules/" + kept.ID} {
			answer := w.do(t, owner, call, body).wantFailure(t, http.StatusUnprocessableEntity, "invalid_rule")
			got := answer.Error.Errors
			if len(got) == 0 || got[0].Code != want.Code || got[0].Offset == nil || got[0].Length == nil || got[0].Message == "" {
				t.Errorf("%s %s: got %s, want %s with an offset", call, body, answer.body, want.Code)
			}
		}
		checked := w.do(t, owner, "POST /v1/rules/validate", body).want(t, http.StatusOK)
		verdict := into[struct {
			Valid     bool
			Canonical *string
			Errors    []mistake
		}](t, checked.Data)
		if verdict.Valid || verdict.Canonical != nil || len(verdict.Errors) == 0 || verdict.Errors[0].Code != want.Code {
			t.Errorf("validate %s: got %s, want %s", body, checked.Data, want.Code)
		}
	}
	still := w.do(t, owner, "GET /v1/rules/"+kept.ID, "").want(t, http.StatusOK)
	if got := into[ruleAnswer](t, still.Data); got.Value != "cat" {
		t.Errorf("got rule %q, want the working one untouched", got.Value)
	}
	good := w.do(t, owner, "POST /v1/rules/validate", `{"value":"cat or dog"}`).want(t, http.StatusOK)
	verdict := into[struct {
		Valid     bool
		Canonical *string
		Warnings  []mistake
	}](t, good.Data)
	if !verdict.Valid || verdict.Canonical == nil || len(verdict.Warnings) != 1 || verdict.Warnings[0].Code != "lowercase_or" {
		t.Errorf("got %s, want a valid rule with a warning", good.Data)
	}
}

func testDuplicateRules(t *testing.T, w *world) {
	owner := w.token(t, w.alice, auth.Read|auth.Write)
	first := into[ruleAnswer](t, w.do(t, owner, "POST /v1/rules", `{"value":"cat"}`).want(t, http.StatusCreated).Data)
	second := into[ruleAnswer](t, w.do(t, owner, "POST /v1/rules", `{"value":"dog"}`).want(t, http.StatusCreated).Data)
	for _, call := range []string{"POST /v1/rules", "PUT /v1/rules/" + second.ID} {
		answer := w.do(t, owner, call, `{"value":"cat"}`).wantFailure(t, http.StatusUnprocessableEntity, "invalid_rule")
		got := answer.Error.Errors
		if len(got) != 1 || got[0].Code != "duplicate_rule" || *got[0].Offset != 0 || *got[0].Length != 3 || !strings.Contains(got[0].Message, first.ID) {
			t.Errorf("%s: got %s, want duplicate_rule of %s", call, answer.body, first.ID)
		}
	}
	w.do(t, owner, "PUT /v1/rules/"+first.ID, `{"value":"cat","tag":"pets"}`).want(t, http.StatusOK)
	for body, duplicate := range map[string]bool{
		`{"value":"CAT"}`:                          true,
		`{"value":"cat","id":"` + second.ID + `"}`: true,
		`{"value":"cat","id":"` + first.ID + `"}`:  false,
		`{"value":"cat dog"}`:                      false,
		`{"value":"bird","id":"` + first.ID + `"}`: false,
	} {
		checked := w.do(t, owner, "POST /v1/rules/validate", body).want(t, http.StatusOK)
		verdict := into[struct {
			Valid     bool
			Canonical *string
			Errors    []mistake
		}](t, checked.Data)
		told := len(verdict.Errors) == 1 && verdict.Errors[0].Code == "duplicate_rule" && *verdict.Errors[0].Length == 3 &&
			strings.Contains(verdict.Errors[0].Message, first.ID+": cat")
		if verdict.Valid == duplicate || told != duplicate || verdict.Canonical == nil {
			t.Errorf("validate %s: got %s, want duplicate_rule: %t", body, checked.Data, duplicate)
		}
	}
	for _, id := range []string{"", "0", "x"} {
		w.do(t, owner, "POST /v1/rules/validate", `{"value":"cat","id":"`+id+`"}`).wantFailure(t, http.StatusBadRequest, "bad_field")
	}
	strange := w.do(t, w.token(t, w.bob, auth.Read), "POST /v1/rules/validate", `{"value":"cat"}`).want(t, http.StatusOK)
	if !strings.Contains(string(strange.Data), `"valid":true`) {
		t.Errorf("got %s, want nothing told of another's rule", strange.Data)
	}
	other := w.token(t, w.bob, auth.Write)
	w.do(t, other, "POST /v1/rules", `{"value":"cat"}`).want(t, http.StatusCreated)
}

func testMe(t *testing.T, w *world) {
	me := w.do(t, w.token(t, w.alice, auth.Read|auth.Admin), "GET /v1/me", "").want(t, http.StatusOK)
	got := into[struct {
		ID, Name string
		Scopes   []string
	}](t, me.Data)
	if got.ID != strconv.FormatInt(w.alice.ID, 10) || got.Name != "alice" || !slices.Equal(got.Scopes, []string{"read", "admin"}) {
		t.Errorf("got %s", me.Data)
	}
}

type tokenAnswer struct {
	ID, Kind, Token, Hint string
	Scopes                []string
	ExpiresAt             *time.Time `json:"expires_at"`
}

func testTokens(t *testing.T, w *world) {
	owner := w.token(t, w.alice, auth.Read|auth.Write)
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	made := w.do(t, owner, "POST /v1/tokens", fmt.Sprintf(`{"scopes":["read"],"expires_at":%q}`, expires.Format(time.RFC3339))).want(t, http.StatusCreated)
	token := into[tokenAnswer](t, made.Data)
	if _, err := auth.ParseToken(token.Token); err != nil || !strings.HasPrefix(token.Token, token.Hint) {
		t.Fatalf("got %s, want a token and its hint", made.Data)
	}
	if token.ExpiresAt == nil || !token.ExpiresAt.Equal(expires) || !slices.Equal(token.Scopes, []string{"read"}) || token.Kind != "token" {
		t.Errorf("got %s", made.Data)
	}
	if got := made.header.Get("Location"); got != "/v1/tokens/"+token.ID {
		t.Errorf("got Location %q", got)
	}
	use := http.Header{"Authorization": {"Bearer " + token.Token}}
	w.do(t, use, "GET /v1/me", "").want(t, http.StatusOK)
	list := w.do(t, owner, "GET /v1/tokens", "").want(t, http.StatusOK)
	if got := into[[]tokenAnswer](t, list.Data); len(got) != 2 || strings.Contains(list.body, token.Token) {
		t.Errorf("got %s, want two tokens without their secrets", list.body)
	}
	w.do(t, owner, "DELETE /v1/tokens/"+token.ID, "").want(t, http.StatusOK)
	w.do(t, use, "GET /v1/me", "").wantFailure(t, http.StatusUnauthorized, "unauthorized")
	if got := into[[]tokenAnswer](t, w.do(t, owner, "GET /v1/tokens", "").Data); len(got) != 1 {
		t.Errorf("got %d tokens after one was revoked, want 1", len(got))
	}
	w.do(t, owner, "DELETE /v1/tokens/999", "").wantFailure(t, http.StatusNotFound, "not_found")
	for _, body := range []string{
		`{"scopes":[]}`, `{"scopes":["all"]}`, `{"scopes":["read","feed"]}`, `{"scopes":"read"}`, `{"expires_at":"tomorrow"}`,
		`{"expires_at":"2001-01-01T00:00:00Z"}`, `{"expires_at":5}`,
	} {
		w.do(t, owner, "POST /v1/tokens", body).wantFailure(t, http.StatusBadRequest, "bad_field")
	}
}

func testTokenScopes(t *testing.T, w *world) {
	for _, test := range []struct {
		have auth.Scopes
		give string
		want int
	}{
		{auth.Read | auth.Write, `{}`, http.StatusCreated},
		{auth.Read | auth.Write, `{"scopes":["feed"]}`, http.StatusCreated},
		{auth.Read | auth.Write, `{"scopes":["admin"]}`, http.StatusForbidden},
		{auth.Write, `{}`, http.StatusForbidden},
		{auth.Write, `{"scopes":["write"]}`, http.StatusCreated},
		{auth.Write, `{"scopes":["feed"]}`, http.StatusForbidden},
		{auth.Write | auth.Admin, `{"scopes":["admin"]}`, http.StatusCreated},
	} {
		w.do(t, w.token(t, w.alice, test.have), "POST /v1/tokens", test.give).want(t, test.want)
	}
}

func testUsers(t *testing.T, w *world) {
	admin := w.token(t, w.alice, auth.Admin)
	made := w.do(t, admin, "POST /v1/users", `{"name":"carol"}`).want(t, http.StatusCreated)
	carol := into[struct{ ID, Name string }](t, made.Data)
	if carol.Name != "carol" || made.header.Get("Location") != "/v1/users/"+carol.ID {
		t.Errorf("got %s at %q", made.Data, made.header.Get("Location"))
	}
	w.do(t, admin, "POST /v1/users", `{"name":"carol"}`).wantFailure(t, http.StatusConflict, "exists")
	for _, body := range []string{`{}`, `{"name":""}`, `{"name":"a b"}`, `{"name":"a\u0000"}`, `{"name":"` + strings.Repeat("a", 65) + `"}`, `{"name":1}`} {
		w.do(t, admin, "POST /v1/users", body).wantFailure(t, http.StatusBadRequest, "bad_field")
	}
	list := w.do(t, admin, "GET /v1/users", "").want(t, http.StatusOK)
	if got := into[[]struct{ Name string }](t, list.Data); len(got) != 3 {
		t.Errorf("got %s, want three users", list.Data)
	}
	w.do(t, admin, "GET /v1/users/"+carol.ID, "").want(t, http.StatusOK)
	id, err := strconv.ParseInt(carol.ID, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	hers := w.token(t, auth.User{ID: id}, auth.Read)
	w.do(t, hers, "GET /v1/me", "").want(t, http.StatusOK)
	w.do(t, admin, "DELETE /v1/users/"+carol.ID, "").want(t, http.StatusOK)
	w.do(t, hers, "GET /v1/me", "").wantFailure(t, http.StatusUnauthorized, "unauthorized")
	w.do(t, admin, "DELETE /v1/users/"+carol.ID, "").wantFailure(t, http.StatusNotFound, "not_found")
	w.do(t, admin, fmt.Sprintf("DELETE /v1/users/%d", w.alice.ID), "").wantFailure(t, http.StatusForbidden, "forbidden")
}

func (w *world) login(t *testing.T, user auth.User, scopes auth.Scopes, expires time.Time) string {
	t.Helper()
	code, err := auth.NewLogin(scopes)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.AddLogin(t.Context(), code.Hash(), user.ID, expires); err != nil {
		t.Fatalf("AddLogin: %v", err)
	}
	return fmt.Sprintf(`{"code":%q}`, code.Reveal())
}

func testSession(t *testing.T, w *world) {
	body := w.login(t, w.alice, auth.DefaultScopes, time.Now().Add(auth.LoginLifetime))
	in := w.do(t, nil, "POST /v1/session", body).want(t, http.StatusCreated)
	cookies := (&http.Response{Header: in.header}).Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || cookies[0].Path != "/" {
		t.Fatalf("got cookies %v, want one that scripts and other sites cannot use", cookies)
	}
	if strings.Contains(in.body, cookies[0].Value) {
		t.Errorf("got the session in the body: %s", in.body)
	}
	session := http.Header{"Cookie": {cookies[0].Name + "=" + cookies[0].Value}}
	me := w.do(t, session, "GET /v1/me", "").want(t, http.StatusOK)
	if got := into[struct{ Name string }](t, me.Data).Name; got != "alice" {
		t.Errorf("got user %q, want alice", got)
	}
	w.do(t, nil, "POST /v1/session", body).wantFailure(t, http.StatusUnauthorized, "unauthorized")
	w.do(t, session, "GET /v1/users", "").wantFailure(t, http.StatusForbidden, "forbidden")
	asBearer := http.Header{"Authorization": {"Bearer " + cookies[0].Value}}
	w.do(t, asBearer, "GET /v1/me", "").wantFailure(t, http.StatusUnauthorized, "unauthorized")

	w.do(t, session, "POST /v1/rules", `{"value":"cat"}`).want(t, http.StatusCreated)
	for _, foreign := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}},
	} {
		for name, values := range session {
			foreign[name] = values
		}
		w.do(t, foreign, "POST /v1/rules", `{"value":"dog"}`).wantFailure(t, http.StatusForbidden, "forbidden")
		w.do(t, foreign, "DELETE /v1/session", "").wantFailure(t, http.StatusForbidden, "forbidden")
		w.do(t, foreign, "POST /v1/session", w.login(t, w.bob, auth.Read, time.Now().Add(time.Minute))).wantFailure(t, http.StatusForbidden, "forbidden")
		w.do(t, foreign, "GET /v1/me", "").want(t, http.StatusOK)
	}
	own := session.Clone()
	own.Set("Sec-Fetch-Site", "same-origin")
	w.do(t, own, "POST /v1/rules", `{"value":"dog"}`).want(t, http.StatusCreated)

	out := w.do(t, own, "DELETE /v1/session", "").want(t, http.StatusOK)
	if cookies := (&http.Response{Header: out.header}).Cookies(); len(cookies) != 1 || cookies[0].MaxAge >= 0 {
		t.Errorf("got cookies %v, want the session taken away", cookies)
	}
	w.do(t, session, "GET /v1/me", "").wantFailure(t, http.StatusUnauthorized, "unauthorized")

	expired := w.login(t, w.alice, auth.Read, time.Now().Add(-time.Second))
	w.do(t, nil, "POST /v1/session", expired).wantFailure(t, http.StatusUnauthorized, "unauthorized")
	for _, code := range []string{`{}`, `{"code":""}`, `{"code":"rfc_x"}`} {
		w.do(t, nil, "POST /v1/session", code).wantFailure(t, http.StatusUnauthorized, "unauthorized")
	}
}

// testTokenLogin: a token in the cookie is good as long as it is good itself, and
// logging out takes the cookie alone away.
func testTokenLogin(t *testing.T, w *world) {
	header := w.token(t, w.alice, auth.Read)
	token := strings.TrimPrefix(header.Get("Authorization"), "Bearer ")
	in := w.do(t, nil, "POST /v1/session", fmt.Sprintf(`{"token":" %s\n"}`, token)).want(t, http.StatusCreated)
	cookies := (&http.Response{Header: in.header}).Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || cookies[0].MaxAge <= 0 {
		t.Fatalf("got cookies %v, want one that scripts and other sites cannot use", cookies)
	}
	if strings.Contains(in.body, token) {
		t.Errorf("got the token in the body: %s", in.body)
	}
	session := http.Header{"Cookie": {cookies[0].Name + "=" + cookies[0].Value}}
	w.do(t, session, "GET /v1/matches", "").want(t, http.StatusOK)
	w.do(t, session, "POST /v1/rules", `{"value":"cat"}`).wantFailure(t, http.StatusForbidden, "forbidden")
	out := w.do(t, session, "DELETE /v1/session", "").want(t, http.StatusOK)
	if cookies := (&http.Response{Header: out.header}).Cookies(); len(cookies) != 1 || cookies[0].MaxAge >= 0 {
		t.Errorf("got cookies %v, want the session taken away", cookies)
	}
	w.do(t, header, "GET /v1/me", "").want(t, http.StatusOK)

	id := into[struct {
		Token struct{ ID string }
	}](t, in.Data).Token.ID
	w.do(t, w.token(t, w.alice, auth.Write), "DELETE /v1/tokens/"+id, "").want(t, http.StatusOK)
	w.do(t, session, "GET /v1/me", "").wantFailure(t, http.StatusUnauthorized, "unauthorized")

	feed := strings.TrimPrefix(w.token(t, w.alice, auth.Feed).Get("Authorization"), "Bearer ")
	w.do(t, nil, "POST /v1/session", fmt.Sprintf(`{"token":%q}`, feed)).wantFailure(t, http.StatusForbidden, "forbidden")
	w.do(t, nil, "POST /v1/session", fmt.Sprintf(`{"token":%q,"code":"rfc_x"}`, feed)).wantFailure(t, http.StatusBadRequest, "bad_field")
	for _, bad := range []string{token, "rfl_x", auth.NewToken().Reveal()} {
		w.do(t, nil, "POST /v1/session", fmt.Sprintf(`{"token":%q}`, bad)).wantFailure(t, http.StatusUnauthorized, "unauthorized")
	}
}

// testRevoked revokes behind the api's back, as another process would.
func testRevoked(t *testing.T, w *world) {
	header := w.token(t, w.alice, auth.Read)
	me := into[struct{ Token struct{ ID string } }](t, w.do(t, header, "GET /v1/me", "").want(t, http.StatusOK).Data)
	id, err := strconv.ParseInt(me.Token.ID, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.RevokeToken(t.Context(), w.alice.ID, id); err != nil {
		t.Fatalf("RevokeToken: %v", err)
	}
	w.api.tokens.now = func() time.Time { return time.Now().Add(2 * time.Second) }
	w.do(t, header, "GET /v1/me", "").wantFailure(t, http.StatusUnauthorized, "unauthorized")
}

var _ json.Marshaler = decimal(0)
