package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"riffle/pkg/event"
	"riffle/pkg/rule"
)

// printer writes a match: its line, the event in it and what satisfied the rule.
// A bytes.Buffer takes all.
type printer func(out *bytes.Buffer, line []byte, ev *event.Event, spans []event.Span)

func printLine(out *bytes.Buffer, line []byte, _ *event.Event, _ []event.Span) {
	out.Write(line)
	endLine(out, line)
}

func endLine(out *bytes.Buffer, line []byte) {
	if line[len(line)-1] != '\n' {
		out.WriteByte('\n')
	}
}

func printJSON(out *bytes.Buffer, _ []byte, ev *event.Event, spans []event.Span) {
	found := struct {
		Key   string       `json:"key"`
		Spans []event.Span `json:"spans"`
	}{ev.Key, spans}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(found); err != nil {
		panic(err) // a string and integers always encode
	}
}

// printMarked marks in the line what satisfied the rule, wherever its letters
// stand there.
func printMarked(out *bytes.Buffer, line []byte, ev *event.Event, spans []event.Span) {
	var marks []stretch
	for _, s := range spans {
		if text := rule.FieldText(ev, s.Field); s.Start < s.End && s.End <= len(text) {
			marks = appendPlaces(marks, line, text[s.Start:s.End])
		}
	}
	slices.SortFunc(marks, func(a, b stretch) int { return cmp.Compare(a.start, b.start) })
	at := 0
	for _, m := range marks {
		if m.start < at {
			continue
		}
		out.Write(line[at:m.start])
		out.WriteString(strong)
		out.Write(line[m.start:m.end])
		out.WriteString(normal)
		at = m.end
	}
	out.Write(line[at:])
	endLine(out, line)
}

// stretch is a piece of a line, in bytes.
type stretch struct{ start, end int }

// appendPlaces appends where a text stands in a line of JSON, as it is or with
// escapes.
func appendPlaces(places []stretch, line []byte, text string) []stretch {
	for _, form := range []string{text, escaped(text)} {
		for at := 0; ; {
			i := bytes.Index(line[at:], []byte(form))
			if i < 0 {
				break
			}
			places = append(places, stretch{at + i, at + i + len(form)})
			at += i + len(form)
		}
		if form == escaped(text) {
			break
		}
	}
	return places
}

// escaped writes all but ASCII as \uXXXX, as Twitter does.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// printWhy prints for each match a line with the post, and one for each place
// that satisfied the rule.
func printWhy(form lineForm) printer {
	return func(out *bytes.Buffer, _ []byte, ev *event.Event, spans []event.Span) {
		text, marks := shown(ev, []event.RuleMatch{{Spans: spans}})
		var line strings.Builder
		if form.terminal {
			line.WriteString(dim + clean(ev.Key) + normal + " " + cyan + "@" + clean(author(ev)) + normal + ": ")
			form.highlight(&line, text, marks, 0)
		} else {
			line.WriteString(clean(ev.Key) + " @" + clean(author(ev)) + ": " + clean(text))
		}
		out.WriteString(line.String() + "\n")
		for _, s := range spans {
			fmt.Fprintf(out, "  %s", s.Field)
			if of := rule.FieldText(ev, s.Field); s.Start < s.End && s.End <= len(of) {
				fmt.Fprintf(out, " %d-%d %s", s.Start, s.End, clean(of[s.Start:s.End]))
			}
			out.WriteByte('\n')
		}
	}
}
