package file

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// FormatAuto lets the decoder look at each line.
const FormatAuto = "auto"

// Config says what to read.
type Config struct {
	// Path is the file; "" is the standard input.
	Path string
	// Format names the decoder; whoever makes the decoders knows the names.
	Format string
	// Host is the server that told Mastodon's messages; "" where nobody says.
	Host string
	// Rate is in messages a second; 0 is as fast as possible.
	Rate int
	// Loop begins anew at the end; each round's keys are its own.
	Loop bool
}

// Parse reads file:PATH[?format=F&host=H&rate=N&loop=1] and
// stdin:[?format=F&host=H]. The path
// is taken as it is, without escapes.
//
// Errors: one for all that is wrong, in words for whoever wrote it.
func Parse(spec string) (Config, error) {
	scheme, rest, _ := strings.Cut(spec, ":")
	c := Config{Format: FormatAuto, Path: rest}
	query := ""
	if i := strings.LastIndexByte(rest, '?'); i >= 0 {
		c.Path, query = rest[:i], rest[i+1:]
	}
	options, err := url.ParseQuery(query)
	if err != nil {
		return Config{}, fmt.Errorf("file: options of %q: %w", spec, err)
	}
	known := []string{"format", "host", "rate", "loop"}
	var wrong []error
	switch {
	case scheme == "stdin" && c.Path != "":
		wrong = append(wrong, fmt.Errorf("stdin: takes no path, but %q stands there", c.Path))
	case scheme == "file" && c.Path == "":
		wrong = append(wrong, errors.New("file: needs a path: file:PATH"))
	case scheme == "stdin":
		known = known[:2]
	case scheme != "file":
		wrong = append(wrong, fmt.Errorf("%q is neither file:PATH nor stdin: with options", spec))
	}
	wrong = append(wrong, c.set(options, known)...)
	if len(wrong) > 0 {
		return Config{}, errors.Join(wrong...)
	}
	return c, nil
}

// set takes the options over and returns all mistakes.
func (c *Config) set(options url.Values, known []string) (wrong []error) {
	for name, values := range options {
		if !slices.Contains(known, name) {
			wrong = append(wrong, fmt.Errorf("option %q is unknown; there is: %s", name, strings.Join(known, ", ")))
			continue
		}
		if err := c.setOne(name, values[len(values)-1]); err != nil {
			wrong = append(wrong, err)
		}
	}
	return wrong
}

func (c *Config) setOne(name, value string) (err error) {
	switch name {
	case "format":
		c.Format = value
	case "host":
		if c.Host = value; !isHost(value) {
			return fmt.Errorf("option host is %q; it is the name of the Mastodon server that told the messages, such as mastodon.social", value)
		}
	case "rate":
		if c.Rate, err = strconv.Atoi(value); err != nil || c.Rate < 1 {
			return fmt.Errorf("option rate is %q; it is a number of messages a second, 1 or more", value)
		}
	case "loop":
		if c.Loop, err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf("option loop is %q; it is 1 or 0", value)
		}
	}
	return nil
}

// isHost reports whether name can be that of a server, with its port.
func isHost(name string) bool {
	u, err := url.Parse("//" + name)
	return err == nil && name != "" && u.Host == name
}
