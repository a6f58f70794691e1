package shrinktest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"riffle/pkg/event"
)

// Twin reads a message as the decoder should.
type Twin func(msg []byte) (*event.Event, error)

// Compare decodes msg by decoder and twin, fails the test where they differ, and
// gives the result.
func Compare(tb testing.TB, decoder event.Decoder, twin Twin, msg []byte) (*event.Event, error) {
	tb.Helper()
	ev := new(event.Event)
	err := decoder.Decode(ev, msg)
	checkError(tb, err, msg)
	if err == nil {
		checkEvent(tb, ev, msg)
	}
	if len(bytes.Trim(msg, " \t\r\n")) > 0 && !Decidable(msg) {
		return ev, err
	}
	want, wantErr := twin(msg)
	if text(err) != text(wantErr) {
		tb.Errorf("got error %q, want %q, of %.2000q", text(err), text(wantErr), msg)
		return ev, err
	}
	if err == nil {
		if diff := Diff(want, ev); diff != "" {
			tb.Errorf("%.4000q (-twin +decoder):\n%s", msg, diff)
		}
	}
	return ev, err
}

// Diff compares two events; an empty list is none.
func Diff(want, got *event.Event) string {
	if reflect.DeepEqual(want, got) {
		return "" // the other way takes a hundred times as long
	}
	return cmp.Diff(want, got, cmpopts.EquateEmpty())
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// checkError fails unless err is one of the two kinds that a decoder may give.
func checkError(tb testing.TB, err error, msg []byte) {
	tb.Helper()
	var invalid *event.InvalidError
	var passedOver *event.PassedOverError
	if err != nil && !errors.As(err, &invalid) && !errors.As(err, &passedOver) {
		tb.Errorf("got error %v of %.2000q", err, msg)
	}
	if passedOver != nil && passedOver.Kind == "" {
		tb.Errorf("passed over without a name: %.2000q", msg)
	}
}

// checkEvent fails unless ev is whole and within the limits.
func checkEvent(tb testing.TB, ev *event.Event, msg []byte) {
	tb.Helper()
	if network, id, ok := strings.Cut(ev.Key, ":"); !ok || network == "" || id == "" || ev.Version < 1 {
		tb.Errorf("got key %q version %d of %.2000q", ev.Key, ev.Version, msg)
	}
	for _, list := range [][]string{ev.Audience, ev.Langs, ev.Links, ev.Hashtags, ev.Cashtags, ev.Mentions} {
		if len(list) > event.MaxList {
			tb.Errorf("got a list of %d of %.2000q", len(list), msg)
		}
		for _, s := range list {
			checkText(tb, s, event.MaxShort, msg)
		}
	}
	for _, s := range []string{ev.Author.ID, ev.Author.Handle, ev.Author.Name, ev.URL} {
		checkText(tb, s, event.MaxShort, msg)
	}
	checkText(tb, ev.Text, event.MaxText, msg)
	for _, m := range ev.Media {
		checkText(tb, m.URL, event.MaxShort, msg)
		checkText(tb, m.Alt, event.MaxText, msg)
	}
	for _, r := range []*event.Ref{ev.ReplyTo, ev.RepostOf, ev.QuoteOf} {
		if r != nil {
			checkText(tb, r.AuthorHandle, event.MaxShort, msg)
			checkText(tb, r.Text, event.MaxText, msg)
		}
	}
}

func checkText(tb testing.TB, s string, limit int, msg []byte) {
	tb.Helper()
	if len(s) > limit || !utf8.ValidString(s) {
		tb.Errorf("got %d bytes, valid %v, of %.2000q", len(s), utf8.ValidString(s), msg)
	}
}

// Tally counts what became of messages.
type Tally struct {
	Read, Accepted int
	PassedOver     map[string]int
	Rejected       map[string]int
}

// Count counts one message.
func (t *Tally) Count(err error) {
	t.Read++
	var invalid *event.InvalidError
	var over *event.PassedOverError
	switch {
	case err == nil:
		t.Accepted++
	case errors.As(err, &over):
		count(&t.PassedOver, over.Kind)
	case errors.As(err, &invalid):
		count(&t.Rejected, invalid.Reason.String())
	}
}

func count(in *map[string]int, name string) {
	if *in == nil {
		*in = map[string]int{}
	}
	(*in)[name]++
}

// Sum gives accepted + passed over + rejected, which is Read.
func (t *Tally) Sum() int {
	sum := t.Accepted
	for _, in := range []map[string]int{t.PassedOver, t.Rejected} {
		for _, n := range in {
			sum += n
		}
	}
	return sum
}

// SharedData gives the lines of the files of SharedFiles; gzip by name.
func SharedData(tb testing.TB, pattern string) [][]byte {
	tb.Helper()
	var lines [][]byte
	for _, file := range SharedFiles(tb, pattern) {
		lines = append(lines, Lines(tb, file)...)
	}
	return lines
}

// SharedFiles gives the paths of captured files whose names match the pattern.
// They are not part of the project: they lie in $SHARED_DATA or in
// ../shared/data beside the repository, and without them the test is skipped.
func SharedFiles(tb testing.TB, pattern string) []string {
	tb.Helper()
	dir := os.Getenv("SHARED_DATA")
	if dir == "" {
		dir = filepath.Join(root(tb), "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		tb.Fatal(err)
	}
	if len(files) == 0 {
		tb.Skipf("no captured messages: no %s in %s; set SHARED_DATA", pattern, dir)
	}
	return files
}

// root is the folder of go.mod above the test.
func root(tb testing.TB) string {
	tb.Helper()
	dir, err := filepath.Abs(".")
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			tb.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// Lines reads a file's lines; gzip by name.
func Lines(tb testing.TB, file string) [][]byte {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var r io.Reader = f
	if strings.HasSuffix(file, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			tb.Fatal(err)
		}
	}
	var lines [][]byte
	in := bufio.NewScanner(r)
	in.Buffer(nil, event.MaxMessage+1)
	for in.Scan() {
		lines = append(lines, bytes.Clone(in.Bytes()))
	}
	if in.Err() != nil {
		tb.Fatal(in.Err())
	}
	return lines
}

// Bench measures a decoder over messages and reports their number per second.
func Bench(b *testing.B, decoder event.Decoder, messages [][]byte) {
	b.Helper()
	size := 0
	for _, msg := range messages {
		size += len(msg)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var ev event.Event
	accepted := 0
	for b.Loop() {
		for _, msg := range messages {
			if decoder.Decode(&ev, msg) == nil {
				accepted++
			}
		}
	}
	if accepted == 0 {
		b.Fatal("nothing was accepted")
	}
	b.ReportMetric(float64(len(messages))*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// BenchEncoded measures a decoder together with the encoding of its events to
// frames of 256.
func BenchEncoded(b *testing.B, decoder event.Decoder, messages [][]byte) {
	b.Helper()
	size := 0
	for _, msg := range messages {
		size += len(msg)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var ev event.Event
	encoder := event.NewEncoder()
	for b.Loop() {
		for _, msg := range messages {
			if decoder.Decode(&ev, msg) == nil {
				encoder.Append(&ev)
			}
			if encoder.Len() == 256 {
				if _, err := encoder.Frame(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.ReportMetric(float64(len(messages))*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
