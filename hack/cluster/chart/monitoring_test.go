package chart

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

type rules struct {
	Groups []struct {
		Rules []struct {
			Alert       string
			Expr        string
			Annotations map[string]string
		}
	}
}

func alerts(t *testing.T) rules {
	t.Helper()
	text, err := os.ReadFile(folder + "/files/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var r rules
	if err := yaml.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// metric is the name of one of ours or of controller-runtime's. A regular expression over names is none.
var metric = regexp.MustCompile(`\b(feedback|controller_runtime)_[a-z0-9_]+`)

// TestMetricsAreDocumented finds each metric that alerts and dashboard name on docs/metrics.md.
func TestMetricsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for where, expressions := range map[string][]string{"alerts.yaml": alertExpressions(t), "dashboard.json": dashboardExpressions(t)} {
		if len(expressions) == 0 {
			t.Errorf("%s has no expressions", where)
		}
		for _, expression := range expressions {
			for _, name := range metric.FindAllString(expression, -1) {
				name = strings.TrimSuffix(name, "_bucket")
				if strings.HasSuffix(name, "_") { // the beginning of a regular expression
					continue
				}
				if !strings.Contains(text, "`"+name+"`") {
					t.Errorf("%s names %s, which nothing serves", where, name)
				}
			}
		}
	}
}

func alertExpressions(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, group := range alerts(t).Groups {
		for _, rule := range group.Rules {
			all = append(all, rule.Expr)
			if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("alert %s does not say what is wrong (summary) and what to do (description)", rule.Alert)
			}
		}
	}
	return all
}

func dashboardExpressions(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(folder + "/files/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all = append(all, target.Expr)
		}
	}
	return all
}

// TestAlerts has promtool check the rules as the chart renders them, and plays a case of each in which it fires and
// one in which it does not.
func TestAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("SKIPPED: no promtool on PATH; it comes with Prometheus (Debian: apt-get download prometheus && dpkg -x prometheus_*.deb .)")
	}
	rule := objects(t, render(t, `metrics.prometheusRule.enabled=true`))["PrometheusRule/release-feedback-pipeline"]
	if rule == nil {
		t.Fatal("no PrometheusRule is rendered")
	}
	text, err := yaml.Marshal(rule.Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	cases, err := os.ReadFile("testdata/alerts_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"alerts.yaml": text, "alerts_test.yaml": cases} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestEachAlertHasItsCase finds for each alert a case in which it fires and one in which it does not.
func TestEachAlertHasItsCase(t *testing.T) {
	text, err := os.ReadFile("testdata/alerts_test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var cases struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string           `json:"alertname"`
				ExpAlerts []map[string]any `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	if err := yaml.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, c := range cases.Tests {
		for _, a := range c.AlertRuleTest {
			fires[a.Alertname] = fires[a.Alertname] || len(a.ExpAlerts) > 0
			rests[a.Alertname] = rests[a.Alertname] || len(a.ExpAlerts) == 0
		}
	}
	for _, group := range alerts(t).Groups {
		for _, rule := range group.Rules {
			if !fires[rule.Alert] || !rests[rule.Alert] {
				t.Errorf("alert %s: a case in which it fires: %v, one in which it does not: %v, want both", rule.Alert, fires[rule.Alert], rests[rule.Alert])
			}
		}
	}
}
