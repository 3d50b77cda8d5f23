//go:build e2e

package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/internal/ports"
)

// Media types of the Open Container Initiative.
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// descriptor names a blob or a manifest.
type descriptor struct {
	MediaType string            `json:"mediaType"`
	Digest    string            `json:"digest"`
	Size      int               `json:"size"`
	Platform  map[string]string `json:"platform,omitempty"`
}

// manifest is an index, where it has Manifests, or one platform's image.
type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests,omitempty"`
	Config        *descriptor  `json:"config,omitempty"`
	Layers        []descriptor `json:"layers,omitempty"`
}

// registry is one of the test's own, at host:port.
type registry struct {
	*testing.T
	address string
}

// serve starts a registry on loopback, in memory, until the test ends.
func serve(t *testing.T) *registry {
	t.Helper()
	crane, err := exec.LookPath("crane")
	if err != nil {
		t.Skip("SKIPPED: no crane on PATH, for a registry: go install github.com/google/go-containerregistry/cmd/crane@v0.20.7")
	}
	free, err := ports.Free(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	r := &registry{T: t, address: fmt.Sprintf("127.0.0.1:%d", free[0])}
	cmd := exec.Command(crane, "registry", "serve", "--address", r.address)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	})
	deadline, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if code, _, _ := r.do(http.MethodGet, "/v2/", "", nil); code == http.StatusOK {
			return r
		}
		select {
		case <-deadline.Done():
			t.Fatal("the registry does not answer")
		case <-tick.C:
		}
	}
}

// do asks the registry; code is 0 if it does not answer.
func (r *registry) do(method, path, contentType string, body []byte) (code int, header http.Header, answer []byte) {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), method, "http://"+r.address+path, bytes.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Accept", typeIndex+", "+typeManifest)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, nil
	}
	defer func() { _ = resp.Body.Close() }()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		r.Fatal(err)
	}
	return resp.StatusCode, resp.Header, answer
}

// get reads a manifest (by tag or digest) or a blob of a repository.
func (r *registry) get(repository, kind, name string) (raw []byte, digest string) {
	r.Helper()
	code, header, raw := r.do(http.MethodGet, "/v2/"+repository+"/"+kind+"/"+name, "", nil)
	if code != http.StatusOK {
		r.Fatalf("%s/%s/%s: status %d: %s", repository, kind, name, code, raw)
	}
	return raw, header.Get("Docker-Content-Digest")
}

// manifest reads one by tag or digest.
func (r *registry) manifest(repository, name string) (m manifest, digest string) {
	r.Helper()
	raw, digest := r.get(repository, "manifests", name)
	if err := json.Unmarshal(raw, &m); err != nil {
		r.Fatalf("%s:%s: %v", repository, name, err)
	}
	return m, digest
}

// put uploads a blob, or where name is not empty a manifest of that tag.
func (r *registry) put(repository, mediaType, name string, content []byte) descriptor {
	r.Helper()
	d := descriptor{MediaType: mediaType, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(content)), Size: len(content)}
	var code int
	var answer []byte
	if name != "" {
		code, _, answer = r.do(http.MethodPut, "/v2/"+repository+"/manifests/"+name, mediaType, content)
	} else {
		code, _, answer = r.do(http.MethodPost, "/v2/"+repository+"/blobs/uploads/?digest="+d.Digest, "application/octet-stream", content)
	}
	if code != http.StatusCreated {
		r.Fatalf("put %s into %s: status %d: %s", mediaType, repository, code, answer)
	}
	return d
}

// base puts an image for both platforms, with nothing in it but a user, and returns its reference. It stands in for the
// one of .ko.yaml, which not every machine can reach; it sets the same user.
func (r *registry) base() string {
	r.Helper()
	raw, zipped := &bytes.Buffer{}, &bytes.Buffer{}
	files := tar.NewWriter(raw)
	passwd := []byte("nonroot:x:65532:65532::/:\n")
	must(r.T, files.WriteHeader(&tar.Header{Name: "etc/passwd", Mode: 0o644, Size: int64(len(passwd))}))
	_, err := files.Write(passwd)
	must(r.T, err)
	must(r.T, files.Close())
	z := gzip.NewWriter(zipped)
	_, err = z.Write(raw.Bytes())
	must(r.T, err)
	must(r.T, z.Close())
	layer := r.put("base", typeLayer, "", zipped.Bytes())
	index := manifest{SchemaVersion: 2, MediaType: typeIndex}
	for _, architecture := range architectures {
		config := r.put("base", typeConfig, "", encoded(r.T, map[string]any{
			"architecture": architecture, "os": "linux", "config": map[string]any{"User": "65532"},
			"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(raw.Bytes()))}},
		}))
		d := r.put("base", typeManifest, architecture, encoded(r.T, manifest{SchemaVersion: 2, MediaType: typeManifest, Config: &config, Layers: []descriptor{layer}}))
		d.Platform = map[string]string{"os": "linux", "architecture": architecture}
		index.Manifests = append(index.Manifests, d)
	}
	return r.address + "/base@" + r.put("base", typeIndex, "latest", encoded(r.T, index)).Digest
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// program is the file that an image runs, out of the layer that ko made.
func (r *registry) program(repository string, image manifest, path string) []byte {
	r.Helper()
	for _, layer := range image.Layers {
		raw, _ := r.get(repository, "blobs", layer.Digest)
		z, err := gzip.NewReader(bytes.NewReader(raw))
		must(r.T, err)
		files := tar.NewReader(z)
		for {
			h, err := files.Next()
			if err == io.EOF { //nolint:errorlint // archive/tar returns it bare
				break
			}
			must(r.T, err)
			if filepath.Clean("/"+h.Name) == path {
				content, err := io.ReadAll(files)
				must(r.T, err)
				return content
			}
		}
	}
	r.Fatalf("%s has no file %s", repository, path)
	return nil
}

// tagOf is the tag by which what is attached to a digest is found.
func tagOf(digest, kind string) string { return strings.Replace(digest, ":", "-", 1) + "." + kind }
