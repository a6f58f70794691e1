package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"riffle/pkg/event"
)

// envelope is the form of every JSON body under /v1. Exactly one of Data and
// Error is set.
type envelope struct {
	Summary any      `json:"summary"`
	Data    any      `json:"data"`
	Error   *failure `json:"error"`
}

// failure is the error of an envelope.
type failure struct {
	Code   string    `json:"code"`
	Title  string    `json:"title"`
	Status int       `json:"status"`
	Detail string    `json:"detail"`
	Errors []mistake `json:"errors"`
}

// mistake is one thing that is wrong with a request: in a parameter, at a JSON
// pointer or byte offset of the body, or at a byte offset of a rule.
type mistake struct {
	Code      string `json:"code"`
	Parameter string `json:"parameter,omitempty"`
	Pointer   string `json:"pointer,omitempty"`
	Offset    *int   `json:"offset,omitempty"`
	Length    *int   `json:"length,omitempty"`
	Message   string `json:"message"`
	Hint      string `json:"hint"`
}

// none is the summary of an answer that has nothing to sum up.
type none struct{}

// gone is what is left to say of something removed.
type gone struct {
	ID decimal `json:"id"`
}

// counted is the summary of a list that is given whole.
type counted struct {
	Count int `json:"count"`
}

// writeData answers with data in the envelope.
func writeData(w http.ResponseWriter, status int, summary, data any) error {
	return writeEnvelope(w, status, envelope{Summary: summary, Data: data})
}

func writeEnvelope(w http.ResponseWriter, status int, e envelope) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // never served as HTML: nosniff, and a content type of its own
	if err := encoder.Encode(e); err != nil {
		return fmt.Errorf("api: encode answer: %w", err)
	}
	writeBody(w, status, body.Bytes())
	return nil
}

const jsonBody = "application/json; charset=utf-8"

// writeBody sends a whole JSON body; see writeWhole.
func writeBody(w http.ResponseWriter, status int, body []byte) { writeWhole(w, status, jsonBody, body) }

// stamp is a time in JSON: RFC 3339 in UTC to the millisecond, null when zero.
type stamp time.Time

// MarshalJSON gives the form of the API.
func (s stamp) MarshalJSON() ([]byte, error) {
	t := time.Time(s)
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.UTC().AppendFormat(nil, `"`+event.TimeLayout+`"`), nil
}

// UnmarshalJSON reads it; null is the zero time.
func (s *stamp) UnmarshalJSON(text []byte) error { return (*time.Time)(s).UnmarshalJSON(text) }

// decimal is a number in JSON as a string: ids are opaque to clients, and some
// of them read numbers as floats.
type decimal int64

// MarshalJSON gives the form of the API.
func (d decimal) MarshalJSON() ([]byte, error) {
	return append(strconv.AppendInt([]byte{'"'}, int64(d), 10), '"'), nil
}

// parseID reads an id from a path; what is none of ours is just not found.
func parseID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 || strconv.FormatInt(id, 10) != text {
		return 0, event.ErrNotFound
	}
	return id, nil
}
