package controller_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/manager"
)

var metricRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+) \\| ([^|]*) \\| ([^|]*) \\| ([^|]*\\w[^|]*) \\|")

// documentedMetrics are the rows of a section of docs/metrics.md: type and labels, by name.
func documentedMetrics(t *testing.T, section string) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "\n## "+section+"\n")
	if !ok {
		t.Fatalf("docs/metrics.md has no heading ## %s", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	all := map[string]string{}
	for _, m := range metricRow.FindAllStringSubmatch(text, -1) {
		all[m[1]] = m[2] + " " + strings.TrimSpace(m[3])
	}
	return all
}

// served are the metrics that an operator serves: type and labels, by name.
func served(t *testing.T) map[string]string {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range families {
		all[f.GetName()] = described(f)
	}
	return all
}

func described(f *dto.MetricFamily) string {
	var labels []string
	for _, l := range f.GetMetric()[0].GetLabel() {
		labels = append(labels, l.GetName())
	}
	slices.Sort(labels)
	return strings.ToLower(f.GetType().String()) + " " + strings.Join(labels, ", ")
}

// TestMetricsAreDocumented holds docs/metrics.md to what a running operator serves: each metric of its own is there,
// and each that is there it serves, with that type and those labels.
func TestMetricsAreDocumented(t *testing.T) {
	s := newStage(t)
	s.pipeline("azure")
	mgr, err := manager.New(apiServer, manager.Config{Namespaces: []string{s.namespace}, MetricsAddress: "0", MetricsInsecure: true, ProbeAddress: "0"})
	s.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	defer func() {
		cancel()
		s.must(<-ended)
	}()
	s.must(wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return served(t)["controller_runtime_reconcile_time_seconds"] != "", nil // the first pipeline was looked at
	}))
	got, want := served(t), documentedMetrics(t, "operator")
	if len(want) < 6 {
		t.Fatalf("docs/metrics.md has %d metrics of the operator, want 6 and more", len(want))
	}
	for name, row := range want {
		if got[name] != row {
			t.Errorf("%s is served as %q, docs/metrics.md says %q", name, got[name], row)
		}
	}
	every := documentedMetrics(t, "Every service")
	for name, row := range got {
		if strings.HasPrefix(name, "feedback_") && want[name] != row && every[name] != row {
			t.Errorf("docs/metrics.md, section operator: want a row that begins with %s", fmt.Sprintf("| `%s` | %s |", name, strings.Replace(row, " ", " | ", 1)))
		}
	}
}
