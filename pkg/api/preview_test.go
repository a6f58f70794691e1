package api

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

type previewAnswer struct {
	LookedAt  int `json:"looked_at"`
	From, To  *time.Time
	Count     int
	Share     float64
	PerDay    float64 `json:"per_day"`
	Canonical string
	Warnings  []mistake
	Samples   []struct {
		Event struct{ Key, Text string }
		Spans []event.Span
	}
}

// sample stores an event that nobody keeps, as a filter does for preview.
func (w *world) sample(t *testing.T, ev event.Event) {
	t.Helper()
	ev.Version, ev.Network, ev.Source, ev.Author = 1, "test", "test", event.Author{ID: "1"}
	write(t, w.store, event.Verdict{Event: &ev, JSON: ev.AppendJSON(nil), Stored: true})
}

func testPreview(t *testing.T, w *world) {
	reader := w.token(t, w.alice, auth.Read)
	arrived := event.TimeOf(time.Now())
	for i, text := range []string{"a cat", "a dog", "Cat and dog", "a bird"} {
		w.sample(t, event.Event{Key: keys(4)[i], Text: text, CreatedAt: arrived - event.Time(60_000*(4-i)), ReceivedAt: arrived})
	}
	answer := w.do(t, reader, "POST /v1/rules/preview", `{"value":"cat"}`).want(t, http.StatusOK)
	got := into[previewAnswer](t, answer.Data)
	if got.LookedAt != 4 || got.Count != 2 || got.Share != 0.5 || got.Canonical != "cat" || got.From == nil || got.To == nil {
		t.Errorf("got %s, want two of four", answer.Data)
	}
	if len(got.Warnings) != 0 {
		t.Errorf("got warnings %+v, want none: four events are too few to tell", got.Warnings)
	}
	// Written over nine tenths of about 3.3 minutes: two of them.
	if got.PerDay < 800 || got.PerDay > 900 {
		t.Errorf("got %.1f a day, want 864", got.PerDay)
	}
	if len(got.Samples) != 2 || got.Samples[0].Event.Text != "Cat and dog" {
		t.Fatalf("got samples %s, want the newest first", answer.Data)
	}
	if diff := cmp.Diff([]event.Span{{Field: "text", Start: 0, End: 3}}, got.Samples[0].Spans); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	dropping := w.do(t, reader, "POST /v1/rules/preview", `{"value":"cat","action":"drop"}`).want(t, http.StatusOK)
	if got := into[previewAnswer](t, dropping.Data).Count; got != 2 {
		t.Errorf("a drop rule: got %d matches, want 2", got)
	}
	w.do(t, reader, "POST /v1/rules/preview", `{"value":"\"open"}`).wantFailure(t, http.StatusUnprocessableEntity, "invalid_rule")
}

// testPreviewOfAnothers stores what only some accounts saw.
func testPreviewOfAnothers(t *testing.T, w *world) {
	if err := w.store.LinkAccount(t.Context(), w.bob.ID, "test:99"); err != nil {
		t.Fatal(err)
	}
	now := event.TimeOf(time.Now())
	w.sample(t, event.Event{Key: "test:1", Text: "a public cat", ReceivedAt: now})
	private := event.Event{Key: "test:2", Version: 1, Network: "test", Source: "test", Text: "bob's cat", ReceivedAt: now, Audience: []string{"test:99"}}
	write(t, w.store, event.Verdict{Event: &private, JSON: private.AppendJSON(nil), Judged: []int64{w.bob.ID},
		Matches: []event.Match{{User: w.bob.ID, Rules: []event.RuleMatch{{ID: "1", Spans: []event.Span{}}}}}})
	for user, want := range map[*auth.User]int{&w.alice: 1, &w.bob: 2} {
		answer := w.do(t, w.token(t, *user, auth.Read), "POST /v1/rules/preview", `{"value":"cat"}`).want(t, http.StatusOK)
		if got := into[previewAnswer](t, answer.Data); got.Count != want || got.LookedAt != want || len(got.Samples) != want {
			t.Errorf("%s: got %s, want %d", user.Name, answer.Data, want)
		}
	}
}

