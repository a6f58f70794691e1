package internal

import (
	"fmt"
	"strings"

	"riffle/pkg/event"
	"riffle/pkg/source/jetstream"
	"riffle/pkg/source/native"
	"riffle/pkg/source/twitter"
)

// formats are the forms of lines that files may have, each with its decoder;
// source names who tells, for events that carry no source of their own.
var formats = []struct {
	name    string
	decoder func(source string) event.Decoder
}{
	{"event", func(source string) event.Decoder { return native.NewDecoder(source) }},
	{"twitter", func(string) event.Decoder { return twitter.NewDecoder() }},
	{"jetstream", func(string) event.Decoder { return jetstream.NewDecoder() }},
}

// Formats lists the names that Decoders knows.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// Decoders gives what makes decoders of a format.
func Decoders(format, source string) (func() event.Decoder, error) {
	for _, f := range formats {
		if f.name == format {
			return func() event.Decoder { return f.decoder(source) }, nil
		}
	}
	return nil, fmt.Errorf("%q is no format of lines; there are %s", format, strings.Join(Formats(), ", "))
}
