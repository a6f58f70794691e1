package sim

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// defaultRate is what a person can just about follow.
const defaultRate = 50

// Config says what to generate.
type Config struct {
	// Name is the source's name; keys are NAME:NUMBER.
	Name string
	// Rate is in events a second; 0 is as fast as possible.
	Rate int
	// Seed decides all that is random.
	Seed uint64
	// Count is after how many events the stream ends; 0 is never.
	Count int64
}

// Parse reads sim:[?rate=N&seed=N&count=N]; the default is 50 events a second
// without end, from seed 1. Name is left to the caller.
//
// Errors: one for all that is wrong, in words for whoever wrote it.
func Parse(spec string) (Config, error) {
	c := Config{Rate: defaultRate, Seed: 1}
	rest, isSim := strings.CutPrefix(spec, "sim:")
	query, hasQuery := strings.CutPrefix(rest, "?")
	if !isSim || rest != "" && !hasQuery {
		return Config{}, fmt.Errorf("%q is not of the form sim:[?rate=N&seed=N&count=N]", spec)
	}
	options, err := url.ParseQuery(query)
	if err != nil {
		return Config{}, fmt.Errorf("sim: options of %q: %w", spec, err)
	}
	var wrong []error
	for name, values := range options {
		if err := c.set(name, values[len(values)-1]); err != nil {
			wrong = append(wrong, err)
		}
	}
	if len(wrong) > 0 {
		return Config{}, errors.Join(wrong...)
	}
	return c, nil
}

func (c *Config) set(name, value string) (err error) {
	switch name {
	case "rate":
		if c.Rate, err = strconv.Atoi(value); err != nil || c.Rate < 0 {
			return fmt.Errorf("option rate is %q; it is a number of events a second, 0 for as many as possible", value)
		}
	case "seed":
		if c.Seed, err = strconv.ParseUint(value, 10, 64); err != nil {
			return fmt.Errorf("option seed is %q; it is a whole number", value)
		}
	case "count":
		if c.Count, err = strconv.ParseInt(value, 10, 64); err != nil || c.Count < 0 {
			return fmt.Errorf("option count is %q; it is a number of events, 0 for no end", value)
		}
	default:
		return fmt.Errorf("option %q is unknown; there is: rate, seed, count", name)
	}
	return nil
}
