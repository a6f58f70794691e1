package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	testDeadLetters(t, w, m)
}

// testDeadLetters looks at dead letters, retries and drops them.
func testDeadLetters(t *testing.T, w *world, m *memory) {
	frame, err := event.Alone(&event.Event{Key: "test:1", Version: event.VersionOnly, Network: "test", Text: "<script>alert(1)</script>"})
	if err != nil {
		t.Fatal(err)
	}
	dead := event.DeadLetter{
		At: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC).UnixMicro(), Source: "test", Frame: frame.ID, Key: "test:1",
		Reason: event.DeadRow, Error: "Incorrect string value", Deliveries: 3, Events: 1, Size: len(frame.Data), Data: frame.Data,
	}
	for id := range int64(4) {
		dead.ID = id + 1
		m.dead = append(m.dead, dead)
	}
	m.dead[3].Data, m.dead[3].Reason = []byte("torn"), event.DeadUnreadable
	admin := w.token(t, w.alice, auth.Admin)
	list := func(target string) (summary deadSummary, ids []string) {
		t.Helper()
		answer := w.do(t, admin, "GET "+target, "").want(t, http.StatusOK)
		for _, d := range into[[]struct{ ID string }](t, answer.Data) {
			ids = append(ids, d.ID)
		}
		return into[deadSummary](t, answer.Summary), ids
	}
	summary, ids := list("/v1/dead-letters?limit=3")
	if want := []string{"4", "3", "2"}; !cmp.Equal(ids, want) || summary.Count != 3 || summary.Prev == nil || *summary.Prev != "2" {
		t.Fatalf("got %v, %+v, want %v and where to go on", ids, summary, want)
	}
	if summary, ids = list("/v1/dead-letters?limit=3&before=2"); !cmp.Equal(ids, []string{"1"}) || summary.Prev != nil {
		t.Errorf("got %v, %+v, want the last one and no more", ids, summary)
	}
	for _, bad := range []string{"limit=0", "before=x", "before=-1", "after=1"} {
		w.do(t, admin, "GET /v1/dead-letters?"+bad, "").wantFailure(t, http.StatusBadRequest, "bad_parameter")
	}

	type whole struct {
		Reason, Key, Unreadable string
		Content                 []struct{ Key, Text string }
	}
	shown := into[whole](t, w.do(t, admin, "GET /v1/dead-letters/1", "").want(t, http.StatusOK).Data)
	if len(shown.Content) != 1 || !strings.Contains(shown.Content[0].Text, "<script>") || shown.Reason != "row_refused" || shown.Unreadable != "" {
		t.Errorf("got %+v, want the letter with its event", shown)
	}
	if torn := into[whole](t, w.do(t, admin, "GET /v1/dead-letters/4", "").want(t, http.StatusOK).Data); torn.Unreadable == "" || len(torn.Content) != 0 {
		t.Errorf("got %+v of a damaged letter, want to be told", torn)
	}

	w.do(t, admin, "POST /v1/dead-letters/1/retry", "").want(t, http.StatusOK)
	w.do(t, admin, "POST /v1/dead-letters/1/retry", "{}").wantFailure(t, http.StatusNotFound, "not_found")
	w.do(t, admin, "POST /v1/dead-letters/4/retry", "").wantFailure(t, http.StatusUnprocessableEntity, "unreadable")
	for refused, want := range map[error]string{event.ErrFenced: "busy", event.ErrFull: "maintenance", errAway: "maintenance"} {
		w.neighbours.err = refused
		status := http.StatusServiceUnavailable
		if want == "busy" {
			status = http.StatusConflict
		}
		w.do(t, admin, "POST /v1/dead-letters/2/retry", "").wantFailure(t, status, want)
	}
	w.neighbours.err = nil
	w.do(t, admin, "DELETE /v1/dead-letters/4", "").want(t, http.StatusOK)
	w.do(t, admin, "DELETE /v1/dead-letters/4", "").wantFailure(t, http.StatusNotFound, "not_found")
	if _, ids := list("/v1/dead-letters"); !cmp.Equal(ids, []string{"3", "2"}) || !cmp.Equal(w.neighbours.retried, []int64{1}) {
		t.Errorf("got %v left and %v put back, want 3 and 2 left, and 1 put back", ids, w.neighbours.retried)
	}
}
