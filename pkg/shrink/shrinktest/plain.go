package shrinktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"

	"riffle/pkg/event"
	"riffle/pkg/jsonscan"
	"riffle/pkg/shrink"
)

// Plain reads one message by encoding/json. A value of an unexpected type reads
// as if it were absent and is remembered; null is absent.
type Plain struct{ Mismatch bool }

// Object is the fields of an object; nil for what is none.
type Object map[string]json.RawMessage

// Object reads an object.
func (p *Plain) Object(raw json.RawMessage) Object {
	var o Object
	p.read(raw, &o)
	return o
}

// Array reads an array.
func (p *Plain) Array(raw json.RawMessage) []json.RawMessage {
	var a []json.RawMessage
	p.read(raw, &a)
	return a
}

// Str reads a string.
func (p *Plain) Str(raw json.RawMessage) string {
	var s string
	p.read(raw, &s)
	return s
}

// Bool reads a truth value.
func (p *Plain) Bool(raw json.RawMessage) bool {
	var b bool
	p.read(raw, &b)
	return b
}

// Int reads a whole number and reports whether there is one.
func (p *Plain) Int(raw json.RawMessage) (int64, bool) {
	n := int64(math.MinInt64)
	before := p.Mismatch
	p.Mismatch = false
	p.read(raw, &n)
	ok := !p.Mismatch && !Absent(raw)
	p.Mismatch = p.Mismatch || before
	if !ok {
		n = 0
	}
	return n, ok
}

func (p *Plain) read(raw json.RawMessage, into any) {
	if Absent(raw) {
		return
	}
	if json.Unmarshal(raw, into) != nil {
		p.Mismatch = true
	}
}

// Absent reports that there is no value, or null.
func Absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// IsObject reports whether raw is an object.
func IsObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }

// ID reads an id of digits, written as a number or as a string.
func ID(raw json.RawMessage) (string, bool) {
	s := string(raw)
	if len(s) > 2 && s[0] == '"' {
		s = s[1 : len(s)-1]
	}
	if _, err := strconv.ParseUint(s, 10, 64); err != nil && !errors.Is(err, strconv.ErrRange) || len(s) > 20 || s == "" {
		return "", false
	}
	return s, s[0] != '+'
}

// Limits cuts what a Plain reading gives to the limits of package event and
// remembers that it had to.
type Limits struct{ Truncated bool }

// Short cuts an id, a handle, a name or a URL.
func (l *Limits) Short(s string) string { return l.cut(s, event.MaxShort) }

// Long cuts a text.
func (l *Limits) Long(s string) string { return l.cut(s, event.MaxText) }

func (l *Limits) cut(s string, limit int) string {
	s, was := event.Cut(s, limit)
	l.Truncated = l.Truncated || was
	return s
}

// List leaves out what is empty or comes again and cuts the entries and the list.
func (l *Limits) List(entries []string) []string {
	var list []string
	seen := map[string]bool{"": true}
	for _, s := range entries {
		s = l.Short(s)
		if seen[s] {
			continue
		}
		if len(list) == event.MaxList {
			l.Truncated = true
			continue
		}
		seen[s] = true
		list = append(list, s)
	}
	return list
}

// Media leaves out what leads nowhere and cuts the list.
func (l *Limits) Media(media []event.Media) []event.Media {
	var list []event.Media
	for _, m := range media {
		m.URL, m.Alt = l.Short(m.URL), l.Long(m.Alt)
		switch {
		case m.URL == "":
		case len(list) == event.MaxList:
			l.Truncated = true
		default:
			list = append(list, m)
		}
	}
	return list
}

// Ref gives r, or nil when it says nothing.
func Ref(r event.Ref) *event.Ref {
	if r == (event.Ref{}) {
		return nil
	}
	return &r
}

// Languages normalises language tags.
func (l *Limits) Languages(tags ...string) []string {
	var list []string
	for _, tag := range tags {
		list = append(list, shrink.Language(l.Short(tag)))
	}
	return l.List(list)
}

// Decidable reports whether data is something about which a decoder and its twin
// must agree: JSON, without two fields of one name in any object (which of them
// counts is not said) and not nested deeper than a decoder follows.
func Decidable(data []byte) bool {
	if !json.Valid(data) {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var names []map[string]bool
	var isKey []bool
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return true
		}
		top := len(names) - 1
		switch token {
		case json.Delim('{'), json.Delim('['):
			if top >= 0 {
				isKey[top] = true
			}
			names = append(names, map[string]bool{})
			isKey = append(isKey, token == json.Delim('{'))
			if token == json.Delim('[') {
				names[top+1] = nil
			}
			if len(names) > jsonscan.MaxDepth/2 {
				return false
			}
			continue
		case json.Delim('}'), json.Delim(']'):
			names, isKey = names[:top], isKey[:top]
			continue
		}
		if top < 0 || names[top] == nil {
			continue
		}
		if isKey[top] {
			name := token.(string)
			if names[top][name] {
				return false
			}
			names[top][name] = true
		}
		isKey[top] = !isKey[top]
	}
}
