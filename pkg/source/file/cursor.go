package file

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
)

// headSize is how much of a file's beginning is remembered by its checksum, to
// notice another file under the same name.
const headSize = 1024

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// position is a cursor: [ROUND/]OFFSET-SUM. OFFSET counts unpacked bytes, SUM is
// the CRC-32C, in hexadecimal, of the file's first bytes, as many as have been
// read but at most 1024.
type position struct {
	round  int
	offset int64
	sum    uint32
}

func parsePosition(cursor string) (position, error) {
	var p position
	if cursor == "" {
		return p, nil
	}
	rest := cursor
	var err error
	if round, after, looped := strings.Cut(cursor, "/"); looped {
		rest = after
		if p.round, err = strconv.Atoi(round); err != nil || p.round < 0 {
			return position{}, cursorError(cursor)
		}
	}
	offset, sum, _ := strings.Cut(rest, "-")
	if p.offset, err = strconv.ParseInt(offset, 10, 64); err != nil || p.offset < 0 {
		return position{}, cursorError(cursor)
	}
	wide, err := strconv.ParseUint(sum, 16, 32)
	if err != nil {
		return position{}, cursorError(cursor)
	}
	p.sum = uint32(wide)
	return p, nil
}

func cursorError(cursor string) error {
	return fmt.Errorf("cursor %q is not one of a file; this name belongs to another kind of source: give this one a --name of its own", cursor)
}

func (p position) append(b []byte) []byte {
	if p.round > 0 {
		b = append(strconv.AppendInt(b, int64(p.round), 10), '/')
	}
	b = append(strconv.AppendInt(b, p.offset, 10), '-')
	return strconv.AppendUint(b, uint64(p.sum), 16)
}

// head is the beginning of a file.
type head struct {
	bytes []byte
	whole uint32 // the checksum of all of it
}

func readHead(in io.Reader) (head, error) {
	b := make([]byte, headSize)
	n, err := io.ReadFull(in, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return head{}, err
	}
	return head{b[:n], crc32.Checksum(b[:n], castagnoli)}, nil
}

// sum is the checksum of as much of the head as an offset covers.
func (h head) sum(offset int64) uint32 {
	if offset >= int64(len(h.bytes)) {
		return h.whole
	}
	return crc32.Checksum(h.bytes[:offset], castagnoli)
}
