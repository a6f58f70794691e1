package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

// loot is what is Alice's, and how far Bob gets to see of it: what names it he
// has, as if he had looked over her shoulder; her secrets he has not.
type loot struct {
	match, rule, token, user string
	// before is a cursor older than her matches, and than Bob's own one.
	before, newest string
	session        http.Header // of hers
	bobsFeed       string
}

// The tag and the rule are the same for both, so that a filter by them passes
// what is Bob's, which ends his streams and waits.
const (
	sharedTag, sharedRule = "shared", "7"
	hersPrivate           = "secret of alice"
	hersRule              = "sphinx quartz"
	commonRule            = "cat"
	hersAccount           = "test:alices-account"
)

// attempt is one way to reach what is another's by one call: name stands for the
// part of the path that is in braces. Without a status, 200 is wanted. One that
// names nothing of hers says why there is nothing to name; what comes is looked
// at all the same.
type attempt struct {
	name, query, body string
	header            http.Header
	want              int
	why               string
}

const (
	takesNothing = "it takes nothing that could name what is another's"
	adminsAlone  = "it is for admins, and Bob is none"
	ofNoUser     = "what it tells and does is of no user"
	sameForBoth  = "it takes a text, which both may have"
)

// names reports whether an attempt names something of hers.
func (l *loot) names(a attempt) bool {
	hers := []string{l.match, l.rule, l.token, l.user, l.before, l.newest, hersRule}
	said := strings.FieldsFunc(a.name+"&"+a.query+"&"+a.body+"&"+a.header.Get("Last-Event-ID"), func(r rune) bool { return strings.ContainsRune(`&=,:{}"`, r) })
	return a.header["Cookie"] != nil || slices.ContainsFunc(said, func(one string) bool { return slices.Contains(hers, one) })
}

// attempts are Bob's, by call as the document names it. He may read and write.
func (l *loot) attempts() map[string][]attempt {
	match := url.QueryEscape(l.match)
	feed := []attempt{
		{name: l.bobsFeed, why: takesNothing}, {name: l.bobsFeed, query: "tag=" + sharedTag, why: sameForBoth}, {name: l.bobsFeed, query: "before=" + l.newest},
		{name: l.token, want: http.StatusUnauthorized}, {name: l.user, want: http.StatusUnauthorized},
	}
	ofRule := []attempt{{name: l.rule, want: http.StatusNotFound}}
	admin := []attempt{{want: http.StatusForbidden, why: adminsAlone}}
	open := []attempt{{why: ofNoUser}}
	adminNamed := []attempt{{name: l.user, want: http.StatusForbidden}}
	explain := `{"value":"secret","match":%q}`
	return map[string][]attempt{
		"GET /v1/matches": {
			{why: takesNothing}, {query: "id=" + match}, {query: "id=AAAA," + match + "&limit=200"}, {query: "rule=" + l.rule}, {query: "rule=" + sharedRule, why: sameForBoth},
			{query: "tag=" + sharedTag, why: sameForBoth}, {query: "before=" + l.newest}, {query: "after=" + l.before}, {query: "wait=25s&after=" + l.before},
		},
		"GET /v1/matches/{id}": {{name: l.match, want: http.StatusNotFound}},
		"GET /v1/stream": {
			{query: "after=" + l.before}, {query: "tag=" + sharedTag + "&after=" + l.before}, {query: "rule=" + sharedRule + "&after=" + l.before},
			{header: http.Header{"Last-Event-Id": {l.before}}},
		},
		"GET /v1/feeds/{token}/atom": feed,
		"GET /v1/feeds/{token}/json": feed,
		"GET /v1/rules":              {{why: takesNothing}},
		// She has it too, and he does not learn so.
		"POST /v1/rules":              {{body: `{"value":"` + commonRule + `"}`, want: http.StatusCreated, why: sameForBoth}},
		"GET /v1/rules/counts":        {{why: takesNothing}},
		"GET /v1/rules/{id}":          ofRule,
		"PUT /v1/rules/{id}":          {{name: l.rule, body: `{"value":"dog"}`, want: http.StatusNotFound}},
		"DELETE /v1/rules/{id}":       ofRule,
		"POST /v1/rules/validate":     {{body: `{"value":"` + hersRule + `"}`}, {body: `{"value":"` + commonRule + `","id":"` + l.rule + `"}`}},
		"POST /v1/rules/preview":      {{body: `{"value":"secret"}`, why: sameForBoth}, {body: `{"value":"secret","action":"drop"}`, why: sameForBoth}},
		"POST /v1/rules/explain":      {{body: fmt.Sprintf(explain, l.match), want: http.StatusNotFound}},
		"GET /v1/me":                  {{why: takesNothing}},
		"GET /v1/tokens":              {{why: takesNothing}},
		"POST /v1/tokens":             {{body: `{"scopes":["read"],"user":"` + l.user + `"}`, want: http.StatusBadRequest}},
		"DELETE /v1/tokens/{id}":      {{name: l.token, want: http.StatusNotFound}},
		"POST /v1/tokens/{id}/rotate": {{name: l.token, want: http.StatusNotFound}},
		"POST /v1/session":            {{body: `{"token":"` + l.token + `"}`, want: http.StatusUnauthorized}},
		// Her cookie beside his token: it is his call, and he has no session.
		"DELETE /v1/session":               {{header: l.session, want: http.StatusBadRequest}},
		"GET /v1/users":                    admin,
		"POST /v1/users":                   {{body: `{"name":"carol"}`, want: http.StatusForbidden, why: adminsAlone}},
		"GET /v1/users/{id}":               adminNamed,
		"DELETE /v1/users/{id}":            adminNamed,
		"GET /v1/dead-letters":             {{query: "limit=200&before=999", want: http.StatusForbidden, why: adminsAlone}},
		"GET /v1/dead-letters/{id}":        adminNamed,
		"DELETE /v1/dead-letters/{id}":     adminNamed,
		"POST /v1/dead-letters/{id}/retry": adminNamed,
		"GET /v1/status":                   admin,
		"POST /v1/stages/{stage}/pause":    {{name: "filter", want: http.StatusForbidden, why: adminsAlone}},
		"POST /v1/stages/{stage}/resume":   {{name: "filter", want: http.StatusForbidden, why: adminsAlone}},
		"GET /livez":                       open,
		"GET /readyz":                      open,
		"GET /openapi.json":                open,
		"GET /":                            open,
		"GET /{file}":                      {{name: l.rule, want: http.StatusNotFound}},
	}
}

