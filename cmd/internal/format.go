package internal

import (
	"fmt"
	"strings"

	"riffle/pkg/event"
	"riffle/pkg/source/auto"
	"riffle/pkg/source/file"
	"riffle/pkg/source/jetstream"
	"riffle/pkg/source/mastodon"
	"riffle/pkg/source/native"
	"riffle/pkg/source/twitter"
)

// Origin is what a decoder of recorded lines cannot know from the lines.
type Origin struct {
	Source   string   // name of the source
	Audience []string // accounts whose stream it is; none: everybody's
	Host     string   // of the Mastodon server that told them; empty: nobody knows
}

// formats are the forms of lines that files may have, each with its decoder.
var formats = []struct {
	name    string
	decoder func(o Origin) event.Decoder
}{
	{file.FormatAuto, func(o Origin) event.Decoder {
		return auto.NewDecoder(auto.Decoders{
			Twitter: twitterDecoder(o), Jetstream: jetstreamDecoder(o), Mastodon: mastodonDecoder(o), Native: nativeDecoder(o),
		})
	}},
	{"event", nativeDecoder},
	{"twitter", twitterDecoder},
	{"jetstream", jetstreamDecoder},
	{"mastodon", mastodonDecoder},
}

func nativeDecoder(o Origin) event.Decoder   { return native.NewDecoder(o.Source) }
func twitterDecoder(Origin) event.Decoder    { return twitter.NewDecoder() }
func jetstreamDecoder(Origin) event.Decoder  { return jetstream.NewDecoder() }
func mastodonDecoder(o Origin) event.Decoder { return mastodon.NewDecoder(o.Host, o.Audience...) }

// Formats lists the names that Decoders knows.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// Decoders gives what makes decoders of a format.
func Decoders(format string, o Origin) (func() event.Decoder, error) {
	for _, f := range formats {
		if f.name == format {
			return func() event.Decoder { return f.decoder(o) }, nil
		}
	}
	return nil, fmt.Errorf("%q is no format of lines; there are %s", format, strings.Join(Formats(), ", "))
}
