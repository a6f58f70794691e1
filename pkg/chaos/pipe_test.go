package chaos

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// pipe tells a stream once: who has read a line and loses it cannot have it again.
type pipe struct {
	read  *os.File // an ingest's standard input
	write *os.File
	lines []string
	rate  int
	hurry chan struct{} // closed when there are no more misdeeds
}

// lastWords are lines that are kept back until the misdeeds are over: where Redis
// goes back, only a writer that lives can give again what it lost.
const lastWords = 200

func newPipe(t *testing.T, lines []string, rate int) *pipe {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = read.Close() }) // whoever still writes is told
	return &pipe{read: read, write: write, lines: lines, rate: rate, hurry: make(chan struct{})}
}

// run writes the lines at the rate, and at once what is left when it hurries.
func (p *pipe) run(closing <-chan struct{}) {
	defer func() { _ = p.write.Close() }()
	const each = 10 * time.Millisecond
	ticker := time.NewTicker(each)
	defer ticker.Stop()
	rest, some := p.lines, max(1, p.rate*int(each)/int(time.Second))
	for {
		var now []string
		select {
		case <-p.hurry:
			_, _ = io.WriteString(p.write, strings.Join(rest, "\n")+"\n") // a run that has failed reads no more
			return
		case <-closing:
			return
		case <-ticker.C:
			if len(rest) > lastWords {
				now, rest = rest[:some], rest[some:]
			}
		}
		if len(now) == 0 {
			continue
		}
		if _, err := io.WriteString(p.write, strings.Join(now, "\n")+"\n"); err != nil {
			return
		}
	}
}
