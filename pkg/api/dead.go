package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"riffle/pkg/event"
)

// DeadLetterStore keeps what could not be processed.
type DeadLetterStore interface {
	// DeadLetters lists some, the newest first, without their Data; before is 0
	// or the id of the last one that was seen.
	DeadLetters(ctx context.Context, before int64, limit int) ([]event.DeadLetter, error)
	// DeadLetter gives one, whole. Errors: event.ErrNotFound.
	DeadLetter(ctx context.Context, id int64) (event.DeadLetter, error)
	// DropDeadLetter removes one. Errors: event.ErrNotFound.
	DropDeadLetter(ctx context.Context, id int64) error
}

// Retrier puts dead letters back into the buffer.
type Retrier interface {
	// Retry puts one back; done twice, it makes no difference.
	// Errors: event.ErrFenced while another does so; event.ErrFull; transient ones.
	Retry(ctx context.Context, d *event.DeadLetter) error
}

// noRetrier stands for the one of an api without a buffer.
type noRetrier struct{}

func (noRetrier) Retry(context.Context, *event.DeadLetter) error { return errNoSwitches }

var deadParameters = []string{"limit", "before"}

// deadSummary tells where older ones are: before=prev; null where there are none.
type deadSummary struct {
	Count int     `json:"count"`
	Prev  *string `json:"prev"`
}

// deadForm is a dead letter in JSON.
type deadForm struct {
	ID         decimal          `json:"id"`
	At         stamp            `json:"at"`
	Reason     event.DeadReason `json:"reason"`
	Source     string           `json:"source"`
	Key        string           `json:"key"` // of the event; empty for a frame
	Frame      string           `json:"frame"`
	Error      string           `json:"error"`
	Deliveries int              `json:"deliveries"`
	Events     int              `json:"events"`
	Bytes      int              `json:"bytes"`
}

// wholeDeadForm is one with the events that are in it.
type wholeDeadForm struct {
	deadForm
	Content []json.RawMessage `json:"content"`
	// Unreadable tells why there is no content; such a letter can't be retried.
	Unreadable string `json:"unreadable"`
}

func formOfDead(d *event.DeadLetter) deadForm {
	return deadForm{
		ID: decimal(d.ID), At: stamp(time.UnixMicro(d.At)), Reason: d.Reason, Source: d.Source, Key: d.Key, Frame: d.Frame.String(),
		Error: d.Error, Deliveries: d.Deliveries, Events: d.Events, Bytes: d.Size,
	}
}

// listDead serves GET /v1/dead-letters.
func (a *API) listDead(w http.ResponseWriter, r *http.Request, _ *identity) error {
	limit, before, err := deadQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	letters, err := a.store.DeadLetters(r.Context(), before, limit+1) // one more tells whether there is more
	if err != nil {
		return err
	}
	var summary deadSummary
	if len(letters) > limit {
		letters = letters[:limit]
		prev := strconv.FormatInt(letters[limit-1].ID, 10)
		summary.Prev = &prev
	}
	summary.Count = len(letters)
	forms := make([]deadForm, len(letters))
	for i := range letters {
		forms[i] = formOfDead(&letters[i])
	}
	return writeData(w, http.StatusOK, summary, forms)
}

func deadQuery(raw string) (limit int, before int64, err error) {
	found, err := parseParams(raw, deadParameters...)
	if err != nil {
		return 0, 0, err
	}
	limit = defaultLimit
	if value, given := found["limit"]; given {
		if limit, err = parseLimit(value); err != nil {
			return 0, 0, err
		}
	}
	if value, given := found["before"]; given {
		if before, err = parseID(value); err != nil {
			return 0, 0, wrongParameter("before", "must be the id of a dead letter")
		}
	}
	return limit, before, nil
}

// showDead serves GET /v1/dead-letters/{id}.
func (a *API) showDead(w http.ResponseWriter, r *http.Request, _ *identity) error {
	d, err := a.deadLetter(r)
	if err != nil {
		return err
	}
	form := wholeDeadForm{deadForm: formOfDead(&d), Content: []json.RawMessage{}}
	content, err := event.Content(d.Data)
	if err != nil {
		form.Unreadable = err.Error()
	}
	form.Content = append(form.Content, content...)
	return writeData(w, http.StatusOK, none{}, form)
}

func (a *API) deadLetter(r *http.Request) (event.DeadLetter, error) {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return event.DeadLetter{}, err
	}
	return a.store.DeadLetter(r.Context(), id)
}

// retryDead serves POST /v1/dead-letters/{id}/retry: the letter goes once the
// buffer holds it.
func (a *API) retryDead(w http.ResponseWriter, r *http.Request, _ *identity) error {
	if err := readOptional(w, r, fields{}); err != nil {
		return err
	}
	d, err := a.deadLetter(r)
	if err != nil {
		return err
	}
	switch err := a.retrier.Retry(r.Context(), &d); {
	case errors.Is(err, event.ErrFenced):
		return busy.because("Another retry is at work, or was ended less than 15 s ago; try again.")
	case errors.Is(err, event.ErrFull):
		return maintenance.because("The buffer is full; try again when the filters have drained it.").telling("Retry-After", retryAfter)
	case errors.Is(err, event.ErrFrameDamaged), errors.Is(err, event.ErrFrameVersion):
		return unreadable.because("Dead letter %d cannot be read, so no filter could.", d.ID)
	case err != nil:
		failure := maintenance.because("The buffer cannot be reached; the dead letter is where it was.").telling("Retry-After", retryAfter)
		failure.cause = err
		return failure
	}
	if err := a.store.DropDeadLetter(r.Context(), d.ID); err != nil && !errors.Is(err, event.ErrNotFound) { // another may have been as quick
		return err
	}
	return writeData(w, http.StatusOK, none{}, gone{decimal(d.ID)})
}

// dropDead serves DELETE /v1/dead-letters/{id}.
func (a *API) dropDead(w http.ResponseWriter, r *http.Request, _ *identity) error {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := a.store.DropDeadLetter(r.Context(), id); err != nil {
		return err
	}
	return writeData(w, http.StatusOK, none{}, gone{decimal(id)})
}
