package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"go.uber.org/goleak"

	"riffle/pkg/event"
	"riffle/pkg/pace"
	"riffle/pkg/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keyDecoder makes an event of each line that begins with "key:".
type keyDecoder struct{}

func newDecoder() event.Decoder { return keyDecoder{} }

func (keyDecoder) Decode(ev *event.Event, msg []byte) error {
	ev.Reset()
	switch {
	case len(msg) == 0:
		return &event.PassedOverError{Kind: "blank"}
	case !bytes.HasPrefix(msg, []byte("key:")):
		return &event.InvalidError{Reason: event.ReasonSyntax}
	}
	ev.Key = string(msg)
	return nil
}

//nolint:paralleltest // the suite's leak check must not see other tests
func TestConformance(t *testing.T) {
	const messages = 200
	var clean, junk strings.Builder
	for i := range messages {
		line := fmt.Sprintf("key:%d %s\n", i, strings.Repeat("x", i*7))
		clean.WriteString(line)
		junk.WriteString(line)
		junk.WriteString([]string{"\n", "{\"half\":\n", "\x00\xff\n", strings.Repeat("y", 70_000) + "\n"}[i%4])
	}
	for name, open := range map[string]func(t *testing.T, content string) sourcetest.Source{
		"plain": func(t *testing.T, content string) sourcetest.Source {
			t.Helper()
			return New(Config{Path: write(t, "in", content)}, newDecoder)
		},
		"gzip": func(t *testing.T, content string) sourcetest.Source {
			t.Helper()
			return New(Config{Path: pack(t, content)}, newDecoder)
		},
		"looping": func(t *testing.T, content string) sourcetest.Source {
			t.Helper()
			return New(Config{Path: write(t, "in", content), Loop: true}, newDecoder)
		},
		"stdin": func(t *testing.T, content string) sourcetest.Source {
			t.Helper()
			return NewStdin(strings.NewReader(content), newDecoder)
		},
	} {
		t.Run(name, func(t *testing.T) {
			sourcetest.Run(t, sourcetest.Harness{
				Messages:  messages,
				Open:      func(t *testing.T) sourcetest.Source { t.Helper(); return open(t, clean.String()) },
				Malformed: func(t *testing.T) sourcetest.Source { t.Helper(); return open(t, junk.String()) },
				Junk:      messages,
			})
		})
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	fits, tooLong := strings.Repeat("a", event.MaxMessage), strings.Repeat("b", event.MaxMessage+1)
	huge := strings.Repeat("c", 3*event.MaxMessage)
	cut := tooLong[:event.MaxMessage+1]
	for _, test := range []struct {
		name, content string
		want          []string
		ends          []int64 // offsets after each
	}{
		{"empty", "", nil, nil},
		{"one", "a\n", []string{"a"}, []int64{2}},
		{"no newline at the end", "a\nbc", []string{"a", "bc"}, []int64{2, 4}},
		{"carriage returns", "a\r\nb\r\n", []string{"a", "b"}, []int64{3, 6}},
		{"blank lines", "\n\r\n\na", []string{"", "", "", "a"}, []int64{1, 3, 4, 5}},
		{"longest", fits + "\r\nx\n", []string{fits, "x"}, []int64{1<<20 + 2, 1<<20 + 4}},
		{"too long", tooLong + "\nx\n", []string{cut, "x"}, []int64{1<<20 + 2, 1<<20 + 4}},
		{"far too long", huge + "\nx\n", []string{cut, "x"}, []int64{3<<20 + 1, 3<<20 + 3}},
		{"too long at the end", huge, []string{cut}, []int64{3 << 20}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLines(strings.NewReader(test.content), 0)
			var got []string
			var ends []int64
			for {
				line, err := l.next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if len(line) > event.MaxMessage {
					line = []byte(cut) // its content does not count
				}
				got, ends = append(got, string(line)), append(ends, l.offset)
			}
			if !cmp.Equal(got, test.want) {
				t.Errorf("got %.60q, want %.60q", got, test.want)
			}
			if diff := cmp.Diff(test.ends, ends); diff != "" {
				t.Errorf("offsets (-want +got):\n%s", diff)
			}
		})
	}
}

