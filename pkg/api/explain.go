package api

import (
	"context"
	"encoding/json"
	"net/http"

	"riffle/pkg/event"
	"riffle/pkg/rule"
)

// explainForm says why a rule matches an event, or why not.
type explainForm struct {
	Matches   bool           `json:"matches"`
	Canonical string         `json:"canonical"`
	Spans     []event.Span   `json:"spans"`
	Missing   []rule.Missing `json:"missing"`
}

// explainRule serves POST /v1/rules/explain.
func (a *API) explainRule(w http.ResponseWriter, r *http.Request, who *identity) error {
	var value *string
	var match string
	var given json.RawMessage
	if err := readBody(w, r, fields{"value": &value, "match": &match, "event": &given}); err != nil {
		return err
	}
	if string(given) == "null" {
		given = nil // as left out, like every field
	}
	switch {
	case value == nil:
		return missingValue()
	case match == "" && given == nil:
		return missingField("match", "give the id of one of your matches, or an event, to explain the rule with")
	case match != "" && given != nil:
		return badField.because("Give a match or an event, not both: one of the two is meant.").
			with(mistake{Code: badField.code, Pointer: "/match", Message: "stands beside an event"})
	}
	expr, problems := rule.Parse(*value)
	if expr == nil {
		return refused(problems)
	}
	ev, err := a.eventFor(r.Context(), who, match, given)
	if err != nil {
		return err
	}
	form := explainForm{Canonical: expr.Canonical(), Spans: []event.Span{}, Missing: []rule.Missing{}}
	if spans, matches := expr.Explain(ev); matches {
		form.Matches, form.Spans = true, append(form.Spans, spans...)
	} else {
		form.Missing = append(form.Missing, expr.WhyNot(ev)...)
	}
	return writeData(w, http.StatusOK, none{}, form)
}

// eventFor gives the event of one of the asker's matches, or the one that came
// with the request.
func (a *API) eventFor(ctx context.Context, who *identity, match string, given json.RawMessage) (*event.Event, error) {
	if match == "" {
		return readEvent(given)
	}
	change, err := a.match(ctx, who, match)
	if err != nil {
		return nil, err
	}
	return event.ParseJSON(change.Event)
}

// readEvent reads an event as the API gives it. What a client writes by hand may
// lack the parts that only the store needs.
func readEvent(raw json.RawMessage) (*event.Event, error) {
	parts := map[string]json.RawMessage{"version": []byte(`"1"`), "kind": []byte(`"post"`)}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, badValue("event", "must be an event as GET /v1/matches gives it")
	}
	whole, err := json.Marshal(parts)
	if err != nil {
		return nil, err
	}
	ev, err := event.ParseJSON(whole)
	if err != nil {
		return nil, badValue("event", "must be an event as GET /v1/matches gives it")
	}
	return ev, nil
}
