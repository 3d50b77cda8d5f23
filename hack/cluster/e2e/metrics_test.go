//go:build e2e

package e2e

import (
	"context"
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

// named are metrics in alerts and dashboard; what ends in _ begins a regular expression.
var named = regexp.MustCompile(`\bfeedback_[a-z0-9_]*[a-z0-9]\b`)

// first are served from the first time on that what they count happens, and it may not happen in the test.
var first = []string{
	"feedback_unscored_total", "feedback_slack_dead_letters_total", "feedback_dead_letters_total", "feedback_notifier_dead_letters_total",
	"feedback_slack_rate_limited_seconds_total", "feedback_x_rate_limited_seconds_total", "feedback_x_gaps_lost_total",
	"feedback_handler_retries_total", "feedback_notifier_offsets_overtaken_total",
}

// scraped finds each metric that the chart's alerts and dashboard name at the pods of the pipeline, which are found as
// the ServiceMonitor finds them. The operator's own are behind authentication: helm test asks for those.
func (c *cluster) scraped() {
	c.Helper()
	var want []string
	for _, file := range []string{"alerts.yaml", "dashboard.json"} {
		text, err := os.ReadFile(filepath.Join(clustertest.Root(), "charts", "feedback-pipeline", "files", file))
		clustertest.Must(c.T, err)
		for _, name := range named.FindAllString(string(text), -1) {
			name = strings.TrimSuffix(name, "_bucket")
			if !slices.Contains(first, name) && !strings.HasPrefix(name, "feedback_operator_") {
				want = append(want, name)
			}
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	c.Until("the pipeline's pods serve what alerts and dashboard ask for", time.Minute, func(ctx context.Context) (string, bool) {
		served, err := c.Metrics(ctx, 8080, client.MatchingLabels{desired.LabelInstance: demo, desired.LabelPartOf: "feedback-pipeline"})
		if err != nil {
			return err.Error(), false
		}
		missing := slices.DeleteFunc(slices.Clone(want), func(name string) bool { return strings.Contains(served, "# TYPE "+name+" ") })
		return "missing: " + strings.Join(missing, " "), len(missing) == 0
	})
	c.Step("%d metrics are found; %d are served only once what they count has happened", len(want), len(first))
}
