package config

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"riffle/pkg/obs"
)

// text is a setting without a form of its own.
type text string

func (t *text) Set(s string) error { *t = text(s); return nil }
func (t *text) String() string     { return string(*t) }

// Secret is a key or password. It is never printed.
type Secret string

// Set reads a secret; white space around it, such as a file may have, is no part
// of it.
func (s *Secret) Set(text string) error {
	*s = Secret(strings.TrimSpace(text))
	if *s == "" {
		return errors.New("is empty")
	}
	return nil
}

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// Switch is on or off.
type Switch bool

// Set reads true or false.
func (s *Switch) Set(text string) error {
	v, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", text)
	}
	*s = Switch(v)
	return nil
}

func (s *Switch) String() string {
	if *s {
		return "true"
	}
	return ""
}

// Count is a number of things; 0 is no limit.
type Count int64

// Set reads a number of at least 1.
func (c *Count) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a whole number of at least 1", text)
	}
	*c = Count(n)
	return nil
}

func (c *Count) String() string {
	if *c == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*c), 10)
}

// Duration is a length of time such as 90s, 12h, 30d or 2w.
type Duration time.Duration

var days = regexp.MustCompile(`^(\d{1,5})([dw])`)

// ParseDuration reads a length of time: Go's form, which may begin with days or
// weeks, such as 30d or 1d12h.
func ParseDuration(text string) (time.Duration, error) {
	var total time.Duration
	rest := text
	if m := days.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return 0, errDuration(text)
		}
		total = time.Duration(n) * 24 * time.Hour
		if m[2] == "w" {
			total *= 7
		}
		rest = text[len(m[0]):]
		if rest == "" {
			return total, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 {
		return 0, errDuration(text)
	}
	return total + d, nil
}

func errDuration(text string) error {
	return fmt.Errorf("%q is no length of time; write it like 90s, 12h, 30d or 2w", text)
}

// Set reads a length of time above zero.
func (d *Duration) Set(text string) error {
	v, err := ParseDuration(text)
	if err != nil {
		return err
	}
	if v == 0 {
		return errors.New("must be longer than nothing")
	}
	*d = Duration(v)
	return nil
}

func (d *Duration) String() string {
	v := time.Duration(*d)
	const day = 24 * time.Hour
	switch {
	case v == 0:
		return ""
	case v%day == 0:
		return strconv.Itoa(int(v/day)) + "d"
	}
	return v.String()
}

// Listen is an address to answer on: [HOST]:PORT, or a socket in the file
// system.
type Listen struct {
	Network string // tcp or unix
	Address string
}

// Set reads [HOST]:PORT or unix:PATH.
func (l *Listen) Set(text string) error {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" {
			return errors.New("unix: needs a path, such as unix:/run/riffle/api.sock")
		}
		*l = Listen{Network: "unix", Address: path}
		return nil
	}
	if err := checkHostPort(text); err != nil {
		return err
	}
	*l = Listen{Network: "tcp", Address: text}
	return nil
}

func (l *Listen) String() string {
	if l.Network == "unix" {
		return "unix:" + l.Address
	}
	return l.Address
}

func checkHostPort(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("%q is no address; write it like :8080 or 127.0.0.1:8080", text)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("%q is no port; it is a number from 0 to 65535", port)
	}
	return nil
}

// DebugListen is where the debug listener answers.
type DebugListen struct {
	Address string // empty: off
	// Default is true for an address that nobody asked for; the next free port
	// may take its place.
	Default bool
}

// Set reads [HOST]:PORT or off.
func (l *DebugListen) Set(text string) error {
	if text == "off" {
		*l = DebugListen{}
		return nil
	}
	if err := checkHostPort(text); err != nil {
		return fmt.Errorf("%w, or off", err)
	}
	*l = DebugListen{Address: text}
	return nil
}

func (l *DebugListen) String() string {
	if l.Address == "" {
		return "off"
	}
	return l.Address
}

// LogSpec is LEVEL[,component=LEVEL…].
type LogSpec string

// Set reads the levels.
func (l *LogSpec) Set(text string) error {
	if _, err := obs.ParseLevels(text); err != nil {
		return err
	}
	*l = LogSpec(text)
	return nil
}

func (l *LogSpec) String() string { return string(*l) }

// Dir is a directory; it need not exist yet.
type Dir string

// Set reads a path.
func (d *Dir) Set(text string) error {
	if text == "" {
		return errors.New("needs a directory")
	}
	*d = Dir(filepath.Clean(text))
	return nil
}

func (d *Dir) String() string { return string(*d) }

// Name is what a source is called.
type Name string

// maxName is how long a name may be.
const maxName = 64

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Set reads a name.
func (n *Name) Set(text string) error {
	if !nameForm.MatchString(text) {
		return fmt.Errorf("%q is no name; use up to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit", text)
	}
	*n = Name(text)
	return nil
}

func (n *Name) String() string { return string(*n) }

// Audience is the accounts that see what a source brings.
type Audience []string

// Set reads NETWORK:ACCOUNT, several with commas between them.
func (a *Audience) Set(text string) error {
	var accounts []string
	for _, account := range strings.Split(text, ",") {
		network, id, ok := strings.Cut(strings.TrimSpace(account), ":")
		if !ok || network == "" || id == "" {
			return fmt.Errorf("%q is no account; write it as NETWORK:ACCOUNT, such as twitter:12", account)
		}
		accounts = append(accounts, network+":"+id)
	}
	*a = accounts
	return nil
}

func (a *Audience) String() string { return strings.Join(*a, ",") }
