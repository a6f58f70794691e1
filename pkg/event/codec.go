package event

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"unsafe"

	"github.com/klauspost/compress/zstd"
)

// The layout of a frame, little-endian (docs/wire.md). The header stands
// uncompressed in front, so that a script in Redis can cut it.
const (
	frameVersion = 1
	offVersion   = 0
	offID        = 1
	offEvents    = 17
	offOldest    = 21
	offSize      = 29
	offChecksum  = 33
	headerSize   = 37
)

// maxFrame bounds what a frame may unpack to, in bytes: hostile or broken input
// must not take the memory of a filter.
const maxFrame = 64 << 20

// The columns of a frame's body. Numbers and lengths stand in the first; what
// is alike stands together, which saves a third of the compressed size against
// rows.
const (
	colMeta = iota
	colKeys
	colNames
	colTexts
	colLinks
	colCount
)

// Bits of an event's flags: booleans and which fields follow.
const (
	bitRevised = iota
	bitAuthorID
	bitHandle
	bitName
	bitFollowers
	bitText
	bitLangs
	bitCreated
	bitLinks
	bitRepostOf
	bitReplyTo
	bitMentions
	bitHashtags
	bitMedia
	bitVerified
	bitKindLow
	bitKindHigh
	bitDeleted
	bitQuoteOf
	bitVersion
	bitThread
	bitURL
	bitAudience
	bitSensitive
	bitTruncated
	bitCashtags
	bitAccount
	bitNetwork // differs from the event before
	bitSource  // differs from the event before
	bitRecorded
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header is what stands in front of a frame.
type Header struct {
	ID     FrameID
	Events int
	Oldest Time
	Size   int // bytes of the unpacked body
}

// Errors of reading a frame.
var (
	// ErrFrameVersion: the frame was written by a newer program.
	ErrFrameVersion = errors.New("event: frame has an unknown version; a newer ingest wrote it: upgrade this filter")
	// ErrFrameDamaged: the frame is cut off, or its checksum does not fit.
	ErrFrameDamaged = errors.New("event: frame is damaged")
)

// ReadHeader reads the front of a frame without checking its body.
func ReadHeader(data []byte) (Header, error) {
	if len(data) < headerSize {
		return Header{}, ErrFrameDamaged
	}
	if data[offVersion] != frameVersion {
		return Header{}, ErrFrameVersion
	}
	h := Header{
		ID:     FrameID(data[offID:offEvents]),
		Events: int(binary.LittleEndian.Uint32(data[offEvents:])),
		Oldest: Time(binary.LittleEndian.Uint64(data[offOldest:])),
		Size:   int(binary.LittleEndian.Uint32(data[offSize:])),
	}
	if h.Size > maxFrame || h.Events > h.Size {
		return Header{}, ErrFrameDamaged
	}
	return h, nil
}

// Encoder gathers events into frames. It is used by one goroutine at a time.
type Encoder struct {
	columns [colCount][]byte
	body    []byte
	zstd    *zstd.Encoder
	events  int
	oldest  Time
	last    previous
}

// previous is what the next event of a frame is written against. The strings
// are copies: an event's own do not last.
type previous struct {
	network, source string
	received        Time
}

// NewEncoder makes an encoder; it holds about 1 MiB.
func NewEncoder() *Encoder {
	z, err := zstd.NewWriter(nil,
		zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return &Encoder{zstd: z}
}

// Len is the number of events gathered, Size their bytes before compression.
func (e *Encoder) Len() int { return e.events }

// Size is the number of bytes gathered, before compression.
func (e *Encoder) Size() int {
	n := 0
	for _, c := range e.columns {
		n += len(c)
	}
	return n
}

// Append adds ev to the frame. It keeps nothing of ev.
func (e *Encoder) Append(ev *Event) {
	if e.events == 0 || ev.ReceivedAt < e.oldest {
		e.oldest = ev.ReceivedAt
	}
	e.events++
	flags := ev.flags()
	if ev.Network != e.last.network {
		flags |= 1 << bitNetwork
		e.last.network = strings.Clone(ev.Network)
	}
	if ev.Source != e.last.source {
		flags |= 1 << bitSource
		e.last.source = strings.Clone(ev.Source)
	}
	e.uvarint(flags)
	if flags&(1<<bitNetwork) != 0 {
		e.str(colNames, ev.Network)
	}
	if flags&(1<<bitSource) != 0 {
		e.str(colNames, ev.Source)
	}
	e.str(colKeys, ev.Key)
	if flags&(1<<bitVersion) != 0 {
		e.varint(ev.Version)
	}
	e.varint(int64(ev.ReceivedAt - e.last.received))
	e.last.received = ev.ReceivedAt
	e.optional(flags, bitAudience, ev.Audience, colNames)
	if !ev.Deleted {
		e.post(ev, flags)
	}
}

// post writes the fields that a deletion lacks.
func (e *Encoder) post(ev *Event, flags uint64) {
	if flags&(1<<bitCreated) != 0 {
		e.varint(int64(ev.ReceivedAt - ev.CreatedAt))
	}
	if flags&(1<<bitFollowers) != 0 {
		e.uvarint(uint64(ev.Author.Followers))
	}
	e.present(flags, bitAuthorID, colKeys, ev.Author.ID)
	e.present(flags, bitHandle, colNames, ev.Author.Handle)
	e.present(flags, bitName, colNames, ev.Author.Name)
	e.present(flags, bitText, colTexts, ev.Text)
	e.present(flags, bitURL, colLinks, ev.URL)
	e.present(flags, bitThread, colKeys, ev.Thread)
	e.optional(flags, bitLangs, ev.Langs, colNames)
	e.optional(flags, bitLinks, ev.Links, colLinks)
	e.optional(flags, bitHashtags, ev.Hashtags, colTexts)
	e.optional(flags, bitCashtags, ev.Cashtags, colTexts)
	e.optional(flags, bitMentions, ev.Mentions, colNames)
	if flags&(1<<bitMedia) != 0 {
		e.uvarint(uint64(len(ev.Media)))
		for i := range ev.Media {
			e.uvarint(uint64(ev.Media[i].Type))
			e.str(colLinks, ev.Media[i].URL)
			e.str(colTexts, ev.Media[i].Alt)
		}
	}
	for _, ref := range []*Ref{ev.ReplyTo, ev.RepostOf, ev.QuoteOf} {
		if ref != nil {
			e.str(colKeys, ref.Key)
			e.str(colKeys, ref.AuthorID)
			e.str(colNames, ref.AuthorHandle)
			e.str(colTexts, ref.Text)
		}
	}
}

// flags gathers an event's booleans and which of its fields are there.
func (ev *Event) flags() uint64 {
	var f uint64
	set := func(bit int, on bool) {
		if on {
			f |= 1 << bit
		}
	}
	set(bitRevised, ev.Revised)
	set(bitDeleted, ev.Deleted)
	set(bitAccount, ev.Account)
	set(bitRecorded, ev.Recorded)
	set(bitVersion, ev.Version != VersionOnly)
	set(bitAudience, len(ev.Audience) > 0)
	if ev.Deleted {
		return f
	}
	f |= uint64(ev.Kind&3) << bitKindLow
	set(bitAuthorID, ev.Author.ID != "")
	set(bitHandle, ev.Author.Handle != "")
	set(bitName, ev.Author.Name != "")
	set(bitFollowers, ev.Author.Followers != 0)
	set(bitVerified, ev.Author.Verified)
	set(bitText, ev.Text != "")
	set(bitLangs, len(ev.Langs) > 0)
	set(bitCreated, ev.CreatedAt != 0)
	set(bitURL, ev.URL != "")
	set(bitLinks, len(ev.Links) > 0)
	set(bitHashtags, len(ev.Hashtags) > 0)
	set(bitCashtags, len(ev.Cashtags) > 0)
	set(bitMentions, len(ev.Mentions) > 0)
	set(bitMedia, len(ev.Media) > 0)
	set(bitReplyTo, ev.ReplyTo != nil)
	set(bitRepostOf, ev.RepostOf != nil)
	set(bitQuoteOf, ev.QuoteOf != nil)
	set(bitThread, ev.Thread != "")
	set(bitSensitive, ev.Sensitive)
	set(bitTruncated, ev.Truncated)
	return f
}

func (e *Encoder) uvarint(v uint64) {
	e.columns[colMeta] = binary.AppendUvarint(e.columns[colMeta], v)
}

func (e *Encoder) varint(v int64) {
	e.columns[colMeta] = binary.AppendVarint(e.columns[colMeta], v)
}

func (e *Encoder) str(column int, s string) {
	e.uvarint(uint64(len(s)))
	e.columns[column] = append(e.columns[column], s...)
}

func (e *Encoder) present(flags uint64, bit, column int, s string) {
	if flags&(1<<bit) != 0 {
		e.str(column, s)
	}
}

func (e *Encoder) optional(flags uint64, bit int, list []string, column int) {
	if flags&(1<<bit) == 0 {
		return
	}
	e.uvarint(uint64(len(list)))
	for _, s := range list {
		e.str(column, s)
	}
}

// Frame closes the frame under a new random id and begins the next one.
//
// Errors: an empty frame, or one that unpacks to more than 64 MiB.
func (e *Encoder) Frame() (Frame, error) {
	if e.events == 0 {
		return Frame{}, errors.New("event: frame without events")
	}
	e.body = e.body[:0]
	for _, c := range e.columns {
		e.body = binary.AppendUvarint(e.body, uint64(len(c)))
	}
	for _, c := range e.columns {
		e.body = append(e.body, c...)
	}
	if len(e.body) > maxFrame {
		return Frame{}, fmt.Errorf("event: frame of %d bytes is over the limit of %d", len(e.body), maxFrame)
	}
	f := Frame{Events: e.events, Oldest: e.oldest}
	if _, err := rand.Read(f.ID[:]); err != nil {
		return Frame{}, fmt.Errorf("event: frame id: %w", err)
	}
	// A third is usual; EncodeAll grows it where it is not enough.
	out := make([]byte, headerSize, headerSize+len(e.body)/2)
	out[offVersion] = frameVersion
	copy(out[offID:], f.ID[:])
	binary.LittleEndian.PutUint32(out[offEvents:], uint32(f.Events))
	binary.LittleEndian.PutUint64(out[offOldest:], uint64(f.Oldest))
	binary.LittleEndian.PutUint32(out[offSize:], uint32(len(e.body)))
	out = e.zstd.EncodeAll(e.body, out)
	binary.LittleEndian.PutUint32(out[offChecksum:], checksum(out))
	f.Data = out
	e.reset()
	return f, nil
}

func (e *Encoder) reset() {
	for i := range e.columns {
		e.columns[i] = e.columns[i][:0]
	}
	e.events, e.oldest, e.last = 0, 0, previous{}
}

// checksum covers a frame but for the checksum itself.
func checksum(frame []byte) uint32 {
	sum := crc32.Update(0, castagnoli, frame[:offChecksum])
	return crc32.Update(sum, castagnoli, frame[headerSize:])
}

// Reader unpacks frames. It is used by one goroutine at a time.
type Reader struct {
	zstd    *zstd.Decoder
	body    []byte
	columns [colCount]column
	left    int
	last    previous
	refs    [3]Ref
}

// column is what is left of one column; failed once something ran past its end.
type column struct {
	b      []byte
	failed bool
}

// NewReader makes a reader.
func NewReader() *Reader {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return &Reader{zstd: z}
}

// Open checks and unpacks a frame. Strings of events read before are no longer
// valid.
//
// Errors: ErrFrameVersion, ErrFrameDamaged.
func (r *Reader) Open(data []byte) (Header, error) {
	r.left = 0
	h, err := ReadHeader(data)
	if err != nil {
		return Header{}, err
	}
	if binary.LittleEndian.Uint32(data[offChecksum:]) != checksum(data) {
		return Header{}, ErrFrameDamaged
	}
	r.body, err = r.zstd.DecodeAll(data[headerSize:], r.body[:0])
	if err != nil || len(r.body) != h.Size {
		return Header{}, ErrFrameDamaged
	}
	if !r.split() {
		return Header{}, ErrFrameDamaged
	}
	r.left, r.last = h.Events, previous{}
	return h, nil
}

// split finds the columns of the body.
func (r *Reader) split() bool {
	head := column{b: r.body}
	var sizes [colCount]int
	total := 0
	for i := range sizes {
		sizes[i] = head.length()
		total += sizes[i]
	}
	if head.failed || total != len(head.b) {
		return false
	}
	for i, size := range sizes {
		r.columns[i] = column{b: head.b[:size]}
		head.b = head.b[size:]
	}
	return true
}

// Next reads the next event into ev, which it resets; false after the last.
//
// Errors: ErrFrameDamaged, which a correct checksum makes all but impossible.
func (r *Reader) Next(ev *Event) (bool, error) {
	if r.left == 0 {
		return false, nil
	}
	r.left--
	ev.Reset()
	m := &r.columns[colMeta]
	flags := m.uvarint()
	if flags&(1<<bitNetwork) != 0 {
		r.last.network = r.str(colNames)
	}
	if flags&(1<<bitSource) != 0 {
		r.last.source = r.str(colNames)
	}
	ev.Network, ev.Source = r.last.network, r.last.source
	ev.Key = r.str(colKeys)
	ev.Version = VersionOnly
	if flags&(1<<bitVersion) != 0 {
		ev.Version = m.varint()
	}
	r.last.received += Time(m.varint())
	ev.ReceivedAt = r.last.received
	ev.Revised, ev.Deleted, ev.Account = has(flags, bitRevised), has(flags, bitDeleted), has(flags, bitAccount)
	ev.Recorded = has(flags, bitRecorded)
	ev.Audience = r.optional(flags, bitAudience, ev.Audience, colNames)
	if !ev.Deleted {
		r.post(ev, flags)
	}
	if r.failed() {
		r.left = 0
		return false, ErrFrameDamaged
	}
	return true, nil
}

func (r *Reader) failed() bool {
	for i := range r.columns {
		if r.columns[i].failed {
			return true
		}
	}
	return false
}

// post reads the fields that a deletion lacks, in the order of Encoder.post.
func (r *Reader) post(ev *Event, flags uint64) {
	m := &r.columns[colMeta]
	if has(flags, bitCreated) {
		ev.CreatedAt = ev.ReceivedAt - Time(m.varint())
	}
	if has(flags, bitFollowers) {
		ev.Author.Followers = int64(m.uvarint())
	}
	ev.Kind = Kind(flags >> bitKindLow & 3)
	ev.Author.Verified = has(flags, bitVerified)
	ev.Sensitive, ev.Truncated = has(flags, bitSensitive), has(flags, bitTruncated)
	ev.Author.ID = r.present(flags, bitAuthorID, colKeys)
	ev.Author.Handle = r.present(flags, bitHandle, colNames)
	ev.Author.Name = r.present(flags, bitName, colNames)
	ev.Text = r.present(flags, bitText, colTexts)
	ev.URL = r.present(flags, bitURL, colLinks)
	ev.Thread = r.present(flags, bitThread, colKeys)
	ev.Langs = r.optional(flags, bitLangs, ev.Langs, colNames)
	ev.Links = r.optional(flags, bitLinks, ev.Links, colLinks)
	ev.Hashtags = r.optional(flags, bitHashtags, ev.Hashtags, colTexts)
	ev.Cashtags = r.optional(flags, bitCashtags, ev.Cashtags, colTexts)
	ev.Mentions = r.optional(flags, bitMentions, ev.Mentions, colNames)
	if has(flags, bitMedia) {
		r.media(ev)
	}
	ev.ReplyTo = r.ref(flags, bitReplyTo, 0)
	ev.RepostOf = r.ref(flags, bitRepostOf, 1)
	ev.QuoteOf = r.ref(flags, bitQuoteOf, 2)
}

func (r *Reader) media(ev *Event) {
	m := &r.columns[colMeta]
	for n := m.length(); n > 0 && !m.failed; n-- {
		t := m.uvarint()
		if t > uint64(MediaLink) {
			m.failed = true
			return
		}
		ev.Media = append(ev.Media, Media{Type: MediaType(t), URL: r.str(colLinks), Alt: r.str(colTexts)})
	}
}

// ref reads a reference into memory of the reader, one place for each of the
// three that an event may have.
func (r *Reader) ref(flags uint64, bit, place int) *Ref {
	if !has(flags, bit) {
		return nil
	}
	ref := &r.refs[place]
	ref.Key, ref.AuthorID = r.str(colKeys), r.str(colKeys)
	ref.AuthorHandle, ref.Text = r.str(colNames), r.str(colTexts)
	return ref
}

func (r *Reader) present(flags uint64, bit, column int) string {
	if !has(flags, bit) {
		return ""
	}
	return r.str(column)
}

func (r *Reader) optional(flags uint64, bit int, list []string, column int) []string {
	if !has(flags, bit) {
		return list
	}
	m := &r.columns[colMeta]
	for n := m.length(); n > 0 && !m.failed; n-- {
		list = append(list, r.str(column))
	}
	return list
}

// str takes the next string of a column; its length stands in the meta column.
// The string points into the unpacked body: copying each would cost more than
// all the rest of reading.
func (r *Reader) str(col int) string {
	n := r.columns[colMeta].uvarint()
	c := &r.columns[col]
	if n == 0 {
		return ""
	}
	if n > uint64(len(c.b)) {
		c.failed = true
		return ""
	}
	s := unsafe.String(&c.b[0], int(n))
	c.b = c.b[n:]
	return s
}

func has(flags uint64, bit int) bool { return flags&(1<<bit) != 0 }

func (c *column) uvarint() uint64 {
	if len(c.b) > 0 && c.b[0] < 0x80 {
		v := c.b[0]
		c.b = c.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.failed = true
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *column) varint() int64 {
	u := c.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// length reads a count of things that take at least one byte each.
func (c *column) length() int {
	n := c.uvarint()
	if n > uint64(len(c.b)) {
		c.failed = true
		return 0
	}
	return int(n)
}
