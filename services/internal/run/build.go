package run

import (
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// build is what the toolchain put into the program: the module's version, "(devel)" for one
// that was built from a folder, the commit, with "-dirty" if files were changed, and Go's version.
// What is not known is "unknown".
type build struct{ version, revision, goVersion string }

func readBuild() build {
	b := build{version: "unknown", revision: "unknown", goVersion: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.goVersion = info.GoVersion
	if info.Main.Version != "" {
		b.version = info.Main.Version
	}
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if b.revision != "unknown" {
		b.revision += dirty
	}
	return b
}

// newBuildInfo is a gauge that is always 1; its labels tell what runs.
func newBuildInfo() prometheus.Collector {
	b := readBuild()
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "feedback_build_info", Help: "What runs; always 1.",
		ConstLabels: prometheus.Labels{"version": b.version, "revision": b.revision, "goversion": b.goVersion},
	})
	g.Set(1)
	return g
}
