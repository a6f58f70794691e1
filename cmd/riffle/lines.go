package main

import (
	"bytes"
	"context"
	"errors"
	"io"

	"riffle/pkg/event"
)

// chunkSize is how much of the input goes to a worker at once; a line may be
// longer.
const chunkSize = 256 << 10

// cutLines cuts in into runs of whole lines and hands each to emit, with the
// number of lines before it that were longer than a message may be and are
// left out. The last line needs no line feed.
//
// Errors: those of in, and ctx's.
func cutLines(ctx context.Context, in io.Reader, emit func(lines []byte, tooLong int64)) error {
	var rest []byte // the beginning of a line whose end is not read yet
	var tooLong int64
	skipping := false // within a line that is too long
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		buf, atEnd, err := fill(in, rest)
		if err != nil {
			return err
		}
		if skipping {
			var found bool
			buf, found = afterLine(buf)
			skipping = !found
		}
		end := bytes.LastIndexByte(buf, '\n') + 1
		if atEnd {
			end = len(buf)
		}
		if end > 0 || tooLong > 0 && atEnd {
			emit(buf[:end], tooLong)
			tooLong = 0
		}
		if atEnd {
			return nil
		}
		if rest = buf[end:]; len(rest) > event.MaxMessage {
			rest, skipping = nil, true
			tooLong++
		}
	}
}

// fill gives rest and what follows it: as much as there is at once, since the
// input may be a pipe in which lines come one by one.
func fill(in io.Reader, rest []byte) (buf []byte, atEnd bool, err error) {
	buf = make([]byte, len(rest)+chunkSize)
	n := copy(buf, rest)
	for n < len(buf) {
		more, err := in.Read(buf[n:])
		n += more
		switch {
		case errors.Is(err, io.EOF):
			return buf[:n], true, nil
		case err != nil:
			return nil, false, err
		case bytes.IndexByte(buf[n-more:n], '\n') >= 0:
			return buf[:n], false, nil
		}
	}
	return buf, false, nil
}

// afterLine gives what follows the first line feed.
func afterLine(buf []byte) ([]byte, bool) {
	_, after, found := bytes.Cut(buf, []byte{'\n'})
	return after, found
}
