package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Report says what was loaded and from where.
type Report struct {
	// CheckOnly is true when --check-config was given.
	CheckOnly bool
	lines     []reportLine
	given     map[string]bool
}

type reportLine struct{ name, value, from string }

// Given reports whether a setting was set at all, rather than left at its
// default.
func (r *Report) Given(name string) bool { return r.given[name] }

// Load fills c from flags that Bind defined and that have been parsed, over
// environ, over the file that --config names.
//
// Errors: *Error with all mistakes.
func Load(c Settings, flags *pflag.FlagSet, environ []string) (*Report, error) {
	l := &loader{settings: withCommon(c), values: koanf.New("."), from: map[string]string{}}
	l.load(flags, environ)
	l.assign()
	if len(l.mistakes) == 0 {
		l.mistakes = c.Check(environ)
	}
	if len(l.mistakes) > 0 {
		return nil, &Error{Mistakes: l.mistakes}
	}
	return l.report(), nil
}

type loader struct {
	settings []Setting
	values   *koanf.Koanf
	from     map[string]string // where each value came from
	mistakes []Mistake
}

func (l *loader) load(flags *pflag.FlagSet, environ []string) {
	fromFlags, fromEnv := l.flagLayer(flags), l.envLayer(environ)
	if path := firstOf("config", fromFlags, fromEnv); path != "" {
		l.merge(l.fileLayer(path))
	}
	l.merge(fromEnv)
	l.merge(fromFlags)
}

// layer is one source of values with the origin of each.
type layer struct {
	values *koanf.Koanf
	from   map[string]string
}

func newLayer() layer { return layer{values: koanf.New("."), from: map[string]string{}} }

func firstOf(name string, layers ...layer) string {
	for _, l := range layers {
		if l.values.Exists(name) {
			return l.values.String(name)
		}
	}
	return ""
}

func (l *loader) merge(from layer) {
	if err := l.values.Merge(from.values); err != nil {
		l.mistake("", "configuration", err.Error())
	}
	for name, origin := range from.from {
		l.from[name] = origin
	}
}

func (l *loader) mistake(setting, from, problem string) {
	if setting != "" {
		setting = "--" + setting
	}
	l.mistakes = append(l.mistakes, Mistake{Setting: setting, From: from, Problem: problem})
}

func (l *loader) flagLayer(flags *pflag.FlagSet) layer {
	out, values := newLayer(), map[string]any{}
	for _, s := range l.settings {
		f := flags.Lookup(s.Name)
		if f == nil || !f.Changed {
			continue
		}
		if g, ok := f.Value.(*given); ok {
			values[s.Name] = strings.Join(g.texts, ",")
			out.from[s.Name] = "--" + s.Name
		}
	}
	l.read(out.values, confmap.Provider(values, ""), nil, "flags")
	return out
}

func (l *loader) envLayer(environ []string) layer {
	out := newLayer()
	provider := env.Provider("", env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(variable, value string) (string, any) {
			name, text, ok := l.envValue(variable, value, out.from)
			if !ok {
				return "", nil
			}
			out.from[name] = variable
			return name, text
		},
	})
	l.read(out.values, provider, nil, "environment")
	return out
}

// envValue gives the setting that a variable of ours sets, and its text.
func (l *loader) envValue(variable, value string, seen map[string]string) (name, text string, ok bool) {
	if value == "" {
		return "", "", false // as in an environment file whose line is not filled in
	}
	name = settingName(variable)
	base, isFile := strings.CutSuffix(name, "-file")
	isFile = isFile && secretNames()[base]
	switch {
	case isFile:
		name = base
		content, err := os.ReadFile(value)
		if err != nil {
			l.mistake(name, variable, "cannot read the file that it names: "+reason(err))
			return "", "", false
		}
		text = strings.TrimRight(string(content), "\r\n")
	case knownNames()[name]:
		text = value
	case injected(variable):
		return "", "", false
	default:
		l.mistake("", variable, unknown(name, func(n string) string { return envName(n) }))
		return "", "", false
	}
	if other, twice := seen[name]; twice && other != variable {
		l.mistake(name, variable, "is also set by "+other+"; give one of the two")
		return "", "", false
	}
	return name, text, true
}

// injected reports whether Kubernetes sets a variable for a service of ours.
func injected(variable string) bool {
	return strings.Contains(variable, "_SERVICE_") || strings.Contains(variable, "_PORT")
}

func (l *loader) fileLayer(path string) layer {
	out := newLayer()
	raw := koanf.New(".")
	if !l.read(raw, file.Provider(path), yaml.Parser(), path) {
		return out
	}
	values := map[string]any{}
	for name, value := range raw.Raw() {
		if !knownNames()[name] {
			l.mistake("", path, unknown(name, func(n string) string { return n }))
			continue
		}
		text, err := plain(value)
		if err != nil {
			l.mistake(name, path, err.Error())
			continue
		}
		values[name] = text
		out.from[name] = path
	}
	l.read(out.values, confmap.Provider(values, ""), nil, path)
	return out
}

func (l *loader) read(into *koanf.Koanf, p koanf.Provider, parser koanf.Parser, from string) bool {
	if err := into.Load(p, parser); err != nil {
		l.mistake("", from, "cannot be read: "+reason(err))
		return false
	}
	return true
}

// reason leaves out of a file error what the message says anyway.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Path + ": " + path.Err.Error()
	}
	return err.Error()
}

// plain gives the text of a value in the file; a list becomes its parts with
// commas between them.
func plain(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			text, err := plain(part)
			if err != nil {
				return "", err
			}
			parts[i] = text
		}
		return strings.Join(parts, ","), nil
	case map[string]any:
		return "", errors.New("takes a plain value, not a mapping")
	}
	return fmt.Sprint(value), nil
}

// assign reads all texts into the typed values.
func (l *loader) assign() {
	for _, s := range l.settings {
		if !l.values.Exists(s.Name) {
			continue
		}
		if err := s.Value.Set(l.values.String(s.Name)); err != nil {
			l.mistake(s.Name, l.from[s.Name], err.Error())
		}
	}
}

func (l *loader) report() *Report {
	r := &Report{given: map[string]bool{}}
	for _, s := range l.settings {
		from, ok := l.from[s.Name]
		r.given[s.Name] = ok
		if s.Name == "check-config" {
			r.CheckOnly = s.Value.String() == "true"
			continue
		}
		if !ok {
			from = "default"
		}
		if value := s.Value.String(); value != "" {
			r.lines = append(r.lines, reportLine{s.Name, value, from})
		}
	}
	return r
}

// processes lists the settings of all our binaries: a name that any of them
// knows may stand in an environment or file that they share.
func processes() []Settings {
	return []Settings{new(Ingest), new(Filter), new(API), new(Up), new(Tool)}
}

func knownNames() map[string]bool {
	names := map[string]bool{}
	for _, c := range processes() {
		for _, s := range withCommon(c) {
			names[s.Name] = true
		}
	}
	return names
}

func secretNames() map[string]bool {
	names := map[string]bool{}
	for _, c := range processes() {
		for _, s := range c.Settings() {
			if s.Secret {
				names[s.Name] = true
			}
		}
	}
	return names
}

// unknown says that nobody knows a name, and which one may have been meant.
func unknown(name string, form func(string) string) string {
	names := slices.Sorted(maps.Keys(knownNames()))
	best, distance := "", 3
	for _, candidate := range names {
		if d := editDistance(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	if best != "" {
		return fmt.Sprintf("%s is no setting of riffle; did you mean %s?", form(name), form(best))
	}
	return form(name) + " is no setting of riffle; remove it, or see --help for those there are"
}
