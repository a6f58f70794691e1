package mastodon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
	"riffle/pkg/shrink/shrinktest"
)

// readFrames reads a stream to its end.
func readFrames(tb testing.TB, r io.Reader) []string {
	tb.Helper()
	f := newFrames(r)
	var got []string
	for {
		block, err := f.next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			tb.Fatal(err)
		}
		got = append(got, string(block))
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3*framesBuffer)
	for name, test := range map[string]struct {
		stream string
		want   []string
	}{
		"greeting without an end": {":)\nevent: delete\ndata: 7\n\n", []string{"event: delete\ndata: 7"}},
		"heartbeats anywhere":     {":thump\nevent: delete\n:thump\ndata: 7\n:\n\n:thump\n\n", []string{"event: delete\ndata: 7"}},
		"other line ends":         {":)\r\nevent: delete\r\ndata: 7\r\n\r\n", []string{"event: delete\ndata: 7"}},
		"no space":                {"event:delete\ndata:7\n\n", []string{"event:delete\ndata:7"}},
		"half at the end":         {"event: delete\ndata: 7\n\nevent: delete\ndata: 8\n", []string{"event: delete\ndata: 7"}},
		"half a line at the end":  {"event: delete\ndata: 7\n\nevent: del", []string{"event: delete\ndata: 7"}},
		"junk by itself":          {"\x00\xff{\n\nevent: delete\ndata: 7\n\n", []string{"\x00\xff{", "event: delete\ndata: 7"}},
		"junk inside":             {"event: delete\nevening: red\ndata: 7\n\n", []string{"evening: red", "event: delete\ndata: 7"}},
		"blank lines":             {"\n\n\n:\n\n", nil},
		"a long line":             {"data: " + long + "\n\ndata: 7\n\n", []string{"data: " + long, "data: 7"}},
		"a long heartbeat":        {":" + long + "\ndata: 7\n\n", []string{"data: 7"}},
		"no stream at all":        {"", nil},
		"updates":                 {"event: update\ndata: {1}\n\nevent: update\ndata: {2}\n\n", []string{"event: update\ndata: {1}", "event: update\ndata: {2}"}},
		"updates, other ends":     {"event: update\ndata: {1}\r\n\r\nevent: update\ndata: {2}\n\r\nevent: update\ndata: {3}\r\n\n", []string{"event: update\ndata: {1}", "event: update\ndata: {2}", "event: update\ndata: {3}"}},
		"an update of more lines": {"event: update\ndata: {1}\nid: 7\n:thump\n\n", []string{"event: update\ndata: {1}\nid: 7"}},
		"an update inside":        {"id: 7\nevent: update\ndata: {1}\n\n", []string{"id: 7\nevent: update\ndata: {1}"}},
		"half an update":          {"event: update\ndata: {1}\n\nevent: update\ndata: ", []string{"event: update\ndata: {1}"}},
		"a long update":           {"event: update\ndata: " + long + "\n\n", []string{"event: update\ndata: " + long}},
	} {
		for how, chunks := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "by the byte": iotest.OneByteReader, "in halves": iotest.HalfReader,
		} {
			if got := readFrames(t, chunks(strings.NewReader(test.stream))); !slices.Equal(got, test.want) {
				t.Errorf("%s, %s: got %.100q, want %.100q", name, how, got, test.want)
			}
		}
	}
}

// An endless event takes bounded memory, is told as what it is, and the next one
// comes.
func TestFramesThatAreTooLong(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string]string{
		"one line":   "data: " + strings.Repeat("x", 5*event.MaxMessage) + "\n\n",
		"many lines": strings.Repeat("data: "+strings.Repeat("x", 1000)+"\n", 5000) + "\n",
	} {
		f := newFrames(strings.NewReader(stream + "data: 7\n\n"))
		block, err := f.next()
		if err != nil || len(block) <= event.MaxMessage || len(block) > 2*event.MaxMessage {
			t.Errorf("%s: got %d bytes, %v, want a little more than a message may have", name, len(block), err)
		}
		if block, err = f.next(); err != nil || string(block) != "data: 7" {
			t.Errorf("%s: then got %q, %v, want the next event", name, block, err)
		}
		if most := cap(f.block) + cap(f.long); most > 6*event.MaxMessage {
			t.Errorf("%s: it took %d bytes", name, most)
		}
	}
}

// ending says in a word what became of a message.
func ending(d event.Decoder, msg string) string {
	var ev event.Event
	err := d.Decode(&ev, []byte(msg))
	if over, ok := errors.AsType[*event.PassedOverError](err); ok {
		return over.Kind
	}
	switch {
	case err != nil:
		return err.Error()
	case ev.Deleted:
		return "deletion"
	case ev.Revised:
		return "edit"
	}
	return ev.Kind.String()
}

