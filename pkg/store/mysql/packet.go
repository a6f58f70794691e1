package mysql

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"unsafe"
)

// packet is the text of one or more statements under construction. Values are
// written as literals that mean the same whatever they hold: ids in hex, text
// quoted. That relies on what session says of every connection: bytes are taken
// as they are, and the backslash escapes.
type packet struct{ b []byte }

func (p *packet) add(sql string) { p.b = append(p.b, sql...) }

func (p *packet) int(n int64) { p.b = strconv.AppendInt(p.b, n, 10) }

func (p *packet) id(id *[16]byte) {
	p.b = append(p.b, "X'"...)
	p.b = hex.AppendEncode(p.b, id[:])
	p.b = append(p.b, '\'')
}

// sql is the packet's text, good until the packet is used again: a copy of it
// would be one of megabytes.
func (p *packet) sql() string { return unsafe.String(unsafe.SliceData(p.b), len(p.b)) }

// text adds a string, or NULL for nil.
func (p *packet) text(s []byte) {
	if s == nil {
		p.add("NULL")
		return
	}
	p.b = append(p.b, '\'')
	p.escape(s)
	p.b = append(p.b, '\'')
}

func (p *packet) escape(s []byte) {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			p.escapeQuotes(s)
			return
		}
		p.escapeQuotes(s[:i])
		p.b = append(p.b, '\\', '\\')
		s = s[i+1:]
	}
}

// escapeQuotes adds text without backslashes.
func (p *packet) escapeQuotes(s []byte) {
	for {
		i := bytes.IndexByte(s, '\'')
		if i < 0 {
			p.b = append(p.b, s...)
			return
		}
		p.b = append(append(p.b, s[:i]...), '\\', '\'')
		s = s[i+1:]
	}
}

// list adds n values in parentheses, divided by commas.
func (p *packet) list(n int, value func(i int)) {
	p.add("(")
	p.rows(n, value)
	p.add(")")
}

// rows adds n values divided by commas.
func (p *packet) rows(n int, value func(i int)) {
	for i := range n {
		if i > 0 {
			p.add(",")
		}
		value(i)
	}
}
