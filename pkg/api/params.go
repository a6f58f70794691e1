package api

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"riffle/pkg/event"
	"riffle/pkg/rule"
)

// Limits of the parameters.
const (
	defaultLimit = 50
	maxLimit     = 200
	maxIDs       = 200
	maxWait      = 60 * time.Second
)

// params are the parameters of a request, each given once.
type params map[string]string

// parseParams reads a query string strictly: what this route does not know is
// an error, since a mistyped parameter would change the answer unnoticed.
//
// Errors: *requestError of kind badParameter.
func parseParams(raw string, known ...string) (params, error) {
	if raw == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, badParameter.because("The query string cannot be read: use name=value, with & between and %%XX for special characters.")
	}
	found := make(params, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		given := values[name]
		switch {
		case !slices.Contains(known, name):
			return nil, wrongParameter(name, "is not known here; "+knownNames(known))
		case len(given) > 1:
			return nil, wrongParameter(name, "is given twice")
		case given[0] == "":
			return nil, wrongParameter(name, "is empty; leave it out")
		case !utf8.ValidString(given[0]):
			return nil, wrongParameter(name, "is not valid UTF-8")
		}
		found[name] = given[0]
	}
	return found, nil
}

func knownNames(known []string) string {
	if len(known) == 0 {
		return "this call takes none"
	}
	return "known are " + strings.Join(known, ", ")
}

// wrongParameter names the parameter, cut to a length fit for a message.
func wrongParameter(name, why string) *requestError {
	name = strings.ToValidUTF8(name, "\uFFFD")
	name, _ = event.Cut(name, 64)
	return badParameter.because("Parameter %q %s.", name, why).
		with(mistake{Code: badParameter.code, Parameter: name, Message: why})
}

// matchQuery is a request for matches: the store's part and how long to wait
// for the first.
type matchQuery struct {
	event.Query
	wait time.Duration
}

var matchParameters = []string{"limit", "tag", "rule", "id", "before", "after", "wait"}

// parseMatchQuery reads the parameters of GET /v1/matches.
//
// Errors: *requestError of kind badParameter or badCursor.
func parseMatchQuery(raw string) (matchQuery, error) {
	q := matchQuery{Query: event.Query{Limit: defaultLimit}}
	found, err := parseParams(raw, matchParameters...)
	if err != nil {
		return q, err
	}
	for _, name := range matchParameters {
		value, given := found[name]
		if !given {
			continue
		}
		if err := q.set(name, value); err != nil {
			return q, err
		}
	}
	return q, q.check(found)
}

func (q *matchQuery) set(name, value string) error {
	var err error
	switch name {
	case "limit":
		q.Limit, err = parseLimit(value)
	case "tag":
		q.Tag, err = parseTag(value)
	case "rule":
		q.Rule, err = parseRule(value)
	case "id":
		q.IDs, err = parseIDs(value)
	case "before":
		q.Before, err = cursorParameter(name, value)
	case "after":
		q.HasAfter = true
		q.After, err = cursorParameter(name, value)
	case "wait":
		q.wait, err = parseWait(value)
	}
	return err
}

// check refuses parameters that contradict each other.
func (q *matchQuery) check(found params) error {
	_, before := found["before"]
	if before && q.HasAfter {
		return badParameter.because("Both cursors are given: before= pages back, after= goes on; use one.").
			with(mistake{Code: badParameter.code, Parameter: "before", Message: "given together with after"})
	}
	if before && q.wait > 0 {
		return wrongParameter("wait", "does not go with before: nothing new can come there")
	}
	return q.checkIDs(found)
}

// checkIDs refuses what would choose among matches that are named already.
func (q *matchQuery) checkIDs(found params) error {
	if len(q.IDs) == 0 {
		return nil
	}
	for _, name := range []string{"tag", "rule", "before", "after", "wait"} {
		if _, given := found[name]; given {
			return wrongParameter(name, "does not go with id, which names the matches")
		}
	}
	return nil
}

func parseLimit(value string) (int, error) {
	limit, err := strconv.Atoi(value)
	if err != nil || limit < 1 || limit > maxLimit || strconv.Itoa(limit) != value {
		return 0, wrongParameter("limit", "must be a number from 1 to 200")
	}
	return limit, nil
}

func parseTag(value string) (string, error) {
	if err := rule.CheckTag(value); err != nil {
		return "", wrongParameter("tag", err.Error())
	}
	return value, nil
}

func parseRule(value string) (string, error) {
	if _, err := parseID(value); err != nil {
		return "", wrongParameter("rule", "must be the id of a rule, a decimal number")
	}
	return value, nil
}

func parseIDs(value string) ([]string, error) {
	ids := strings.Split(value, ",")
	if len(ids) > maxIDs {
		return nil, wrongParameter("id", "lists more than 200 ids")
	}
	for _, id := range ids {
		if !isMatchID(id) {
			return nil, wrongParameter("id", "must list ids of matches with commas between them")
		}
	}
	return ids, nil
}

// isMatchID checks the letters of a match's id; what it means, the store knows.
func isMatchID(id string) bool {
	for _, c := range []byte(id) {
		letter := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' || c == '_'
		if !letter {
			return false
		}
	}
	return id != "" && len(id) <= 64
}

func parseWait(value string) (time.Duration, error) {
	wait, err := time.ParseDuration(value)
	if err != nil || wait <= 0 || wait > maxWait {
		return 0, wrongParameter("wait", "must be a duration up to 60s, such as 25s")
	}
	return wait, nil
}

// parseSpan reads a time span as the command line does: Go's form, which may
// begin with days or weeks.
func parseSpan(text string) (time.Duration, error) {
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		count, rest, found := strings.Cut(text, unit)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(count, 10, 14) // no overflow, with weeks either
		if err != nil || rest == "" {
			return time.Duration(n) * length, err
		}
		more, err := time.ParseDuration(rest)
		return time.Duration(n)*length + more, err
	}
	return time.ParseDuration(text)
}

func cursorParameter(name, value string) (int64, error) {
	number, ok := parseCursor(value)
	if !ok || name == "before" && number == 0 {
		return 0, badCursor.because("The cursor in %s= is not one that this api gave. Take next for after= and prev for before= from the summary of an answer, unchanged.", name).
			with(mistake{Code: badCursor.code, Parameter: name, Message: "not a cursor of this api"})
	}
	return number, nil
}
