package twitter

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
)

// cut feeds a stream in pieces of the sizes that size gives, and lists the
// messages; the last is what had no end.
func cut(stream []byte, size func() int) (messages []string, most int) {
	var l lines
	for len(stream) > 0 {
		n := copy(l.room(), stream[:min(size(), len(stream))])
		stream = stream[n:]
		l.grow(n)
		for msg, whole := l.next(); whole; msg, whole = l.next() {
			messages = append(messages, string(msg))
		}
		most = max(most, len(l.buf))
	}
	return append(messages, string(l.rest())), most
}

func inPieces(n int) func() int { return func() int { return n } }

func TestLines(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x\r", event.MaxMessage/2+5)
	for name, tt := range map[string]struct {
		stream string
		want   []string
	}{
		"none":               {"", []string{""}},
		"two":                {"{1}\r\n{2}\r\n", []string{"{1}", "{2}", ""}},
		"no end":             {"{1}\r\n{2", []string{"{1}", "{2"}},
		"keep-alives":        {"\r\n\r\n{1}\r\n\r\n", []string{"", "", "{1}", "", ""}},
		"line feeds within":  {"{\n1\n}\r\n\n\r\n", []string{"{\n1\n}", "\n", ""}},
		"carriage returns":   {"{\r1\r\r\n\r", []string{"{\r1\r", "\r"}},
		"too long":           {big + "\r\n{1}\r\n", []string{big[:event.MaxMessage+1], "{1}", ""}},
		"too long, the next": {"{1}\r\n" + big + big + "\r\n" + big + "\r\n{2}", []string{"{1}", big[:event.MaxMessage+1], big[:event.MaxMessage+1], "{2}"}},
		"as long as allowed": {big[:event.MaxMessage] + "\r\n{1}\r\n", []string{big[:event.MaxMessage], "{1}", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 1))
			sizes := map[string]func() int{"64 KiB": inPieces(64 << 10), "random": func() int { return 1 + random.IntN(9000) }}
			if len(tt.stream) < 100 {
				sizes["1"], sizes["2"], sizes["3"] = inPieces(1), inPieces(2), inPieces(3)
			} else {
				sizes["1000"], sizes["1001"] = inPieces(1000), inPieces(1001) // the end is cut in two by one of them
			}
			for size, next := range sizes {
				got, most := cut([]byte(tt.stream), next)
				for i, msg := range got {
					if len(msg) > event.MaxMessage && i < len(got)-1 {
						got[i] = msg[:event.MaxMessage+1]
					}
				}
				if !cmp.Equal(tt.want, got) {
					t.Errorf("in pieces of %s: got %d messages %.100q…, want %d %.100q…", size, len(got), got, len(tt.want), tt.want)
				}
				if most > 4*event.MaxMessage {
					t.Errorf("in pieces of %s: %d bytes of memory", size, most)
				}
			}
		})
	}
}

// FuzzLines compares with a cut of the whole, in pieces of a size.
func FuzzLines(f *testing.F) {
	f.Add([]byte("{1}\r\n\r\n{\n2}\r\r\n{3"), 2)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		if size <= 0 {
			return
		}
		var want []string
		for _, msg := range bytes.Split(stream, []byte("\r\n")) {
			want = append(want, string(msg))
		}
		if got, _ := cut(stream, inPieces(size)); !cmp.Equal(want, got) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// The end of a message whose middle was forgotten is seen when it comes in two
// pieces, too.
func TestEndOfTooLongMessageInTwoPieces(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", event.MaxMessage+100_000)
	at := 0
	size := func() int {
		n := 1000
		if left := len(big) + 1 - at; left > 0 {
			n = min(n, left)
		}
		at += n
		return n
	}
	got, _ := cut([]byte(big+"\r\n{1}\r\n"), size)
	if len(got) != 3 || got[1] != "{1}" || len(got[0]) <= event.MaxMessage || len(got[0]) > event.MaxMessage+2 {
		t.Errorf("got %d messages, the first of %d bytes, the second %.20q", len(got), len(got[0]), got[min(1, len(got)-1)])
	}
}
