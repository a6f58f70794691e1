package internal

import (
	"runtime"
	"runtime/debug"
)

// version is set by the build (Makefile).
var version = ""

// Version names this build: the tag or commit it was made of.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// VersionLine is what --version prints.
func VersionLine(binary string) string {
	return binary + " " + Version() + " (" + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")"
}