// A line without an end must not take memory without end.
//
//nolint:paralleltest // it measures memory
func TestEndlessLineTakesNoMemory(t *testing.T) {
	l := newLines(io.LimitReader(zeros{}, 1<<30), 0)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if line, err := l.next(); err != nil || len(line) <= event.MaxMessage {
		t.Fatalf("got %d bytes, %v, want too many", len(line), err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
		t.Errorf("%d bytes allocated for one line", got)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

//nolint:paralleltest // it counts allocations
func TestLineCostsNoAllocation(t *testing.T) {
	f := feed{lines: newLines(strings.NewReader(strings.Repeat("line\n", 2000)), 0)}
	f.speed = pace.New(0)
	ctx := t.Context()
	per := testing.AllocsPerRun(1, func() {
		if err := f.run(ctx, func(event.Message) error { return nil }); err != nil {
			t.Fatal(err)
		}
	})
	if per > 10 {
		t.Errorf("%v allocations for 2000 lines", per)
	}
}

func TestGrownFileIsReadFromItsOldEnd(t *testing.T) {
	t.Parallel()
	for _, size := range []int{3, headSize - 3, 5 * headSize} {
		first := strings.Repeat("a", size) + "\n"
		path := write(t, "in", first)
		s := New(Config{Path: path}, newDecoder)
		cursors, _ := readAll(t, s, "")
		appendTo(t, path, strings.Repeat("b", 2*headSize)+"\n")
		_, got := readAll(t, s, cursors[0])
		if len(got) != 1 || got[0][0] != 'b' {
			t.Errorf("after %d bytes: %d lines, want the new one", size, len(got))
		}
	}
}

func TestFileThatIsNotTheSame(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789\n", 1000)
	for name, test := range map[string]struct {
		now  string
		want error
	}{
		"shorter than its head": {"0123456789\n", errShorter},
		"shorter":               {long[:len(long)/2], errShorter},
		"another":               {"x" + long, errReplaced},
		"empty":                 {"", errShorter},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cursors, _ := readAll(t, New(Config{Path: write(t, "in", long)}, newDecoder), "")
			for _, path := range []string{write(t, "in", test.now), pack(t, test.now)} {
				s := New(Config{Path: path}, newDecoder)
				err := s.Read(t.Context(), cursors[len(cursors)-1], func(event.Message) error { return nil })
				if !errors.Is(err, test.want) {
					t.Errorf("%s: got %v, want %v", filepath.Base(path), err, test.want)
				}
				if _, giveUp := s.Reconnect(err, false); giveUp == nil {
					t.Error("does not give up: this does not pass by itself")
				}
			}
		})
	}
}

func TestWrongInput(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config Config
		cursor string
		want   string
	}{
		"missing":        {Config{Path: filepath.Join(t.TempDir(), "none")}, "", "no such file"},
		"directory":      {Config{Path: t.TempDir()}, "", "is a directory"},
		"not gzip":       {Config{Path: write(t, "in.gz", "plain\n")}, "", "unpack"},
		"foreign cursor": {Config{Path: write(t, "in", "a\n")}, "1725911162329308", "--name"},
		"empty loop":     {Config{Path: write(t, "in", ""), Loop: true}, "", "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := New(test.config, newDecoder).Read(t.Context(), test.cursor, func(event.Message) error { return nil })
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want something with %q", err, test.want)
			}
		})
	}
}

func TestLoopNumbersItsRounds(t *testing.T) {
	t.Parallel()
	s := New(Config{Path: write(t, "in", "a\nb\n"), Loop: true}, newDecoder)
	var got []string
	var cursor string
	enough := errors.New("enough")
	emit := func(m event.Message) error {
		got = append(got, fmt.Sprintf("%s%d", m.Data, m.Round))
		cursor = string(m.Cursor)
		if len(got)%5 == 0 {
			return enough
		}
		return nil
	}
	for range 2 {
		if err := s.Read(t.Context(), cursor, emit); !errors.Is(err, enough) {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3", "a4", "b4"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	path := write(t, "in", strings.Repeat("a\n", 101))
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		readAll(t, New(Config{Path: path, Rate: 50}, newDecoder), "")
		if got, want := time.Since(start), 2*time.Second; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
	})
}

func TestProgress(t *testing.T) {
	t.Parallel()
	for _, path := range []string{write(t, "in", strings.Repeat("a\n", 5000)), pack(t, strings.Repeat("a\n", 5000))} {
		s := New(Config{Path: path}, newDecoder)
		readAll(t, s, "")
		if done, size := s.Progress(); done != size || size == 0 {
			t.Errorf("%s: read %d of %d bytes, want all", filepath.Base(path), done, size)
		}
	}
}

// A read of the standard input that waits for its writer ends when asked.
func TestStdinStopsWhileNothingComes(t *testing.T) {
	t.Parallel()
	in, out := io.Pipe()
	defer func() { _ = out.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	s := NewStdin(in, newDecoder)
	done, begun := make(chan error, 1), make(chan struct{})
	go func() {
		done <- s.Read(ctx, "", func(event.Message) error { close(begun); return nil })
	}()
	if _, err := out.Write([]byte("a\n")); err != nil {
		t.Fatal(err)
	}
	<-begun
	cancel()
	if err := <-done; !errors.Is(err, errStopped) {
		t.Errorf("got %v, want %v", err, errStopped)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]Config{
		"file:a.ndjson": {Path: "a.ndjson", Format: "auto"},
		"file:/a/b.gz?format=twitter&rate=5&loop=1": {Path: "/a/b.gz", Format: "twitter", Rate: 5, Loop: true},
		"file:what?.txt?loop=0":                     {Path: "what?.txt", Format: "auto"},
		"stdin:":                                    {Format: "auto"},
		"stdin:?format=event":                       {Format: "event"},
	} {
		got, err := Parse(spec)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", spec, got, err, want)
		}
	}
	for spec, want := range map[string][]string{
		"file:":                    {"needs a path"},
		"stdin:a":                  {"takes no path"},
		"stdin:?loop=1":            {"there is: format"},
		"file:a?rat=5":             {"unknown", "rate"},
		"file:a?rate=0&loop=maybe": {`rate is "0"`, `loop is "maybe"`},
		"file:a?rate=many":         {`rate is "many"`},
		"file:a?%zz":               {"%zz"},
		"ftp:a":                    {"neither"},
	} {
		_, err := Parse(spec)
		for _, part := range want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: got %v, want something with %q", spec, err, part)
			}
		}
	}
}

func FuzzPosition(f *testing.F) {
	f.Add("12-ab")
	f.Add("3/12-0")
	f.Add("")
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := parsePosition(cursor)
		if err != nil {
			return
		}
		again, err := parsePosition(string(p.append(nil)))
		if err != nil || again != p {
			t.Errorf("%q: %+v became %+v, %v", cursor, p, again, err)
		}
	})
}

// readAll returns the cursors and lines of everything from cursor on.
func readAll(t *testing.T, s *Source, cursor string) (cursors, lines []string) {
	t.Helper()
	err := s.Read(t.Context(), cursor, func(m event.Message) error {
		cursors, lines = append(cursors, string(m.Cursor)), append(lines, string(m.Data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return cursors, lines
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func pack(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "in.gz", b.String())
}

func appendTo(t *testing.T, path, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
