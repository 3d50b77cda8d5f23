package runtest

import (
	"context"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Live waits until a service that has just started serves at url each metric that the chart's alerts and dashboard name
// and that docs/metrics.md lists under the service's heading: none may wait for what it counts to happen, or the first
// time would not be seen as an increase. root is the repository's folder.
func Live(t testing.TB, root, service, url string) {
	t.Helper()
	want := named(t, root, service)
	if len(want) == 0 {
		t.Fatalf("neither alerts nor dashboard name a metric of %s", service)
	}
	limit := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		body, err := scrape(t.Context(), url)
		missing := slices.DeleteFunc(slices.Clone(want), func(name string) bool { return strings.Contains(body, "# TYPE "+name+" ") })
		if err == nil && len(missing) == 0 {
			return
		}
		select {
		case <-limit:
			t.Fatalf("%s, which has just started, serves no %s (%v); it serves:\n%s", service, strings.Join(missing, ", "), err, body)
		case <-tick.C:
		}
	}
}

var (
	metric  = regexp.MustCompile(`\bfeedback_[a-z0-9_]*[a-z0-9]\b`)
	pattern = regexp.MustCompile(`__name__=~\\?"([^"\\]+)`)
)

// named are the service's metrics that alerts and dashboard name, by themselves or by a regular expression.
func named(t testing.TB, root, service string) []string {
	t.Helper()
	own := Documented(t, filepath.Join(root, "docs/metrics.md"), service)
	maps.Copy(own, Documented(t, filepath.Join(root, "docs/metrics.md"), "Every service"))
	found := map[string]bool{}
	for _, file := range []string{"alerts.yaml", "dashboard.json"} {
		text, err := os.ReadFile(filepath.Join(root, "charts/feedback-pipeline/files", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range metric.FindAllString(string(text), -1) {
			if name = strings.TrimSuffix(name, "_bucket"); own[name] != "" {
				found[name] = true
			}
		}
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			matches := regexp.MustCompile("^(?:" + m[1] + ")$")
			for name := range own {
				found[name] = found[name] || matches.MatchString(name)
			}
		}
	}
	maps.DeleteFunc(found, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(found))
}

func scrape(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}
