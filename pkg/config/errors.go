package config

import (
	"fmt"
	"strings"
)

// UsageError says that the command line itself cannot be understood.
type UsageError struct{ Problem string }

func (e *UsageError) Error() string { return e.Problem }

// Mistake is one thing that is wrong with the configuration.
type Mistake struct {
	Setting string // its flag, such as --store; empty where no setting is concerned
	From    string // where the value came from, such as RIFFLE_STORE; empty: nowhere
	Problem string // what is wrong, and the way out
}

func (m Mistake) String() string {
	switch {
	case m.Setting == "":
		return m.From + ": " + m.Problem
	case m.From == "" || m.From == m.Setting:
		return m.Setting + ": " + m.Problem
	}
	return fmt.Sprintf("%s (from %s): %s", m.Setting, m.From, m.Problem)
}

// Error holds all mistakes of a configuration.
type Error struct{ Mistakes []Mistake }

func (e *Error) Error() string {
	if len(e.Mistakes) == 1 {
		return "config: " + e.Mistakes[0].String()
	}
	lines := []string{fmt.Sprintf("config: %d mistakes", len(e.Mistakes))}
	for _, m := range e.Mistakes {
		lines = append(lines, "  "+m.String())
	}
	return strings.Join(lines, "\n")
}
