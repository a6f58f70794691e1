package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"riffle/web"
)

// pagePolicy lets the page run its own script and style and nothing else. Scripts
// may turn no text into markup. Pictures come from wherever posts have them.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' https:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// unbuilt is what stands at / in a binary that was built without its page.
const unbuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>riffle: no page</title>
<h1>This riffle was built without its page</h1>
<p>The API under <a href="/openapi.json">/v1</a> works. The page comes with <code>make build</code>, which needs Node.js 20 and npm.</p>
</html>
`

// pageFile is one file of the page, ready to be sent.
type pageFile struct {
	kind  string // its content type
	tag   string
	plain []byte
	small []byte // gzip; nil where that does not help
}

// builtPage is the page in this binary, compressed once for all that serve it.
var builtPage = sync.OnceValues(func() (map[string]*pageFile, error) { return readPage(web.Dist()) })

// readPage reads the built page, each file by its path; without an index.html it
// is a page that says what is missing.
func readPage(dist fs.FS) (map[string]*pageFile, error) {
	files := map[string]*pageFile{}
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		content, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		files["/"+name] = newPageFile(name, content)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("api: read the page: %w", err)
	}
	index, ok := files["/index.html"]
	if !ok {
		return map[string]*pageFile{"/{$}": newPageFile("index.html", []byte(unbuilt))}, nil
	}
	delete(files, "/index.html")
	files["/{$}"] = index
	return files, nil
}

func newPageFile(name string, content []byte) *pageFile {
	sum := sha256.Sum256(content)
	file := &pageFile{
		kind:  mime.TypeByExtension(path.Ext(name)),
		tag:   `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
		plain: content,
	}
	var small bytes.Buffer
	packer, _ := gzip.NewWriterLevel(&small, gzip.BestCompression) // the level is known
	_, _ = packer.Write(content)                                   // into memory
	_ = packer.Close()
	if small.Len() < len(content) {
		file.small = small.Bytes()
	}
	return file
}

// ServeHTTP sends the file. Its name stays the same from version to version, so
// that a browser asks each time whether what it has is good.
func (f *pageFile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", pagePolicy)
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	header.Set("Cache-Control", "no-cache")
	header.Set("Vary", "Accept-Encoding")
	header.Set("ETag", f.tag)
	if hasTag(r.Header.Get("If-None-Match"), f.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", f.kind)
	body := f.plain
	if f.small != nil && reads(r.Header.Get("Accept-Encoding"), codingGzip) {
		header.Set("Content-Encoding", "gzip")
		body = f.small
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a browser that is gone is no failure of ours; of a HEAD the server sends no body
}

func addPage(mux *http.ServeMux, page map[string]*pageFile) {
	for at, file := range page {
		mux.Handle("GET "+at, file)
	}
}
