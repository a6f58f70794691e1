package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"riffle/pkg/auth"
	"riffle/pkg/event"
)

// TestTurns: one user's previews wait for each other, and hold up nobody else's.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		var askers sync.WaitGroup
		take := func(ctx context.Context, user int64, took, wait time.Duration, want error) {
			askers.Go(func() {
				began := time.Now()
				done, err := turns.take(ctx, user)
				if waited := time.Since(began); waited != wait || (err == nil) != (want == nil) {
					t.Errorf("user %d: got %v after %v, want %v after %v", user, err, waited, want, wait)
				}
				var known *requestError
				if errors.As(err, &known) && (known.kind != rateLimited || known.header["Retry-After"] != "1") {
					t.Errorf("user %d: got %v, want to be told to try again", user, err)
				}
				if err == nil {
					time.Sleep(took)
					done()
				}
			})
			synctest.Wait() // each in its turn
		}
		late := errors.New("late")
		take(t.Context(), 1, 3*time.Second/2, 0, nil)
		take(t.Context(), 1, 3*time.Second/2, 3*time.Second/2, nil)
		for range 100 {
			take(t.Context(), 1, time.Second, previewWait, late)
		}
		take(t.Context(), 2, 3*time.Second, 0, nil)   // however many of the first wait
		take(t.Context(), 3, 0, 3*time.Second/2, nil) // before the second of the first
		ctx, leave := context.WithCancel(t.Context())
		take(ctx, 2, 0, time.Second/2, context.Canceled)
		time.AfterFunc(time.Second/2, leave)
		askers.Wait()
		for range previews {
			turns.all <- struct{}{}
		}
		take(t.Context(), 4, 0, previewWait, late) // no place for anybody
		time.Sleep(time.Second)
		take(t.Context(), 4, 0, 3*time.Second/2, nil) // after the one who gave up
		time.Sleep(3 * time.Second / 2)
		for range previews {
			<-turns.all
		}
		askers.Wait()
		if len(turns.users) != 0 || len(turns.all) != 0 {
			t.Errorf("got %d users and %d places kept after all, want none", len(turns.users), len(turns.all))
		}
	})
}

// stalled gives no events until its asker leaves.
type stalled struct{ *memory }

func (s *stalled) NewestEvents(ctx context.Context, _ int64, _ int) ([]event.Stored, int64, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

// TestPreviewOfOneWhoLeft: a draft that is given up makes room for the next.
func TestPreviewOfOneWhoLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, &stalled{newMemory(time.Now)}, inMemory)
		reader := w.token(t, w.alice, auth.Read)
		ctx, leave := context.WithCancel(t.Context())
		var typing sync.WaitGroup
		typing.Go(func() {
			done, err := w.api.previews.take(ctx, w.alice.ID)
			if err != nil {
				t.Errorf("got %v, want a turn", err)
				return
			}
			<-ctx.Done()
			done()
		})
		synctest.Wait()
		answer := w.do(t, reader, "POST /v1/rules/preview", `{"value":"cat"}`).wantFailure(t, http.StatusTooManyRequests, "rate_limited")
		if got := answer.header.Get("Retry-After"); got != "1" {
			t.Errorf("got Retry-After %q, want 1", got)
		}
		leave()
		typing.Wait()
		began := time.Now()
		w.do(t, reader, "POST /v1/rules/preview", `{"value":"cat"}`).want(t, http.StatusServiceUnavailable)
		if took := time.Since(began); took != storeTimeout {
			t.Errorf("got an answer after %v, want the store asked at once, and given up after %v", took, storeTimeout)
		}
	})
}
