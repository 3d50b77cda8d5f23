package version

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestRead(t *testing.T) {
	found := func(settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "(devel)"}, Settings: settings}
	}
	commit, clean, dirty := debug.BuildSetting{Key: "vcs.revision", Value: "c0ffee"}, debug.BuildSetting{Key: "vcs.modified", Value: "false"}, debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for _, tt := range []struct {
		name              string
		version, revision string
		info              *debug.BuildInfo
		want              string
	}{
		{"told by the linker", "v1.2.3", "beef", found(commit, clean), "v1.2.3 (beef, go1.26.0)"},
		{"found by the toolchain", "", "", found(commit, clean), "(devel) (c0ffee, go1.26.0)"},
		{"files were changed", "", "", found(commit, dirty), "(devel) (c0ffee-dirty, go1.26.0)"},
		{"changed, of no commit", "", "", found(dirty), "(devel) (unknown, go1.26.0)"},
		{"told half", "v1.2.3", "", found(commit, clean), "v1.2.3 (c0ffee, go1.26.0)"},
		{"nothing is known", "", "", nil, "unknown (unknown, unknown)"},
		{"without the toolchain's word", "v1.2.3", "beef", nil, "v1.2.3 (beef, unknown)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := read(tt.version, tt.revision, tt.info).String(); got != tt.want {
				t.Errorf("read = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestReadTellsOfItself(t *testing.T) {
	if got := Read(); got.Version == "" || got.Revision == "" || got.Go != runtime.Version() {
		t.Errorf("Read = %+v, want all of it told, and %s", got, runtime.Version())
	}
}

func TestAsked(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want bool
	}{
		{[]string{"--version"}, true},
		{[]string{"-version"}, true},
		{nil, false},
		{[]string{"version"}, false},
		{[]string{"-pipeline", "--version"}, false},
	} {
		if got := Asked(tt.args); got != tt.want {
			t.Errorf("Asked(%q) = %v, want %v", tt.args, got, tt.want)
		}
	}
}
