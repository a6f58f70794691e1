package feed

import (
	"fmt"
	"strings"
	"time"

	"riffle/pkg/reconnect"
)

// position is the id of the newest message, where messages have some, else until
// when the stream was heard. As a cursor: id:ID, or the time.
type position struct {
	at time.Time // zero: nobody knows
	id string
}

const (
	idPrefix   = "id:"
	timeFormat = "2006-01-02T15:04:05.000Z"
)

var errForeignCursor = reconnect.Denied("this name belongs to another kind of source: give this one a --name of its own")

func parsePosition(cursor string) (position, error) {
	if cursor == "" {
		return position{}, nil
	}
	if id, ok := strings.CutPrefix(cursor, idPrefix); ok {
		return position{id: id}, nil
	}
	at, err := time.Parse(timeFormat, cursor)
	if err != nil {
		return position{}, fmt.Errorf("feed: cursor %q is no id and no time: %w", cursor, errForeignCursor)
	}
	return position{at: at}, nil
}

func (p position) append(b []byte) []byte {
	if p.id != "" {
		return append(append(b, idPrefix...), p.id...)
	}
	return p.at.UTC().AppendFormat(b, timeFormat)
}
