package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// Source says which stream to read. It prints with what looks like a secret
// masked.
type Source struct {
	URL    string
	Scheme string // what stands before the first colon, such as jetstream+ws
	Host   string // with port; empty for file:, stdin: and sim:
	Path   string // of file: the path as given; of others with its leading slash
	Params url.Values
}

// Set reads a source's URL. Which schemes and parameters there are is the
// matter of who opens it.
func (s *Source) Set(text string) error {
	p, err := split(text)
	if err != nil {
		return fmt.Errorf("%w; write for example sim:, file:PATH or jetstream://host/subscribe", err)
	}
	*s = Source{URL: text, Scheme: p.scheme, Host: p.host, Path: p.path, Params: p.query}
	return nil
}

func (s *Source) String() string { return mask(s.URL) }

var notInNames = regexp.MustCompile(`[^a-z0-9._-]+`)

// Name gives the name that the source has when none is set: from its scheme and
// host, of Mastodon's also the stream. A file's also holds a digest of its absolute path, so that two files
// of one name do not share a cursor.
func (s *Source) Name() Name {
	kind, _, _ := strings.Cut(s.Scheme, "+")
	name := kind
	switch {
	case s.Host != "":
		name += "-" + s.Host
	case kind == "file":
		name += "-" + fileStem(s.Path) + "-" + pathDigest(s.Path)
	}
	if kind == "mastodon" {
		name += s.stream()
	}
	name = strings.TrimLeft(notInNames.ReplaceAllString(strings.ToLower(name), "-"), "._-")
	return Name(name[:min(len(name), maxName)])
}

// stream tells apart the streams of one server, but for that which most read.
func (s *Source) stream() string {
	name := strings.TrimSuffix(s.Path, "/")
	if name == "/public" {
		return ""
	}
	for _, option := range []string{"tag", "list"} {
		if of := s.Params.Get(option); of != "" {
			name += "-" + of
		}
	}
	return name
}

// fileStem gives the first part of a file's name, short enough for a name.
func fileStem(file string) string {
	stem, _, _ := strings.Cut(path.Base(filepath.ToSlash(file)), ".")
	return stem[:min(len(stem), 40)]
}

func pathDigest(file string) string {
	// Without a working directory the path as given is still a name.
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	sum := sha256.Sum256([]byte(file))
	return hex.EncodeToString(sum[:4])
}
