package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"riffle/pkg/event"
)

const (
	// maxBody is the most bytes of a request's body.
	maxBody = 64 << 10
	// bodyTimeout is how long a client may take to send it.
	bodyTimeout = 15 * time.Second
)

// fields are the fields that a body may have: where to put each by its name.
type fields map[string]any

// readBody reads a body that is one JSON object into known. Absent fields and
// null leave their place as it is.
//
// Errors: *requestError of kind wrongContentType, bodyTooLarge, badBody (with
// the byte offset) or badField (with the field's pointer).
func readBody(w http.ResponseWriter, r *http.Request, known fields) error {
	if err := checkContentType(r); err != nil {
		return err
	}
	body, err := readAll(w, r)
	if err != nil {
		return err
	}
	if err := checkSyntax(body); err != nil {
		return err
	}
	return readFields(body, known)
}

func checkContentType(r *http.Request) error {
	given := r.Header.Get("Content-Type")
	media, options, err := mime.ParseMediaType(given)
	charset := options["charset"]
	if err == nil && media == "application/json" && (charset == "" || strings.EqualFold(charset, "utf-8")) {
		return nil
	}
	return wrongContentType.because("Send the body as JSON in UTF-8, with the header Content-Type: application/json.").
		telling("Accept", "application/json")
}

func readAll(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// Not every writer has a deadline to set: a recorder in a test has none.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, bodyTooLarge.because("The body is longer than %d bytes.", maxBody)
	case err != nil:
		return nil, badBody.because("The body ended before it was whole.")
	}
	return body, nil
}

// checkSyntax finds the first byte at which body stops being JSON.
func checkSyntax(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return malformed(0, "the body is empty")
	}
	if at := invalidUTF8(body); at >= 0 {
		return malformed(at, "this is not valid UTF-8")
	}
	var whole json.RawMessage
	err := json.Unmarshal(body, &whole)
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return nil
	}
	at := int(syntax.Offset)
	if at < len(body) || !strings.HasPrefix(syntax.Error(), "unexpected end") {
		at-- // the package counts the byte it stumbled over as read
	}
	return malformed(max(at, 0), syntax.Error())
}

func invalidUTF8(body []byte) int {
	for at := 0; at < len(body); {
		r, size := utf8.DecodeRune(body[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

func malformed(at int, why string) error {
	return badBody.because("The body is not one JSON object: at byte %d, %s.", at, why).
		with(mistake{Code: badBody.code, Offset: &at, Message: why})
}

// readFields walks the object by hand: the standard decoder ignores case,
// repeated names and the place of what it does not know.
func readFields(body []byte, known fields) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if opening, _ := decoder.Token(); opening != json.Delim('{') {
		return malformed(0, "this is not an object")
	}
	seen := map[string]bool{}
	for decoder.More() {
		name, at := nextName(decoder, body)
		switch place, ok := known[name]; {
		case !ok:
			return wrongField(name, at, "is not known here; "+knownNames(slices.Sorted(maps.Keys(known))))
		case seen[name]:
			return wrongField(name, at, "is given twice")
		default:
			seen[name] = true
			if err := decoder.Decode(place); err != nil {
				return wrongField(name, at, wrongType(err))
			}
		}
	}
	return nil
}

// nextName reads a field's name and tells at which byte it stands.
func nextName(decoder *json.Decoder, body []byte) (name string, at int) {
	from := int(decoder.InputOffset())
	token, _ := decoder.Token() // the whole body was found to be valid
	name, _ = token.(string)
	return name, from + max(bytes.IndexByte(body[from:], '"'), 0)
}

func wrongType(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("must be a %s, not a %s", jsonType(wrong.Type.String()), wrong.Value)
	}
	return "has a wrong form"
}

// jsonType names what a place takes in the words of JSON.
func jsonType(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "list"
	case goType == "bool":
		return "boolean"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "float"):
		return "number"
	}
	return "string"
}

func wrongField(name string, at int, why string) *requestError {
	short, _ := event.Cut(name, 64)
	return badField.because("Field %q %s.", short, why).
		with(mistake{Code: badField.code, Pointer: pointer(short), Offset: &at, Message: why})
}

// missingField says that a required field is not there.
func missingField(name, why string) *requestError {
	return badField.because("Field %q is missing: %s.", name, why).
		with(mistake{Code: badField.code, Pointer: pointer(name), Message: "is missing"})
}

// badValue says that a field's value cannot be.
func badValue(name, why string) *requestError {
	return badField.because("Field %q %s.", name, why).
		with(mistake{Code: badField.code, Pointer: pointer(name), Message: why})
}

// pointer makes the JSON pointer (RFC 6901) of a field of the body.
func pointer(name string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
