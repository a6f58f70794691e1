package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"riffle/pkg/rule"
)

// The forms in which rules come from other tools and go to them.
const (
	formAuto = "auto"
	formJSON = "json"
	formX    = "x"
	formList = "list"
)

// ruleLine is a rule in one of the forms, as it stands there.
type ruleLine struct {
	Value   *string `json:"value"`
	Tag     string  `json:"tag"`
	Action  string  `json:"action"`
	Enabled *bool   `json:"enabled"`

	// number is that of its line, in JSON of its element, from 1 on.
	number int
}

// readRules reads rules in a form; auto tells them apart by their beginning.
//
// Errors: what is wrong with the whole; single rules are not looked at.
func readRules(text []byte, form string) ([]ruleLine, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	isJSON := len(trimmed) > 0 && (trimmed[0] == '[' || trimmed[0] == '{')
	switch form {
	case formList:
		return listedRules(text), nil
	case formAuto:
		if !isJSON {
			return listedRules(text), nil
		}
	case formJSON, formX:
		if !isJSON {
			return nil, errors.New("that is no JSON: it begins neither with [ nor with {")
		}
	}
	return jsonRules(trimmed)
}

// jsonRules reads the project's form, which is that of GET /v1/rules with or
// without its envelope, and X's {"add":[…]}.
func jsonRules(text []byte) ([]ruleLine, error) {
	var lines []ruleLine
	var target any = &lines
	var whole struct {
		Add  []ruleLine `json:"add"`
		Data []ruleLine `json:"data"`
	}
	if text[0] == '{' {
		target = &whole
	}
	if err := json.Unmarshal(text, target); err != nil {
		return nil, explainJSON(text, err)
	}
	if text[0] == '{' {
		if whole.Add == nil && whole.Data == nil {
			return nil, errors.New(`there are no rules: neither "add" nor "data" is a list`)
		}
		lines = append(whole.Add, whole.Data...)
	}
	for i := range lines {
		lines[i].number = i + 1
	}
	return lines, nil
}

// explainJSON says where a text is no JSON.
func explainJSON(text []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d of the JSON: %w", lineAt(text, syntax.Offset), err)
	case errors.As(err, &kind):
		return fmt.Errorf("line %d of the JSON: %q can't be a %s", lineAt(text, kind.Offset), kind.Field, kind.Value)
	}
	return err
}

func lineAt(text []byte, offset int64) int {
	return 1 + bytes.Count(text[:min(int(offset), len(text))], []byte{'\n'})
}

// listedRules reads a plain list: a rule a line. Empty lines, and those that
// begin with a # and a space, are none: #tag is a rule.
func listedRules(text []byte) []ruleLine {
	var lines []ruleLine
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || isRemark(line) {
			continue
		}
		lines = append(lines, ruleLine{Value: &line, number: number})
	}
	return lines
}

func isRemark(line string) bool {
	rest, found := strings.CutPrefix(line, "#")
	return found && (rest == "" || strings.IndexFunc(rest, unicode.IsSpace) == 0)
}

// writeRules writes rules in a form, and gives those that it can't express.
func writeRules(out io.Writer, rules []rule.Rule, form string) (left []rule.Rule, err error) {
	switch form {
	case formJSON:
		return nil, writeJSONRules(out, "[", "]", rules, func(r *rule.Rule) any {
			return struct {
				Value   string `json:"value"`
				Tag     string `json:"tag"`
				Action  string `json:"action"`
				Enabled bool   `json:"enabled"`
			}{r.Value, r.Tag, r.Action.String(), r.Enabled}
		})
	case formX:
		kept, left := part(rules, isKept)
		return left, writeJSONRules(out, `{"add":[`, "]}", kept, func(r *rule.Rule) any {
			return struct {
				Value string `json:"value"`
				Tag   string `json:"tag,omitempty"`
			}{r.Value, r.Tag}
		})
	}
	kept, left := part(rules, func(r *rule.Rule) bool { return isKept(r) && fitsLine(r) })
	for i := range kept {
		if _, err := fmt.Fprintln(out, oneLine(kept[i].Value)); err != nil {
			return nil, err
		}
	}
	return left, nil
}

// writeJSONRules writes a rule a line, so that two exports can be compared.
func writeJSONRules(out io.Writer, opening, closing string, rules []rule.Rule, form func(*rule.Rule) any) error {
	var all bytes.Buffer
	encoder := json.NewEncoder(&all)
	encoder.SetEscapeHTML(false)
	all.WriteString(opening + "\n")
	for i := range rules {
		if err := encoder.Encode(form(&rules[i])); err != nil {
			return err
		}
		if i < len(rules)-1 {
			all.Truncate(all.Len() - 1)
			all.WriteString(",\n")
		}
	}
	all.WriteString(closing + "\n")
	_, err := all.WriteTo(out)
	return err
}

// isKept reports whether a rule is one that keeps and is on, as all rules are
// where nothing else can be said.
func isKept(r *rule.Rule) bool { return r.Action == rule.Keep && r.Enabled }

// oneLine puts a value on one line.
func oneLine(value string) string {
	return strings.Join(strings.FieldsFunc(value, func(c rune) bool { return c == '\n' || c == '\r' }), " ")
}

// fitsLine reports whether a rule means the same on one line of a list.
func fitsLine(r *rule.Rule) bool {
	lines := listedRules([]byte(oneLine(r.Value)))
	if len(lines) != 1 {
		return false
	}
	expr, _ := rule.Parse(*lines[0].Value)
	return expr != nil && expr.Canonical() == r.Canonical
}

func part(rules []rule.Rule, take func(*rule.Rule) bool) (taken, left []rule.Rule) {
	for i := range rules {
		if take(&rules[i]) {
			taken = append(taken, rules[i])
		} else {
			left = append(left, rules[i])
		}
	}
	return taken, left
}
