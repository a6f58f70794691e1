package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// client is a user of the API.
type client struct {
	base, token string
	next        string           // cursor of the reader of changes
	matches     map[string]match // what the reader has now, by id
	seen        int              // changes
}

// match is what the API gives of one.
type match struct {
	ID     string      `json:"id"`
	Change string      `json:"change"`
	Event  *post       `json:"event"`
	Rules  []ruleMatch `json:"rules"`
}

type ruleMatch struct {
	ID    string `json:"id"`
	Tag   string `json:"tag"`
	Spans []struct {
		Field      string `json:"field"`
		Start, End int
	} `json:"spans"`
}

// post is what these tests want to know of an event.
type post struct {
	Key    string   `json:"key"`
	Text   string   `json:"text"`
	Tags   []string `json:"hashtags"`
	Author struct {
		Handle string `json:"handle"`
	} `json:"author"`
}

type envelope struct {
	Summary struct {
		Count int    `json:"count"`
		Next  string `json:"next"`
		Prev  string `json:"prev"`
		More  bool   `json:"more"`
	} `json:"summary"`
	Data  json.RawMessage `json:"data"`
	Error *struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	} `json:"error"`
}

func newClient(address, token string) *client {
	return &client{base: "http://" + address, token: token, matches: make(map[string]match)}
}

// get asks for a path and wants status 200.
func (c *client) get(t *testing.T, path string) envelope {
	t.Helper()
	body, status := c.ask(t, path)
	if status != http.StatusOK {
		t.Fatalf("GET %s: status %d\n%s", path, status, body)
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatalf("GET %s: %v\n%s", path, err, body)
	}
	return e
}

func (c *client) ask(t *testing.T, path string) ([]byte, int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return body, answer.StatusCode
}

// follow reads all changes that there are now and applies them.
func (c *client) follow(t *testing.T) {
	t.Helper()
	if c.next == "" {
		c.next = c.get(t, "/v1/matches").Summary.Next
	}
	for more := true; more; {
		e := c.get(t, "/v1/matches?limit=200&after="+url.QueryEscape(c.next))
		c.apply(t, e)
		c.next, more = e.Summary.Next, e.Summary.More
	}
}

func (c *client) apply(t *testing.T, e envelope) {
	t.Helper()
	var changes []match
	if err := json.Unmarshal(e.Data, &changes); err != nil {
		t.Fatal(err)
	}
	if len(changes) != e.Summary.Count {
		t.Errorf("page of %d changes says count %d", len(changes), e.Summary.Count)
	}
	for _, m := range changes {
		c.seen++
		_, known := c.matches[m.ID]
		switch {
		case m.Change == "delete" && m.Event == nil && m.Rules == nil:
			delete(c.matches, m.ID)
		case (m.Change == "new" || m.Change == "update") && m.Event != nil && len(m.Rules) > 0:
			c.matches[m.ID] = m
		default:
			t.Errorf("change of a match (known: %v) makes no sense: %+v", known, m)
		}
	}
}

// all pages back through all matches, newest first.
func (c *client) all(t *testing.T) []match {
	t.Helper()
	var all []match
	for path := "/v1/matches?limit=7"; path != ""; {
		e := c.get(t, path)
		var page []match
		if err := json.Unmarshal(e.Data, &page); err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		path = ""
		if e.Summary.Prev != "" {
			path = "/v1/matches?limit=150&before=" + url.QueryEscape(e.Summary.Prev)
		}
	}
	return all
}

// kept says by event key which rules keep it, as one string, to be compared.
func kept(matches []match) map[string]string {
	out := make(map[string]string)
	for _, m := range matches {
		var rules []string
		for _, r := range m.Rules {
			rules = append(rules, r.ID)
		}
		slices.Sort(rules)
		value := strings.Join(rules, ",") + " " + m.Event.Text
		if before, twice := out[m.Event.Key]; twice {
			value = fmt.Sprintf("TWICE: %s; %s", before, value)
		}
		out[m.Event.Key] = value
	}
	return out
}

// checkSpans wants spans that lie within their text.
func checkSpans(t *testing.T, matches []match) {
	t.Helper()
	for _, m := range matches {
		for _, r := range m.Rules {
			if len(r.Spans) == 0 {
				t.Errorf("%s: rule %s has no span", m.Event.Key, r.ID)
			}
			for _, s := range r.Spans {
				if s.Field == "text" && (s.Start < 0 || s.End <= s.Start || s.End > len(m.Event.Text)) {
					t.Errorf("%s: span %+v is not within %q", m.Event.Key, s, m.Event.Text)
				}
			}
		}
	}
}

// values lists a map's values.
func values(m map[string]match) []match {
	out := make([]match, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	return out
}