// testCrossUser tries as Bob to reach what is Alice's: by every call that the
// served document has, and every parameter of it.
func testCrossUser(t *testing.T, w *world) {
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.api.Run(ctx) }() // which wakes streams
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	l, secrets := w.furnish(t)
	attempts := l.attempts()
	doc := into[document](t, []byte(w.do(t, nil, "GET /openapi.json", "").want(t, http.StatusOK).body))
	untouched := w.belongings(t, l)
	for path, operations := range doc.Paths {
		for method, o := range operations {
			if method == "parameters" || method == "summary" {
				continue
			}
			call := strings.ToUpper(method) + " " + path
			tries := attempts[call]
			delete(attempts, call)
			if len(tries) == 0 {
				t.Errorf("%s: nobody tries to reach another's by it", call)
			}
			for _, a := range tries {
				if l.names(a) == (a.why != "") {
					t.Errorf("%s: %+v must name something of another's, or say why there is nothing", call, a)
				}
			}
			for _, p := range o.Parameters {
				if p.In == "query" && !slices.ContainsFunc(tries, func(a attempt) bool { return strings.Contains("&"+a.query, "&"+p.Name+"=") }) {
					t.Errorf("%s: nobody tries to reach another's by its %s", call, p.Name)
				}
			}
			for _, a := range tries {
				w.try(t, call, a, secrets)
			}
			if now := w.belongings(t, l); now != untouched {
				t.Errorf("%s: changed what is another's from\n%s to\n%s", call, untouched, now)
			}
		}
	}
	for call := range attempts {
		t.Errorf("%s is tried and not documented", call)
	}
}

// furnish gives Alice things, and lists what Bob may not see of them.
func (w *world) furnish(t *testing.T) (l *loot, secrets []string) {
	t.Helper()
	if err := w.store.LinkAccount(t.Context(), w.alice.ID, hersAccount); err != nil {
		t.Fatal(err)
	}
	alice := w.token(t, w.alice, auth.Read|auth.Write)
	before := into[pageSummary](t, w.do(t, alice, "GET /v1/matches", "").want(t, http.StatusOK).Summary).Next
	w.keepPrivate(t, "test:hers")
	keep(t, w.store, w.bob.ID, "test:his", "of bob", sharedTag, 1)
	page := w.do(t, alice, "GET /v1/matches", "").want(t, http.StatusOK)
	rule := into[ruleAnswer](t, w.do(t, alice, "POST /v1/rules", `{"value":"`+hersRule+`"}`).want(t, http.StatusCreated).Data)
	w.do(t, alice, "POST /v1/rules", `{"value":"`+commonRule+`"}`).want(t, http.StatusCreated)
	token := into[tokenAnswer](t, w.do(t, alice, "POST /v1/tokens", `{"scopes":["read"]}`).want(t, http.StatusCreated).Data)
	in := w.do(t, nil, "POST /v1/session", w.login(t, w.alice, auth.Read, time.Now().Add(time.Hour))).want(t, http.StatusCreated)
	cookie := (&http.Response{Header: in.header}).Cookies()[0]
	l = &loot{
		match: into[[]matchForm](t, page.Data)[0].ID, rule: rule.ID, token: token.ID, user: fmt.Sprint(w.alice.ID),
		before: before, newest: into[pageSummary](t, page.Summary).Next,
		session:  http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}},
		bobsFeed: strings.TrimPrefix(w.token(t, w.bob, auth.Feed).Get("Authorization"), "Bearer "),
	}
	return l, []string{hersPrivate, hersRule, hersAccount, w.alice.Name, l.match, token.Token, token.Hint, cookie.Value}
}

