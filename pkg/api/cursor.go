package api

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

// A cursor is the number of a change in 8 bytes and the CRC-32 of these in 4,
// in URL-safe base64: 16 letters that a client is not meant to read or build.
// The check tells a cut or mistyped cursor from a good one, so that it is
// refused and not taken for another place.
const (
	numberLength = 8
	cursorLength = 16
)

// appendCursor appends the cursor of a change's number.
func appendCursor(b []byte, number int64) []byte {
	var raw [numberLength + crc32.Size]byte
	binary.BigEndian.PutUint64(raw[:], uint64(number))
	binary.BigEndian.PutUint32(raw[numberLength:], crc32.ChecksumIEEE(raw[:numberLength]))
	return base64.RawURLEncoding.AppendEncode(b, raw[:])
}

// parseCursor reads what appendCursor wrote.
func parseCursor(text string) (number int64, ok bool) {
	if len(text) != cursorLength {
		return 0, false
	}
	var raw [numberLength + crc32.Size]byte
	if n, err := base64.RawURLEncoding.Decode(raw[:], []byte(text)); err != nil || n != len(raw) {
		return 0, false
	}
	if binary.BigEndian.Uint32(raw[numberLength:]) != crc32.ChecksumIEEE(raw[:numberLength]) {
		return 0, false
	}
	number = int64(binary.BigEndian.Uint64(raw[:]))
	return number, number >= 0
}
