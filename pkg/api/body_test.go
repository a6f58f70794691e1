package api

import (
	"net/http"
	"strings"
	"testing"

	"riffle/pkg/auth"
)

func TestBadBodies(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	owner := w.token(t, w.alice, auth.Write)
	at := func(offset int) *int { return &offset }
	for name, test := range map[string]struct {
		body    string
		status  int
		code    string
		offset  *int
		pointer string
	}{
		"empty":            {" ", 400, "bad_body", at(0), ""},
		"cut":              {`{"value":"a"`, 400, "bad_body", at(12), ""},
		"a stray comma":    {`{"value":"a",}`, 400, "bad_body", at(13), ""},
		"single quotes":    {`{'value':"a"}`, 400, "bad_body", at(1), ""},
		"two objects":      {`{"value":"a"} {}`, 400, "bad_body", at(14), ""},
		"not UTF-8":        {"{\"value\":\"a\xff\"}", 400, "bad_body", at(11), ""},
		"a list":           {`[{"value":"a"}]`, 400, "bad_body", at(0), ""},
		"null":             {`null`, 400, "bad_body", at(0), ""},
		"deep":             {strings.Repeat("[", 20000), 400, "bad_body", nil, ""},
		"unknown field":    {`{"value":"a", "valeu":1}`, 400, "bad_field", at(14), "/valeu"},
		"other case":       {`{"Value":"a"}`, 400, "bad_field", at(1), "/Value"},
		"field twice":      {`{"value":"a","value":"b"}`, 400, "bad_field", at(13), "/value"},
		"odd field name":   {`{"a/b~c":1}`, 400, "bad_field", at(1), "/a~1b~0c"},
		"number for text":  {`{"value":1}`, 400, "bad_field", at(1), "/value"},
		"text for boolean": {`{"value":"a","enabled":"yes"}`, 400, "bad_field", at(13), "/enabled"},
		"list for text":    {`{"value":["a"]}`, 400, "bad_field", at(1), "/value"},
		"missing":          {`{"tag":"a"}`, 400, "bad_field", nil, "/value"},
		"missing as null":  {`{"value":null}`, 400, "bad_field", nil, "/value"},
		"bad action":       {`{"value":"a","action":"Keep"}`, 400, "bad_field", nil, "/action"},
		"long tag":         {`{"value":"a","tag":"` + strings.Repeat("t", 101) + `"}`, 400, "bad_field", nil, "/tag"},
		"control in tag":   {`{"value":"a","tag":"a\u0007"}`, 400, "bad_field", nil, "/tag"},
		"too large":        {`{"value":"` + strings.Repeat("a", maxBody) + `"}`, 413, "body_too_large", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := w.do(t, owner, "POST /v1/rules", test.body).wantFailure(t, test.status, test.code)
			if test.offset == nil && test.pointer == "" {
				return
			}
			if len(answer.Error.Errors) != 1 {
				t.Fatalf("got %d mistakes, want 1: %s", len(answer.Error.Errors), answer.body)
			}
			got := answer.Error.Errors[0]
			if got.Pointer != test.pointer {
				t.Errorf("got pointer %q, want %q", got.Pointer, test.pointer)
			}
			if test.offset != nil && (got.Offset == nil || *got.Offset != *test.offset) {
				t.Errorf("got %s, want offset %d", answer.body, *test.offset)
			}
			if test.pointer != "" && !strings.Contains(answer.Error.Detail, `"`) {
				t.Errorf("got detail %q, want the field named", answer.Error.Detail)
			}
		})
	}
}

func TestLargestBody(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	body := `{"value":"a"}`
	body += strings.Repeat(" ", maxBody-len(body))
	w.do(t, w.token(t, w.alice, auth.Write), "POST /v1/rules", body).want(t, http.StatusCreated)
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	w, _ := memoryWorld(t)
	for given, want := range map[string]int{
		"application/json":                   http.StatusOK,
		"application/json; charset=utf-8":    http.StatusOK,
		"Application/JSON;charset=\"UTF-8\"": http.StatusOK,
		"":                                   http.StatusUnsupportedMediaType,
		"text/plain":                         http.StatusUnsupportedMediaType,
		"application/json; charset=latin1":   http.StatusUnsupportedMediaType,
		"application/x-www-form-urlencoded":  http.StatusUnsupportedMediaType,
		";;":                                 http.StatusUnsupportedMediaType,
	} {
		header := w.token(t, w.alice, auth.Write)
		header.Set("Content-Type", given)
		answer := w.do(t, header, "POST /v1/rules/validate", `{"value":"a"}`).want(t, want)
		if want != http.StatusOK {
			answer.wantFailure(t, want, "wrong_content_type")
		}
	}
}

func FuzzReadFields(f *testing.F) {
	for _, seed := range []string{`{"value":"a","enabled":true}`, `{"value":`, `{"a":{"b":[1,2]}}`, "\xff", `{"value":"a","value":"b"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := checkSyntax(body)
		if err == nil {
			var value string
			var enabled bool
			err = readFields(body, fields{"value": &value, "enabled": &enabled})
		}
		if err == nil {
			return
		}
		for _, m := range failed(err).errors {
			if m.Offset != nil && (*m.Offset < 0 || *m.Offset > len(body)) {
				t.Errorf("%q: got offset %d, outside of the body", body, *m.Offset)
			}
		}
		if failed(err).kind == internal {
			t.Errorf("%q: got %v, want a failure that a client can read", body, err)
		}
	})
}