// TestRecordedFrames reads a stream with every event that Mastodon documents.
func TestRecordedFrames(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/frames.sse")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var got []string
	decoder := NewDecoder("town.example", "mastodon:ann@town.example")
	for _, block := range readFrames(t, file) {
		got = append(got, ending(decoder, block))
	}
	want := []string{
		"post", "post", "edit", "deletion", "notification", "notifications_merged", "conversation", "undefined",
		"undefined", "announcement", "announcement.reaction", "announcement.delete", "encrypted_message", "reply",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCapturedFrames reads streams as they were on the wire: every event is
// understood, or passed over by its name.
func TestCapturedFrames(t *testing.T) {
	t.Parallel()
	file, err := os.Open(shrinktest.SharedFiles(t, "mastodon-stream-frames.sse")[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	endings := map[string]int{}
	decoder := NewDecoder("town.example", "mastodon:ann@town.example")
	for _, block := range readFrames(t, file) {
		endings[ending(decoder, block)]++
	}
	want := map[string]int{"conversation": 2, "post": 3, "notification": 2, "edit": 2, "deletion": 2}
	got := map[string]int{}
	for name, n := range endings {
		switch name {
		case "reply", "repost", "quote":
			name = "post"
		}
		got[name] += n
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIDsOfEvents(t *testing.T) {
	t.Parallel()
	for block, want := range map[string]string{
		"event: update\ndata: {\"id\":\"109\",\"created_at\":\"x\"}":          "109",
		"event: update\ndata: {\"created_at\":\"x\",\"id\":\"109\"}":          "109",
		"event: update\ndata: {\"created_at\":\"x\",\"id\":109}":              "109",
		"event: update\ndata: {\"account\":{\"id\":\"1\"},\"id\":\"AbC-_9\"}": "AbC-_9",
		"event: update\ndata: {\"id\":\"1 09\"}":                              "",
		"event: update\ndata: {\"id\":\"109":                                  "",
		"event: update\ndata: undefined":                                      "",
		"event: status.update\ndata: {\"id\":\"109\"}":                        "",
		"event: delete\ndata: 109":                                            "",
		`{"stream":["public"],"event":"update","payload":"{\"id\":\"109\"}"}`: "109",
		`{"payload":"{\"a\":\"\\u00e9\",\"id\":\"109\"}","event":"update"}`:   "109",
		`{"stream":["public"],"event":"delete","payload":"109"}`:              "",
		`{"stream":["public"],"event":"update","payload":{"id":"109"}}`:       "",
		`{"error":"Not found","status":404}`:                                  "",
	} {
		got := eventID([]byte(block))
		if strings.HasPrefix(block, "{") {
			got, _ = envelopeID([]byte(block), nil)
		}
		if string(got) != want {
			t.Errorf("%s: got %q, want %q", block, got, want)
		}
	}
}

// FuzzFrames puts junk between any two bytes of a stream. It costs the event that
// it hits, and the one after where it takes its end; all others come, in order.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\xff"), uint16(40))
	f.Add([]byte("\n\n\nevent: update\ndata: {\n\n"), uint16(3))
	f.Add([]byte(":"), uint16(0))
	f.Add([]byte("data: x\n"), uint16(77))
	f.Fuzz(func(t *testing.T, junk []byte, at uint16) {
		const events = 8
		var stream bytes.Buffer
		var whole []string
		ends := make([]int, events)
		stream.WriteString(":)\n")
		for i := range events {
			block := fmt.Sprintf("event: update\ndata: {\"id\":\"%d\"}", 1000+i)
			whole = append(whole, block)
			stream.WriteString(block + "\n\n")
			ends[i] = stream.Len()
		}
		place := int(at) % (stream.Len() + 1)
		hit := slices.IndexFunc(ends, func(end int) bool { return place < end })
		if hit < 0 {
			hit = events
		}
		spoilt := slices.Concat(stream.Bytes()[:place], junk, stream.Bytes()[place:])
		left := readFrames(t, bytes.NewReader(spoilt))
		decoder := NewDecoder("town.example")
		for _, block := range left {
			_ = ending(decoder, block)
			_ = eventID([]byte(block))
		}
		for i, block := range whole {
			if i == hit || i == hit+1 {
				continue
			}
			next := slices.Index(left, block)
			if next < 0 {
				t.Fatalf("junk %q at byte %d, in event %d: event %d does not come", junk, place, hit, i)
			}
			left = left[next+1:]
		}
	})
}