func TestPreviewOfNothing(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	answer := w.do(t, w.token(t, w.alice, auth.Read), "POST /v1/rules/preview", `{"value":"cat"}`).want(t, http.StatusOK)
	got := into[previewAnswer](t, answer.Data)
	want := previewAnswer{Canonical: "cat", Warnings: []mistake{}, Samples: got.Samples}
	if diff := cmp.Diff(want, got); diff != "" || got.Samples == nil {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPreviewIsBounded(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	now := event.TimeOf(time.Now())
	fill := func(n int, text string, at event.Time) {
		for range n {
			ev := event.Event{Key: fmt.Sprintf("test:%d", len(m.events)), Version: 1, Network: "test", Source: "test", Text: text, CreatedAt: at, ReceivedAt: at}
			m.events = append(m.events, ev.AppendJSON(nil))
		}
	}
	look := func() previewAnswer {
		answer := w.do(t, w.token(t, w.alice, auth.Read), "POST /v1/rules/preview", `{"value":"cat"}`).want(t, http.StatusOK)
		return into[previewAnswer](t, answer.Data)
	}
	fill(100, "an old cat", now-event.Time(2*previewSpan.Milliseconds()))
	fill(broadEvents-20, "a dog", now)
	fill(20, "a cat", now)
	got := look()
	if got.LookedAt != broadEvents || got.Count != 20 {
		t.Errorf("got %d of %d, want those of the last hour: 20 of %d", got.Count, got.LookedAt, broadEvents)
	}
	if len(got.Samples) != previewSamples {
		t.Errorf("got %d samples, want %d", len(got.Samples), previewSamples)
	}
	if len(got.Warnings) != 1 || got.Warnings[0].Code != "broad" {
		t.Errorf("got warnings %+v, want broad", got.Warnings)
	}
	for _, call := range []string{"POST /v1/rules", "POST /v1/rules/validate"} {
		answer := w.do(t, w.token(t, w.alice, auth.Write), call, `{"value":"cat"}`)
		if got := into[struct{ Warnings []mistake }](t, answer.Data).Warnings; len(got) != 1 || got[0].Code != "broad" {
			t.Errorf("%s: got %s, want a warning: broad", call, answer.body)
		}
	}
	fill(previewEvents, "a dog", now)
	if got := look(); got.LookedAt > previewEvents || got.Count != 0 || len(got.Warnings) != 0 {
		t.Errorf("got %d of %d with %v, want none of at most %d", got.Count, got.LookedAt, got.Warnings, previewEvents)
	}
}

// slowPages is a store that takes as long for its second page as a preview may
// take, as a rule that is slow to judge would.
type slowPages struct{ body []byte }

func (s slowPages) NewestEvents(_ context.Context, before int64, limit int) ([]event.Stored, int64, error) {
	if before > 0 {
		time.Sleep(previewTime)
	}
	return slices.Repeat([]event.Stored{{Body: s.body}}, limit), before + 1, nil
}

// TestPreviewLooksAtTheClock after each event, not after each page.
func TestPreviewLooksAtTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ev := event.Event{Key: "test:1", Version: 1, Network: "test", Source: "test", Text: "a cat", ReceivedAt: 1}
		p, err := newPreview(new(auth.User), "cat")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.run(t.Context(), slowPages{ev.AppendJSON(nil)}); err != nil {
			t.Fatal(err)
		}
		if want := previewPage + 1; p.looked != want {
			t.Errorf("looked at %d events, want %d: a page, and one of the next", p.looked, want)
		}
	})
}

// TestBroadLooksAtPublicEvents stores what only one account saw: another's rule
// must not tell how often a word stands there.
func TestBroadLooksAtPublicEvents(t *testing.T) {
	t.Parallel()
	w, m := memoryWorld(t)
	for i := range broadEvents + 10 {
		ev := event.Event{Key: fmt.Sprintf("test:%d", i), Version: 1, Network: "test", Source: "test", Text: "a cat", Audience: []string{"test:99"}}
		m.events = append(m.events, ev.AppendJSON(nil))
	}
	answer := w.do(t, w.token(t, w.alice, auth.Write), "POST /v1/rules/validate", `{"value":"cat"}`).want(t, http.StatusOK)
	if got := into[struct{ Warnings []mistake }](t, answer.Data).Warnings; len(got) != 0 {
		t.Errorf("got %+v, want nothing told of what others saw", got)
	}
}

