package store

import (
	"encoding/base64"
	"encoding/binary"
	"math"
)

// idLength is the length of an event's id in bytes.
const idLength = 16

// matchID names a match: user and event, so that it is the same whenever the
// match comes back.
func matchID(user int64, id []byte) string {
	b := binary.AppendUvarint(make([]byte, 0, binary.MaxVarintLen64+idLength), uint64(user))
	return base64.RawURLEncoding.EncodeToString(append(b, id...))
}

// parseMatchID reads what matchID wrote.
func parseMatchID(text string) (user int64, id []byte, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return 0, nil, false
	}
	n, size := binary.Uvarint(b)
	if size <= 0 || len(b)-size != idLength || n > math.MaxInt64 {
		return 0, nil, false
	}
	// There is one way to write a match's id, so that it can be compared.
	if size > 1 && b[size-1] == 0 {
		return 0, nil, false
	}
	return int64(n), b[size:], true
}
