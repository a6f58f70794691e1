// Package web holds the page that the api serves at /, as Vite built it from the
// sources beside this file. What is built is not under version control: without
// it, Dist has no index.html, and the api says so.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var built embed.FS

// Dist has the built files: index.html and what it names.
func Dist() fs.FS {
	dist, err := fs.Sub(built, "dist")
	if err != nil { // only for a path that is none
		panic("web: " + err.Error())
	}
	return dist
}