// keepPrivate writes a match of Alice's, of what her account alone saw.
func (w *world) keepPrivate(t *testing.T, key string) {
	t.Helper()
	ev := event.Event{Key: key, Version: 1, Network: "test", Source: "test", Text: hersPrivate, Audience: []string{hersAccount},
		Author: event.Author{ID: "1"}, ReceivedAt: event.TimeOf(time.Now())}
	write(t, w.store, event.Verdict{Event: &ev, JSON: ev.AppendJSON(nil), Judged: []int64{w.alice.ID}, Matches: []event.Match{{User: w.alice.ID,
		Rules: []event.RuleMatch{{ID: sharedRule, Tag: sharedTag, Spans: []event.Span{}}}}}})
}

// belongings is what is Alice's, as she sees it.
func (w *world) belongings(t *testing.T, l *loot) string {
	t.Helper()
	ids := ""
	for _, token := range into[[]tokenAnswer](t, w.do(t, l.session, "GET /v1/tokens", "").want(t, http.StatusOK).Data) {
		ids += " " + token.ID
	}
	return string(w.do(t, l.session, "GET /v1/rules", "").want(t, http.StatusOK).Data) +
		string(w.do(t, l.session, "GET /v1/matches/"+l.match, "").want(t, http.StatusOK).Data) + ids
}

// try makes an attempt as Bob, and once more as an admin where that only reads.
func (w *world) try(t *testing.T, call string, a attempt, secrets []string) {
	t.Helper()
	method, path, _ := strings.Cut(call, " ")
	if open := strings.Index(path, "{"); open >= 0 {
		path = path[:open] + url.PathEscape(a.name) + path[strings.Index(path, "}")+1:]
	}
	if a.query != "" {
		path += "?" + a.query
	}
	target := method + " " + path
	as := func(scopes auth.Scopes) http.Header {
		header := w.token(t, w.bob, scopes)
		for name, values := range a.header {
			header[name] = values
		}
		return header
	}
	check := func(answer string, secrets []string) {
		for _, secret := range secrets {
			// What he sent himself may come back to him.
			if strings.Contains(answer, secret) && !strings.Contains(target+a.body, secret) {
				t.Errorf("%s %s: got %q of another's in %s", target, a.body, secret, answer)
			}
		}
	}
	if call == "GET /v1/stream" {
		check(w.overhear(t, as(auth.Read), path, secrets), secrets)
		return
	}
	answer := w.do(t, as(auth.Read|auth.Write), target, a.body)
	if want := max(a.want, http.StatusOK); answer.status != want {
		t.Errorf("%s %s: got %d, want %d: %s", target, a.body, answer.status, want, answer.body)
	}
	check(answer.body, secrets)
	if answer.status == http.StatusForbidden && method == http.MethodGet {
		// An admin sees who there is, and nothing of what they have.
		theirs := slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return s == w.alice.Name || s == hersAccount })
		check(w.do(t, as(auth.Read|auth.Write|auth.Admin), target, a.body).body, theirs)
	}
}

// overhear follows a stream of Bob's, first through what there is and then live,
// until a secret comes, or his own match, which follows Alice's each time.
func (w *world) overhear(t *testing.T, header http.Header, target string, secrets []string) string {
	t.Helper()
	c := w.listen(t, header, target)
	defer c.leave()
	var heard strings.Builder
	told := func(text string) bool { return strings.Contains(heard.String(), text) }
	until := func(mine string) {
		for !told(mine) && !slices.ContainsFunc(secrets, told) {
			e, more := <-c.events
			if !more {
				t.Fatalf("%s: the stream ended before %q", target, mine)
			}
			fmt.Fprintf(&heard, "%s %s %s\n", e.id, e.kind, e.data)
		}
	}
	until("of bob")
	w.keepPrivate(t, "test:hers, live")
	forget(t, w.store, "test:hers, live")
	live := "live " + auth.NewToken().Hint()
	keep(t, w.store, w.bob.ID, "test:"+live, live, sharedTag, 1)
	until(live)
	return heard.String()
}
