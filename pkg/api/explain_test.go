package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/auth"
	"riffle/pkg/event"
	"riffle/pkg/rule"
)

type explainAnswer struct {
	Matches   bool
	Canonical string
	Spans     []event.Span
	Missing   []rule.Missing
}

func testExplain(t *testing.T, w *world) {
	keep(t, w.store, w.alice.ID, "test:1", "the cat sleeps", "a", 1)
	alice, bob := w.token(t, w.alice, auth.Read), w.token(t, w.bob, auth.Read)
	id := into[[]matchForm](t, w.do(t, alice, "GET /v1/matches", "").Data)[0].ID
	explain := func(value string) explainAnswer {
		t.Helper()
		body := fmt.Sprintf(`{"value":%q,"match":%q}`, value, id)
		return into[explainAnswer](t, w.do(t, alice, "POST /v1/rules/explain", body).want(t, http.StatusOK).Data)
	}
	why := explain("CAT -dog")
	want := explainAnswer{Matches: true, Canonical: why.Canonical, Spans: []event.Span{{Field: "text", Start: 4, End: 7}}, Missing: []rule.Missing{}}
	if diff := cmp.Diff(want, why); diff != "" {
		t.Errorf("why (-want +got):\n%s", diff)
	}
	whyNot := explain("cat dog -sleeps")
	want = explainAnswer{Canonical: whyNot.Canonical, Spans: []event.Span{}, Missing: []rule.Missing{
		{Offset: 4, Length: 3, Term: "dog"}, {Offset: 9, Length: 6, Term: "sleeps", Excluded: true},
	}}
	if diff := cmp.Diff(want, whyNot); diff != "" {
		t.Errorf("why not (-want +got):\n%s", diff)
	}
	w.do(t, alice, "POST /v1/rules/explain", fmt.Sprintf(`{"value":"cat","match":%q,"event":null}`, id)).want(t, http.StatusOK)
	both := w.do(t, alice, "POST /v1/rules/explain", fmt.Sprintf(`{"value":"cat","match":%q,"event":{}}`, id)).wantFailure(t, http.StatusBadRequest, "bad_field")
	if !strings.Contains(both.Error.Detail, "one of the two") {
		t.Errorf("got %q of a match beside an event, want it said that one is meant", both.Error.Detail)
	}
	w.do(t, alice, "POST /v1/rules/explain", fmt.Sprintf(`{"value":"-cat","match":%q}`, id)).wantFailure(t, http.StatusUnprocessableEntity, "invalid_rule")
	w.do(t, bob, "POST /v1/rules/explain", fmt.Sprintf(`{"value":"cat","match":%q}`, id)).wantFailure(t, http.StatusNotFound, "not_found")
}

func TestExplainGivenEvent(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	reader := w.token(t, w.alice, auth.Read)
	for body, want := range map[string]bool{
		`{"value":"cat","event":{"text":"a cat"}}`:                                  true,
		`{"value":"cat","event":{"text":"a cat"},"match":null}`:                     true,
		`{"value":"cat is:reply","event":{"text":"a cat"}}`:                         false,
		`{"value":"cat is:reply","event":{"text":"a cat","kind":"reply"}}`:          true,
		`{"value":"#go","event":{"text":"x","hashtags":["Go"]}}`:                    true,
		`{"value":"cat","event":{"deleted":true,"key":"test:1","text":"a cat"}}`:    false,
		`{"value":"from:ann","event":{"author":{"id":"1","handle":"ann"}}}`:         true,
		`{"value":"lang:de cat","event":{"text":"cat","langs":["de-AT"],"new":[]}}`: true,
	} {
		answer := w.do(t, reader, "POST /v1/rules/explain", body).want(t, http.StatusOK)
		if got := into[explainAnswer](t, answer.Data); got.Matches != want {
			t.Errorf("%s: got %s, want matches %v", body, answer.Data, want)
		}
	}
	for body, pointer := range map[string]string{
		`{"value":"cat"}`:                           "/match",
		`{"value":"cat","event":null}`:              "/match",
		`{"value":"cat","event":{},"match":"a"}`:    "/match",
		`{"value":"cat","event":[]}`:                "/event",
		`{"value":"cat","event":{"text":1}}`:        "/event",
		`{"value":"cat","event":{"kind":"essay"}}`:  "/event",
		`{"value":"cat","event":{"version":"one"}}`: "/event",
		`{"value":"cat","event":"test:1"}`:          "/event",
	} {
		answer := w.do(t, reader, "POST /v1/rules/explain", body).wantFailure(t, http.StatusBadRequest, "bad_field")
		if got := answer.Error.Errors[0].Pointer; got != pointer {
			t.Errorf("%s: got pointer %q, want %q", body, got, pointer)
		}
	}
	w.do(t, reader, "POST /v1/rules/explain", `{"value":"\"","event":{}}`).wantFailure(t, http.StatusUnprocessableEntity, "invalid_rule")
}
