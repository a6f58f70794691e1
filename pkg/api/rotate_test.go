package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"riffle/pkg/auth"
)

// testRotate gives a token's work to another, step by step.
func testRotate(t *testing.T, w *world) {
	owner := w.token(t, w.alice, auth.Read|auth.Write)
	add := func(body string) (tokenAnswer, http.Header) {
		made := into[tokenAnswer](t, w.do(t, owner, "POST /v1/tokens", body).want(t, http.StatusCreated).Data)
		return made, http.Header{"Authorization": {"Bearer " + made.Token}}
	}
	end := time.Now().Add(100 * time.Hour).UTC().Truncate(time.Second)
	old, oldHeader := add(fmt.Sprintf(`{"scopes":["read"],"expires_at":%q}`, end.Format(time.RFC3339)))
	answer := w.do(t, owner, "POST /v1/tokens/"+old.ID+"/rotate", `{"overlap":"1h"}`).want(t, http.StatusCreated)
	got := into[tokenAnswer](t, answer.Data)
	if _, err := auth.ParseToken(got.Token); err != nil || got.ID == old.ID || !slices.Equal(got.Scopes, []string{"read"}) ||
		got.ExpiresAt == nil || !got.ExpiresAt.Equal(end) || answer.header.Get("Location") != "/v1/tokens/"+got.ID {
		t.Errorf("got %s, want a token of the same scopes and end", answer.Data)
	}
	newHeader := http.Header{"Authorization": {"Bearer " + got.Token}}
	for _, header := range []http.Header{oldHeader, newHeader} {
		w.do(t, header, "GET /v1/me", "").want(t, http.StatusOK)
	}
	w.do(t, owner, "POST /v1/tokens/"+old.ID+"/rotate", "").wantFailure(t, http.StatusConflict, "rotated")
	w.api.now = func() time.Time { return time.Now().Add(time.Hour + time.Second) }
	w.api.tokens.now = w.api.now
	w.do(t, oldHeader, "GET /v1/me", "").wantFailure(t, http.StatusUnauthorized, "unauthorized")
	w.do(t, newHeader, "GET /v1/me", "").want(t, http.StatusOK)
	w.do(t, owner, "POST /v1/tokens/"+old.ID+"/rotate", "").wantFailure(t, http.StatusNotFound, "not_found")
	w.api.now, w.api.tokens.now = time.Now, time.Now

	// Its own end, where that is sooner, and at once.
	soon, soonHeader := add(fmt.Sprintf(`{"expires_at":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))
	w.do(t, soonHeader, "POST /v1/tokens/"+soon.ID+"/rotate", "").want(t, http.StatusCreated)
	list := into[[]tokenAnswer](t, w.do(t, owner, "GET /v1/tokens", "").want(t, http.StatusOK).Data)
	at := slices.IndexFunc(list, func(t tokenAnswer) bool { return t.ID == soon.ID })
	if at < 0 || list[at].ExpiresAt == nil || !list[at].ExpiresAt.Equal(*soon.ExpiresAt) {
		t.Errorf("got %+v, want the old token to end when it was to", list)
	}
	later := end.Add(1000 * time.Hour)
	renewed := into[tokenAnswer](t, w.do(t, owner, "POST /v1/tokens/"+got.ID+"/rotate",
		fmt.Sprintf(`{"overlap":"2d","expires_at":%q}`, later.Format(time.RFC3339))).want(t, http.StatusCreated).Data)
	if renewed.ExpiresAt == nil || !renewed.ExpiresAt.Equal(later) {
		t.Errorf("got end %v, want the one asked for, %v", renewed.ExpiresAt, later)
	}
	gone, goneHeader := add(`{}`)
	w.do(t, owner, "POST /v1/tokens/"+gone.ID+"/rotate", `{"overlap":"0s"}`).want(t, http.StatusCreated)
	w.do(t, goneHeader, "GET /v1/me", "").wantFailure(t, http.StatusUnauthorized, "unauthorized")
	refuseRotation(t, w, owner)
}

// refuseRotation: nobody gets more by it than they have.
func refuseRotation(t *testing.T, w *world, owner http.Header) {
	t.Helper()
	admin := w.token(t, w.alice, auth.Admin)
	id := into[struct{ Token struct{ ID string } }](t, w.do(t, admin, "GET /v1/me", "").Data).Token.ID
	w.do(t, owner, "POST /v1/tokens/"+id+"/rotate", "").wantFailure(t, http.StatusForbidden, "forbidden")
	w.do(t, w.token(t, w.bob, auth.Read|auth.Write|auth.Admin), "POST /v1/tokens/"+id+"/rotate", "").wantFailure(t, http.StatusNotFound, "not_found")
	in := w.do(t, nil, "POST /v1/session", w.login(t, w.alice, auth.DefaultScopes, time.Now().Add(time.Minute))).want(t, http.StatusCreated)
	session := into[struct{ Token struct{ ID string } }](t, in.Data).Token.ID
	w.do(t, owner, "POST /v1/tokens/"+session+"/rotate", "").wantFailure(t, http.StatusForbidden, "forbidden")
	for _, body := range []string{`{"overlap":"1 day"}`, `{"overlap":"-1h"}`, `{"overlap":"721h"}`, `{"overlap":"31d"}`, `{"expires_at":"2001-01-01T00:00:00Z"}`, `{"overlap":5}`, `{"end":"1h"}`} {
		answer := w.do(t, owner, "POST /v1/tokens/"+session+"/rotate", body).wantFailure(t, http.StatusBadRequest, "bad_field")
		if !strings.HasPrefix(answer.Error.Errors[0].Pointer, "/") {
			t.Errorf("%s: got %s, want the field named", body, answer.body)
		}
	}
}
