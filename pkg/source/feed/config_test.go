package feed

import (
	"errors"
	"strings"
	"testing"
	"time"

	"riffle/pkg/event"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]struct{ address, format, authorization string }{
		"sse+https://h.example/x":                    {"https://h.example/x", "auto", ""},
		"sse+http://h:8080/x?a=1&format=twitter&b=2": {"http://h:8080/x?a=1&b=2", "twitter", ""},
		"wss://h":                                     {"wss://h", "auto", ""},
		"ws://ann:s%40y@[::1]:80/x?token=t%20u":       {"ws://[::1]:80/x?token=t%20u", "auto", "Basic YW5uOnNAeQ=="},
		"sse+https://ann@h/x?format=event&stream=a,b": {"https://h/x?stream=a%2Cb", "event", "Basic YW5uOg=="},
	} {
		c, err := Parse(spec)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		got := c.header("7")
		if c.Address.String() != want.address || c.Format != want.format || got.Get("Authorization") != want.authorization || got.Get("Last-Event-Id") != "7" {
			t.Errorf("%s: got %s, format %s, %v; want %+v", spec, c.Address, c.Format, got, want)
		}
	}
	for _, spec := range []string{
		"sse://ann:hush@h/", "sse+https:///x?key=hush", "wss://h/x#hush", "wss://ann:hush@h:port/", "https://h/?key=hush", "wss://h/?%zz=hush", "sse+https:hush",
	} {
		if _, err := Parse(spec); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v, want an error that tells no secret", spec, err)
		}
	}
}

func TestPosition(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 28, 20, 26, 40, 123e6, time.UTC)
	for cursor, want := range map[string]position{"": {}, "id:a b:c": {id: "a b:c"}, "2026-05-28T20:26:40.123Z": {at: at}} {
		got, err := parsePosition(cursor)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", cursor, got, err, want)
		}
		if back := string(got.append(nil)); cursor != "" && back != cursor {
			t.Errorf("%q: comes back as %q", cursor, back)
		}
	}
	for _, foreign := range []string{"109@1780000000000", "1780000000000000", "id", "1/2-3"} {
		if _, err := parsePosition(foreign); !errors.Is(err, event.ErrDenied) || !strings.Contains(err.Error(), "--name") {
			t.Errorf("%q: got %v, want to be told to take another --name", foreign, err)
		}
	}
}
