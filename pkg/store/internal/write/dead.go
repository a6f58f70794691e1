package write

import (
	"strings"

	"riffle/pkg/event"
)

// maxDeadText is how much of a dead letter's texts the columns take, in bytes.
const maxDeadText = 2048

// Fit cuts the texts of a dead letter to what the columns take: a letter must
// not be refused for the same reason as its event.
func Fit(d event.DeadLetter) event.DeadLetter {
	d.Source, d.Key = clip(d.Source), clip(d.Key)
	d.Error = strings.ToValidUTF8(clip(strings.ReplaceAll(d.Error, "\x00", "")), "\uFFFD")
	if len(d.Error) > maxDeadText { // what stands for a bad byte is longer than it
		d.Error = strings.ToValidUTF8(clip(d.Error), "")
	}
	return d
}

func clip(s string) string { return s[:min(len(s), maxDeadText)] }
