package config

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Value is a typed setting: Set reads it, String prints it with secrets masked.
// Errors of Set say what is wrong and what is allowed, without the setting's
// name and never with a secret.
type Value interface {
	Set(text string) error
	String() string
}

// Setting ties a name to the value that it fills.
type Setting struct {
	Name  string // as a flag, without dashes
	Usage string
	Value Value
	// Secret may also come from the file that NAME_FILE names.
	Secret bool
	// Switch is true when given without a value.
	Switch bool
	// List gathers the values of a flag that is given more than once.
	List bool
}

// Settings is the configuration of one process.
type Settings interface {
	// Settings lists what can be set, in the order of the help text.
	Settings() []Setting
	// Check finds what is wrong with the values together, and fills defaults
	// that depend on other values or on the environment.
	Check(env Environ) []Mistake
}

// Environ is an environment as os.Environ gives it.
type Environ []string

// Get gives the value of a variable, or "".
func (e Environ) Get(name string) string {
	for _, line := range slices.Backward(e) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value
		}
	}
	return ""
}

// envPrefix begins the names of our environment variables.
const envPrefix = "RIFFLE_"

// envName gives the environment variable of a setting.
func envName(setting string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

// settingName is the inverse of envName.
func settingName(env string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(env, envPrefix), "_", "-"))
}

// given is what a flag was given on the command line. Its text is read later,
// together with all others, so that one mistake does not hide the next.
type given struct {
	setting Setting
	texts   []string
}

// Set keeps the text.
func (g *given) Set(text string) error {
	if !g.setting.List {
		g.texts = g.texts[:0]
	}
	g.texts = append(g.texts, text)
	return nil
}

// String gives the default for the help text.
func (g *given) String() string { return g.setting.Value.String() }

// Type is the placeholder in the help text.
func (g *given) Type() string {
	if g.setting.Switch {
		return "bool"
	}
	return "value"
}

// Bind defines the flags of c in flags.
func Bind(flags *pflag.FlagSet, c Settings) {
	for _, s := range withCommon(c) {
		f := flags.VarPF(&given{setting: s}, s.Name, "", s.Usage)
		if s.Switch {
			f.NoOptDefVal = "true"
		}
	}
}

// common are the flags of every process that are about the configuration
// itself.
type common struct {
	file  text
	check Switch
}

func (c *common) settings() []Setting {
	return []Setting{
		{Name: "config", Usage: "YAML file with settings; its keys are the names of these flags", Value: &c.file},
		{Name: "check-config", Usage: "check the configuration, print it with secrets masked, and exit", Value: &c.check, Switch: true},
	}
}

func withCommon(c Settings) []Setting {
	return append(c.Settings(), new(common).settings()...)
}

// Print writes the settings as they are in force, secrets masked, each with
// where its value came from.
func (r *Report) Print(w io.Writer) error {
	for _, line := range r.lines {
		if _, err := fmt.Fprintf(w, "%-14s %s  # %s\n", line.name+":", line.value, line.from); err != nil {
			return fmt.Errorf("config: print settings: %w", err)
		}
	}
	return nil
}
