//go:build e2e

package image

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var architectures = []string{"amd64", "arm64"}

// programs are all that hack/cluster/images builds.
var programs = []string{"slack-ingest", "twitter-ingest", "sentiment-scorer", "notifier", "simulator", "feedbackctl", "operator", "devkafka", "check"}

const root = "../../.."

// TestImages builds all images from the last commit, in two folders, and finds the same digests; then it looks at each.
func TestImages(t *testing.T) {
	r := serve(t)
	base := os.Getenv("KO_DEFAULTBASEIMAGE")
	if base == "" {
		base = r.base()
	}
	version := told(t, "hack/tools/version") // of the working tree, whose folder is the first
	env := append(os.Environ(), "KO_DEFAULTBASEIMAGE="+base, "LOAD=", "PLATFORMS=", "PROGRAMS=", "VERSION="+version, "REVISION="+told(t, "hack/tools/version", "revision"))
	build(t, root, append(env, "KO_DOCKER_REPO="+r.address+"/first", "TAG=one"))
	build(t, elsewhere(t), append(env, "KO_DOCKER_REPO="+r.address+"/second", "TAG=two", "SOURCE_DATE_EPOCH="+told(t, "git", "log", "-1", "--format=%ct")))
	for _, program := range programs {
		t.Run(program, func(t *testing.T) {
			one := &registry{T: t, address: r.address}
			index, first := one.manifest("first/"+program, "one")
			_, second := one.manifest("second/"+program, "two")
			if first != second {
				t.Errorf("built in another folder it is %s, want %s again", second, first)
			}
			t.Logf("%s:%s@%s, the same twice", program, version, first)
			one.hasSBOM("first/"+program, first)
			var got []string
			for _, d := range index.Manifests {
				got = append(got, d.Platform["architecture"])
				one.looksRight("first/"+program, program, version, d)
			}
			slices.Sort(got)
			if !slices.Equal(got, architectures) {
				t.Errorf("architectures %q, want %q", got, architectures)
			}
		})
	}
}

// told is what a command of the repository says, without its last newline.
func told(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	if strings.Contains(name, "/") {
		cmd.Path = filepath.Join(absolute(t, root), name)
	}
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return strings.TrimSpace(string(out))
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	must(t, err)
	return path
}

// elsewhere is a copy of the files that git knows, as they are now, in a folder without a repository.
func elsewhere(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", `set -o pipefail; git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create | tar --extract --directory "$0"`, folder)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("copy the files: %v\n%s", err, out)
	}
	return folder
}

func build(t *testing.T, folder string, env []string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(absolute(t, folder), "hack", "cluster", "images"))
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = folder, env, &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
}

// looksRight finds one platform's image to run a static, stamped program as a user who is not root, with an SBOM.
func (r *registry) looksRight(repository, program, version string, d descriptor) {
	r.Helper()
	image, _ := r.manifest(repository, d.Digest)
	raw, _ := r.get(repository, "blobs", image.Config.Digest)
	var config struct {
		Config struct {
			User       string
			Entrypoint []string
			Labels     map[string]string
		}
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		r.Fatal(err)
	}
	if uid, err := strconv.Atoi(config.Config.User); err != nil || uid == 0 {
		r.Errorf("%s runs as %q, want a number other than 0", d.Platform["architecture"], config.Config.User)
	}
	if got := config.Config.Labels["org.opencontainers.image.version"]; got != version {
		r.Errorf("label org.opencontainers.image.version = %q, want %q", got, version)
	}
	path := "/ko-app/" + program
	if got, want := config.Config.Entrypoint, []string{path}; !slices.Equal(got, want) {
		r.Errorf("entrypoint %q, want %q", got, want)
	}
	r.hasSBOM(repository, d.Digest)
	content := r.program(repository, image, path)
	r.static(content, d.Platform["architecture"])
	if d.Platform["architecture"] == runtime.GOARCH {
		r.says(program, version, content)
	}
}

// hasSBOM finds an SPDX document attached to a digest.
func (r *registry) hasSBOM(repository, digest string) {
	r.Helper()
	attached, _ := r.manifest(repository, tagOf(digest, "sbom"))
	if len(attached.Layers) != 1 || attached.Layers[0].MediaType != "text/spdx+json" {
		r.Errorf("SBOM of %s: layers %+v, want one of text/spdx+json", digest, attached.Layers)
		return
	}
	raw, _ := r.get(repository, "blobs", attached.Layers[0].Digest)
	var sbom struct {
		Version  string     `json:"spdxVersion"`
		Packages []struct{} `json:"packages"`
	}
	if err := json.Unmarshal(raw, &sbom); err != nil || !strings.HasPrefix(sbom.Version, "SPDX-2.") || len(sbom.Packages) == 0 {
		r.Errorf("SBOM of %s: %v, version %q with %d packages, want SPDX-2. with some", digest, err, sbom.Version, len(sbom.Packages))
	}
}

// static finds that a program asks for no interpreter, which the base image would not have.
func (r *registry) static(content []byte, architecture string) {
	r.Helper()
	file, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		r.Errorf("%s: %v", architecture, err)
		return
	}
	want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[architecture]
	if file.Machine != want {
		r.Errorf("%s: the program is for %s, want %s", architecture, file.Machine, want)
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			r.Errorf("%s: the program wants an interpreter: it is not static", architecture)
		}
	}
}

// says runs the program and finds the version in its word.
func (r *registry) says(program, version string, content []byte) {
	r.Helper()
	path := filepath.Join(r.TempDir(), program)
	if err := os.WriteFile(path, content, 0o755); err != nil {
		r.Fatal(err)
	}
	out, err := exec.CommandContext(r.Context(), path, "--version").Output()
	if got, want := string(out), program+" "+version+" ("; err != nil || !strings.HasPrefix(got, want) {
		r.Errorf("--version says %q, %v, want it to begin with %q", got, err, want)
		return
	}
	r.Logf("--version: %s", strings.TrimSpace(string(out)))
}
