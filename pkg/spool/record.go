package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"riffle/pkg/event"
)

// The layout of a file: fileHeader, then records. A record is a header and its
// payload: the length of the cursor as uvarint, the cursor, the frame. The header
// has a checksum of its own, so that of a spoilt frame it is known which it was.
const (
	fileHeader   = "riffle\x00\x01" // the last byte is the version
	recordMark   = "\xf5SPL"        // begins with a byte that no UTF-8 text has
	offLength    = 4                // of the payload
	offID        = 8
	offEvents    = 24
	offHeaderSum = 28
	offSum       = 32 // of the payload
	recordHeader = 36
	// maxPayload is more than the largest frame takes with its cursor.
	maxPayload = 80 << 20
)

// What stands at the same place in frames of every version (docs/wire.md).
const (
	frameID     = 1
	frameEvents = 17
	frameOldest = 21
	frameHeader = 37
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is the front of a record.
type header struct {
	payload int
	id      event.FrameID
	events  int
}

// appendRecord adds the record of e to b.
func appendRecord(b []byte, e event.Entry) []byte {
	start := len(b)
	b = append(b, recordMark...)
	b = append(b, make([]byte, recordHeader-offLength)...)
	b = binary.AppendUvarint(b, uint64(len(e.Cursor)))
	b = append(b, e.Cursor...)
	b = append(b, e.Frame.Data...)
	record := b[start:]
	binary.LittleEndian.PutUint32(record[offLength:], uint32(len(record)-recordHeader))
	copy(record[offID:], e.Frame.ID[:])
	binary.LittleEndian.PutUint32(record[offEvents:], uint32(e.Frame.Events))
	binary.LittleEndian.PutUint32(record[offHeaderSum:], sum(record[:offHeaderSum]))
	binary.LittleEndian.PutUint32(record[offSum:], sum(record[recordHeader:]))
	return b
}

func sum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// parseHeader reads the front of a record; false when it is none.
func parseHeader(b []byte) (h header, ok bool) {
	if len(b) < recordHeader || string(b[:offLength]) != recordMark ||
		binary.LittleEndian.Uint32(b[offHeaderSum:]) != sum(b[:offHeaderSum]) {
		return header{}, false
	}
	length := binary.LittleEndian.Uint32(b[offLength:])
	h = header{
		payload: int(length), id: event.FrameID(b[offID:offEvents]), events: int(binary.LittleEndian.Uint32(b[offEvents:])),
	}
	return h, length <= maxPayload
}

// parseRecord reads the record that b begins with, and gives its length; false
// when it is torn or damaged. The entry's bytes are b's.
func parseRecord(b []byte) (e event.Entry, size int, ok bool) {
	h, ok := parseHeader(b)
	if size = recordHeader + h.payload; !ok || len(b) < size {
		return event.Entry{}, 0, false
	}
	payload := b[recordHeader:size]
	if binary.LittleEndian.Uint32(b[offSum:]) != sum(payload) {
		return event.Entry{}, 0, false
	}
	n, width := binary.Uvarint(payload)
	if width <= 0 || n > uint64(len(payload)-width) {
		return event.Entry{}, 0, false
	}
	frame := payload[width+int(n):]
	if len(frame) < frameHeader || event.FrameID(frame[frameID:frameEvents]) != h.id {
		return event.Entry{}, 0, false
	}
	e.Cursor = string(payload[width : width+int(n)])
	e.Frame = event.Frame{
		ID: h.id, Events: h.events, Oldest: event.Time(binary.LittleEndian.Uint64(frame[frameOldest:])), Data: frame,
	}
	return e, size, true
}

// Damage is a stretch of a file that holds no entry any more.
type Damage struct {
	File   string
	Offset int64
	Bytes  int64
	// Torn says that it is the end of the newest file: most likely an entry that
	// was being written in a crash, and not accepted.
	Torn bool
	// Frames are those that the stretch began to hold, without their Data. A
	// stretch in which even that is spoilt has none, and held at least one.
	Frames []event.Frame
}

// Events counts those of the frames that are known.
func (d *Damage) Events() (n int) {
	for i := range d.Frames {
		n += d.Frames[i].Events
	}
	return n
}

// scan finds the records of a file's bytes in order, and what lies between them.
func scan(b []byte, record func(record []byte, e event.Entry), damage func(Damage)) {
	at := 0
	if bytes.HasPrefix(b, []byte(fileHeader)) {
		at = len(fileHeader)
	}
	for at < len(b) {
		if e, size, ok := parseRecord(b[at:]); ok {
			record(b[at:at+size], e)
			at += size
			continue
		}
		next, frames := resume(b, at)
		damage(Damage{Offset: int64(at), Bytes: int64(next - at), Torn: next == len(b), Frames: frames})
		at = next
	}
}

// resume finds the next whole record after a damaged one, or the end, and tells
// which frames begin in between.
func resume(b []byte, at int) (next int, frames []event.Frame) {
	for next = at; next < len(b); next++ {
		i := bytes.Index(b[next:], []byte(recordMark))
		if i < 0 {
			return len(b), frames
		}
		next += i
		if _, _, ok := parseRecord(b[next:]); ok {
			return next, frames
		}
		if h, ok := parseHeader(b[next:]); ok {
			frames = append(frames, event.Frame{ID: h.id, Events: h.events})
		}
	}
	return len(b), frames
}