func TestPerDay(t *testing.T) {
	t.Parallel()
	const minute = event.Time(60_000)
	p := &preview{looked: 1000, count: 10, newest: 100 * minute, oldest: 90 * minute}
	for i := range 1000 {
		p.written = append(p.written, event.Time(i)*minute/100)
		p.estimate.add(fmt.Sprint("test:", i), true, i%100 == 0)
	}
	p.written[0], p.written[999] = 0, 1e15 // somebody's clock is wrong
	if got := p.form().PerDay; got < 1400 || got > 1480 {
		t.Errorf("got %.1f a day of ten in ten minutes, want about 1440", got)
	}
}

// TestEstimateOfThinnedEvents has kept events, and of others what a sampler
// leaves whose share is a tenth and then a fortieth.
func TestEstimateOfThinnedEvents(t *testing.T) {
	t.Parallel()
	const arrived = 60_000
	for _, value := range []string{"cat", "dog", "cat OR dog"} {
		look, err := newPreview(&auth.User{ID: 1}, value)
		if err != nil {
			t.Fatal(err)
		}
		truth, naive := 0, 0
		for i := range arrived {
			ev := event.Event{Key: fmt.Sprint("test:", i), Version: 1, Network: "test", Source: "test", Text: "a bird"}
			ev.CreatedAt = event.Time(1_700_000_000_000 + 10*i) // 100 a second
			kept, share := i%30 == 0, 0.1
			if i > arrived/2 {
				share = 0.025
			}
			switch {
			case kept:
				ev.Text = "a cat"
			case i%50 == 1:
				ev.Text = "a dog"
			}
			hit := kept && value != "dog" || ev.Text == "a dog" && value != "cat"
			if hit {
				truth++
			}
			if !kept && float64(event.SamplePlace(ev.Key)) > share*math.MaxUint64 {
				continue
			}
			if hit {
				naive++
			}
			ev.ReceivedAt = ev.CreatedAt
			look.look(event.Stored{Body: ev.AppendJSON(nil), Sampled: !kept})
		}
		got := look.form()
		if want := float64(truth) / arrived; got.Share < 0.9*want || got.Share > 1.1*want {
			t.Errorf("%s: got a share of %.4f, want about %.4f; of those stored it is %.4f",
				value, got.Share, want, float64(naive)/float64(got.LookedAt))
		}
		if want := float64(truth) * 144; got.PerDay < 0.85*want || got.PerDay > 1.15*want {
			t.Errorf("%s: got %.0f a day, want about %.0f", value, got.PerDay, want)
		}
	}
}

// thinnedStore gives what a store has that keeps a share of what nobody's rules keep.
type thinnedStore struct {
	*memory
	stored []event.Stored
}

func (s *thinnedStore) NewestEvents(context.Context, int64, int) ([]event.Stored, int64, error) {
	return s.stored, 0, nil
}

// TestBroadOfThinnedEvents: cats are a fifth of what is stored, since somebody
// keeps them, and few among all posts; dogs are not few.
func TestBroadOfThinnedEvents(t *testing.T) {
	t.Parallel()
	store := &thinnedStore{memory: newMemory(time.Now)}
	w := newWorld(t, store, overTCP)
	now := event.TimeOf(time.Now())
	for i := range 200_000 {
		ev := event.Event{Key: fmt.Sprint("test:", i), Version: 1, Network: "test", Source: "test", Text: "a bird", CreatedAt: now, ReceivedAt: now}
		kept := i%200 == 0 // half of one in a hundred
		switch {
		case kept:
			ev.Text = "a cat"
		case i%50 == 1: // two in a hundred
			ev.Text = "a dog"
		}
		if kept || float64(event.SamplePlace(ev.Key)) < 0.02*math.MaxUint64 {
			store.stored = append(store.stored, event.Stored{Body: ev.AppendJSON(nil), Sampled: !kept})
		}
	}
	for value, want := range map[string]bool{"cat": false, "dog": true} {
		answer := w.do(t, w.token(t, w.alice, auth.Write), "POST /v1/rules/validate", `{"value":"`+value+`"}`).want(t, http.StatusOK)
		got := into[struct{ Warnings []mistake }](t, answer.Data).Warnings
		if told := len(got) == 1 && got[0].Code == "broad"; told != want {
			t.Errorf("%s among %d stored events: got %s, want broad: %t", value, len(store.stored), answer.Data, want)
		}
	}
}
