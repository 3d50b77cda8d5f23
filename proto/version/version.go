// Package version tells what a program was built from: the same in its --version, in its first line of log and in the
// metric feedback_build_info. It imports nothing but the standard library, so every module can have it.
package version

import (
	"fmt"
	"runtime/debug"
)

// What the linker sets, by -X: `make build`, .ko.yaml and skaffold.yaml do. Empty where the toolchain was called by hand.
var (
	version  string // as git describe --tags --always --dirty has it
	revision string // the commit, with -dirty if files were changed
)

// Build is what a program was built from. What is not known is "unknown".
type Build struct {
	// Version is what the linker was told, or else the module's version: "(devel)" for one that was built from a folder.
	Version string
	// Revision is the commit, with "-dirty" if files were changed.
	Revision string
	// Go is the toolchain's version, such as go1.26.
	Go string
}

// String reads: version (revision, Go's version).
func (b Build) String() string { return fmt.Sprintf("%s (%s, %s)", b.Version, b.Revision, b.Go) }

// Read tells what this program was built from.
func Read() Build {
	info, _ := debug.ReadBuildInfo()
	return read(version, revision, info)
}

// read prefers what the linker was told over what the toolchain found by itself; info may be nil.
func read(version, revision string, info *debug.BuildInfo) Build {
	b := Build{Version: version, Revision: revision, Go: "unknown"}
	if info != nil {
		b.Go = info.GoVersion
		b.Version = first(version, info.Main.Version)
		b.Revision = first(revision, commit(info.Settings))
	}
	b.Version, b.Revision = first(b.Version, "unknown"), first(b.Revision, "unknown")
	return b
}

// commit is the one that the toolchain found, empty if none.
func commit(settings []debug.BuildSetting) string {
	of := map[string]string{}
	for _, s := range settings {
		of[s.Key] = s.Value
	}
	if of["vcs.revision"] != "" && of["vcs.modified"] == "true" {
		return of["vcs.revision"] + "-dirty"
	}
	return of["vcs.revision"]
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Asked tells whether a command line, without the program's name, asks for the version and nothing else.
func Asked(args []string) bool {
	return len(args) == 1 && (args[0] == "--version" || args[0] == "-version")
}
