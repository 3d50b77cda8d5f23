//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

var (
	// named are metrics in alerts and dashboard, and matched are regular expressions there for more of them.
	named   = regexp.MustCompile(`\bfeedback_[a-z0-9_]*[a-z0-9]\b`)
	matched = regexp.MustCompile(`__name__=~\\?"([^"\\]+)`)
)

// scraped finds each metric that the chart's alerts and dashboard name at the pods of the pipeline, which are found as
// the ServiceMonitor finds them. The operator's own are behind authentication: helm test asks for those.
func (c *cluster) scraped() {
	c.Helper()
	want := c.named()
	c.Until("the pipeline's pods serve what alerts and dashboard ask for", time.Minute, func(ctx context.Context) (string, bool) {
		served, err := c.Metrics(ctx, 8080, client.MatchingLabels{desired.LabelInstance: demo, desired.LabelPartOf: "feedback-pipeline"})
		if err != nil {
			return err.Error(), false
		}
		missing := slices.DeleteFunc(slices.Clone(want), func(name string) bool { return strings.Contains(served, "# TYPE "+name+" ") })
		return fmt.Sprintf("%d metrics, missing: %v", len(want), missing), len(missing) == 0
	})
}

// named are the metrics in alerts and dashboard but the operator's own, with those of docs/metrics.md that a regular
// expression there matches.
func (c *cluster) named() []string {
	c.Helper()
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join(clustertest.Root(), path))
		clustertest.Must(c.T, err)
		return string(text)
	}
	page := read("docs/metrics.md")
	var names []string
	for _, file := range []string{"alerts.yaml", "dashboard.json"} {
		text := read(filepath.Join(clustertest.Chart, "files", file))
		names = append(names, named.FindAllString(text, -1)...)
		for _, m := range matched.FindAllStringSubmatch(text, -1) {
			names = append(names, regexp.MustCompile(`\b`+m[1]+`\b`).FindAllString(page, -1)...)
		}
	}
	for i, name := range names {
		names[i] = strings.TrimSuffix(name, "_bucket")
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return strings.HasPrefix(name, "feedback_operator_") })
}
