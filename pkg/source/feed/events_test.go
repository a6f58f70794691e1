package feed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"riffle/pkg/event"
)

// readAll reads a stream to its end: each message, with its id in front.
func readAll(tb testing.TB, r io.Reader) []string {
	tb.Helper()
	e := newEvents(r)
	var got []string
	for {
		msg, err := e.message()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			tb.Fatal(err)
		}
		got = append(got, e.id+"="+string(msg))
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3*readSize)
	for name, test := range map[string]struct {
		stream string
		want   []string
	}{
		"one":                   {"data: a\n\n", []string{"=a"}},
		"no space, other ends":  {"data:a\r\n\r\ndata:  b\n\n", []string{"=a", "= b"}},
		"several lines":         {"data: a\ndata\ndata: b\n\n", []string{"=a\n\nb"}},
		"ids":                   {"id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", []string{"7=a", "7=b", "=c"}},
		"an id alone":           {"id: 7\n\ndata: a\n\n", []string{"7=a"}},
		"an id that is none":    {"id: 7\ndata: a\n\nid: \x008\ndata: b\n\n", []string{"7=a", "7=b"}},
		"an id that is long":    {"id: " + long + "\ndata: a\n\n", []string{"=a"}},
		"comments, other lines": {": hi\nevent: x\nretry: 5\ndatum: y\ndata: a\n:\n\n:\n\nevent: x\n\n", []string{"=a"}},
		"byte order mark":       {"\ufeffdata: a\n\n\ufeffdata: b\n\n", []string{"=a"}},
		"half at the end":       {"data: a\n\nid: 8\ndata: b\n", []string{"=a"}},
		"a long line":           {"data: " + long + "\n\ndata: a\n\n", []string{"=" + long, "=a"}},
		"nothing":               {"", nil},
	} {
		for how, chunks := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "by the byte": iotest.OneByteReader, "in halves": iotest.HalfReader,
		} {
			if got := readAll(t, chunks(strings.NewReader(test.stream))); !slices.Equal(got, test.want) {
				t.Errorf("%s, %s: got %.100q, want %.100q", name, how, got, test.want)
			}
		}
	}
}

// An endless message takes bounded memory, is told as what it is, and the next
// one comes.
func TestEventsThatAreTooLong(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string]string{
		"one line":   "data: " + strings.Repeat("x", 5*event.MaxMessage) + "\n\n",
		"many lines": strings.Repeat("data: "+strings.Repeat("x", 1000)+"\n", 5000) + "\n",
	} {
		e := newEvents(strings.NewReader(stream + "data: 7\n\n"))
		msg, err := e.message()
		if err != nil || len(msg) <= event.MaxMessage || len(msg) > 2*event.MaxMessage {
			t.Errorf("%s: got %d bytes, %v, want a little more than a message may have", name, len(msg), err)
		}
		if msg, err = e.message(); err != nil || string(msg) != "7" {
			t.Errorf("%s: then got %q, %v, want the next message", name, msg, err)
		}
		if most := cap(e.data) + cap(e.long); most > 6*event.MaxMessage {
			t.Errorf("%s: it took %d bytes", name, most)
		}
	}
}

// FuzzEvents puts junk between any two bytes of a stream. It costs the message
// that it hits, and the one after where it takes its end; all others come, in
// order.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("\x00\xff"), uint16(40))
	f.Add([]byte("\n\n\ndata: {\n\n"), uint16(3))
	f.Add([]byte("id: 5\n"), uint16(0))
	f.Add([]byte("data: x\n"), uint16(77))
	f.Fuzz(func(t *testing.T, junk []byte, at uint16) {
		const messages = 8
		var stream bytes.Buffer
		ends := make([]int, messages)
		for i := range messages {
			fmt.Fprintf(&stream, "id: %d\ndata: {\"id\":%[1]d}\n\n", 1000+i)
			ends[i] = stream.Len()
		}
		place := int(at) % (stream.Len() + 1)
		hit := slices.IndexFunc(ends, func(end int) bool { return place < end })
		if hit < 0 {
			hit = messages
		}
		left := readAll(t, bytes.NewReader(slices.Concat(stream.Bytes()[:place], junk, stream.Bytes()[place:])))
		for i := range messages {
			if i == hit || i == hit+1 {
				continue
			}
			next := slices.Index(left, fmt.Sprintf(`%d={"id":%[1]d}`, 1000+i))
			if next < 0 {
				t.Fatalf("junk %q at byte %d, in message %d: message %d does not come", junk, place, hit, i)
			}
			left = left[next+1:]
		}
	})
}
