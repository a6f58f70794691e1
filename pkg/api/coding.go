package api

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// minCoded is the least body worth compressing.
const minCoded = 1000

// coding is a content coding that bodies may be sent in; empty: as they are.
type coding string

const (
	codingZstd coding = "zstd"
	codingGzip coding = "gzip"
)

// codingOf chooses the coding of an answer: the one that the client likes best
// of ours, zstd where it does not care.
func codingOf(accept string) coding {
	if accept == "" {
		return ""
	}
	var best coding
	most := 0.0
	for part := range strings.SplitSeq(accept, ",") {
		name, weight := weightOf(part)
		known := coding(name) == codingZstd || coding(name) == codingGzip
		if known && (weight > most || weight == most && weight > 0 && coding(name) == codingZstd) {
			best, most = coding(name), weight
		}
	}
	return best
}

// reads reports whether a client takes a coding.
func reads(accept string, c coding) bool {
	for part := range strings.SplitSeq(accept, ",") {
		if name, weight := weightOf(part); coding(name) == c {
			return weight > 0
		}
	}
	return false
}

// weightOf reads one name of an Accept-Encoding header with its weight, 0 for
// one that cannot be read.
func weightOf(part string) (name string, weight float64) {
	name, parameter, weighted := strings.Cut(part, ";")
	name = strings.ToLower(strings.TrimSpace(name))
	if !weighted {
		return name, 1
	}
	value, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameter)), "q=")
	weight, err := strconv.ParseFloat(value, 64)
	if !ok || err != nil || !(weight >= 0 && weight <= 1) {
		return name, 0
	}
	return name, weight
}

// packers are used again: each holds some hundred KB.
var (
	gzips = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}
	// Bodies are short, so a small window loses nothing. EncodeAll may be called
	// at once.
	zstds = sync.OnceValue(func() *zstd.Encoder {
		encoder, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(128<<10), zstd.WithLowerEncoderMem(true)) // the options are known
		return encoder
	})
)

// pack gives a body in a coding.
func pack(body []byte, c coding) []byte {
	if c == codingZstd {
		return zstds().EncodeAll(body, make([]byte, 0, len(body)/4))
	}
	var packed bytes.Buffer
	writer, _ := gzips.Get().(*gzip.Writer)
	writer.Reset(&packed)
	_, _ = writer.Write(body) // into memory
	_ = writer.Close()
	gzips.Put(writer)
	return packed.Bytes()
}

// codingFor is the coding in which an answer with a body of this length is sent.
func codingFor(w http.ResponseWriter, length int) coding {
	out, ok := w.(*answer)
	if !ok || length < minCoded {
		return ""
	}
	return codingOf(out.accept)
}

// writeCoded sends a whole body that is in a coding already.
func writeCoded(w http.ResponseWriter, status int, kind string, c coding, body []byte) {
	header := w.Header()
	header["Content-Type"] = []string{kind}
	if c != "" {
		header["Content-Encoding"] = []string{string(c)}
	}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// writeWhole sends a whole body, compressed where the client can read that and
// it helps. That the client is gone is no failure of ours, so nothing is told of
// it.
func writeWhole(w http.ResponseWriter, status int, kind string, body []byte) {
	c := codingFor(w, len(body))
	if c != "" {
		body = pack(body, c)
	}
	writeCoded(w, status, kind, c, body)
}
