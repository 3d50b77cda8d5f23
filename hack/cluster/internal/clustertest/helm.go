package clustertest

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	// Chart is the chart's folder, below Root.
	Chart = "charts/feedback-pipeline"
	// Release is the name that tests install it by; its objects' names begin with it.
	Release = "feedback-pipeline"
)

// Root is the repository's folder: the nearest above the working directory that has go.work.
func Root() string {
	folder, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for at := folder; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.work")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			panic("no go.work above " + folder + ": run the tests in a checkout of the repository")
		}
	}
}

// Images are registry and tag of images, by a variable such as E2E_IMAGES=registry.example/feedback:dev, which otherwise
// stands in for where it is empty. The test ends where the variable has no tag.
func (c *Cluster) Images(variable, otherwise string) (registry, tag string) {
	c.Helper()
	images := cmp.Or(os.Getenv(variable), otherwise)
	at := strings.LastIndex(images, ":")
	if at < 0 || strings.Contains(images[at:], "/") {
		c.Fatalf("%s=%q: write registry and tag, such as registry.example/feedback:dev", variable, images)
	}
	return images[:at], images[at+1:]
}

// Present are registry and tag of the images to be tested: E2E_IMAGES, or those that hack/cluster/images loads.
func (c *Cluster) Present() (registry, tag string) {
	c.Helper()
	return c.Images("E2E_IMAGES", "registry.local/feedback:dev")
}

// Values are the chart's for images.
func Values(registry, tag string) []string {
	return []string{"--set-string", "image.registry=" + registry + ",image.tag=" + tag}
}

// Helm runs helm in the test's namespace and returns what it says. If it fails, the test ends.
func (c *Cluster) Helm(args ...string) string {
	c.Helper()
	out, err := c.helm(c.Context(), args...)
	if err != nil {
		c.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// UninstallAtEnd removes a release that a failed test left, after it has shown what helps to understand the failure.
func (c *Cluster) UninstallAtEnd(release string) {
	c.Cleanup(func() {
		c.Explain()
		_, _ = c.helm(context.Background(), "uninstall", release, "--ignore-not-found")
	})
}

func (c *Cluster) helm(ctx context.Context, args ...string) (string, error) {
	path, err := exec.CommandContext(ctx, filepath.Join(Root(), "hack", "tools", "tool"), "helm").Output()
	if err != nil {
		return "hack/tools/tool helm gives no helm", err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, strings.TrimSpace(string(path)), append(args, "--namespace", c.Namespace)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = Root(), &out, &out
	err = cmd.Run()
	return out.String(), err
}
