package runtest

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
)

// Metrics checks that the page at path documents, under the heading of the service, what
// register registers, each with its type and labels, and nothing else; and that Prometheus' own
// rules for names and helps are kept. What every service has stands in run's tests.
func Metrics(t testing.TB, path, service string, register func(prometheus.Registerer)) {
	t.Helper()
	reg := &filling{Registry: prometheus.NewRegistry(), described: map[string]string{}}
	register(reg)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	documented := Documented(t, path, service)
	want := reg.described // those that have no series yet
	for _, f := range families {
		want[f.GetName()] = row(f)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got := documented[name]; got != want[name] {
			t.Errorf("%s, section %s: %q, want a row that begins with %q", path, service, got, want[name])
		}
		delete(documented, name)
	}
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		t.Errorf("%s, section %s: %s does not exist", path, service, name)
	}
}

// Scrape checks that every metric of this project that a running service shows at /metrics is
// documented under the service's heading, or under that of all.
func Scrape(t testing.TB, path, service, body string) {
	t.Helper()
	documented := Documented(t, path, service)
	maps.Copy(documented, Documented(t, path, "Every service"))
	found := regexp.MustCompile(`(?m)^# TYPE (feedback_\w+) `).FindAllStringSubmatch(body, -1)
	if len(found) == 0 {
		t.Errorf("%s shows no metric of its own:\n%s", service, body)
	}
	for _, m := range found {
		if documented[m[1]] == "" {
			t.Errorf("%s, section %s: %s is not there", path, service, m[1])
		}
	}
}

var rows = regexp.MustCompile("(?m)^(\\| `(feedback_\\w+)` \\| \\w+ \\| [^|]*\\|)")

// Documented gives the beginnings of the rows (name, type, labels) under a heading of the page,
// by name.
func Documented(t testing.TB, path, heading string) map[string]string {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no heading ## %s", path, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	out := map[string]string{}
	for _, m := range rows.FindAllStringSubmatch(section, -1) {
		out[m[2]] = m[1]
	}
	return out
}

// row is how the documentation of a metric begins.
func row(f *dto.MetricFamily) string {
	var labels []string
	for _, l := range f.GetMetric()[0].GetLabel() {
		labels = append(labels, l.GetName())
	}
	return begins(f.GetName(), strings.ToLower(f.GetType().String()), labels)
}

func begins(name, kind string, labels []string) string {
	slices.Sort(labels)
	return fmt.Sprintf("| `%s` | %s | %s |", name, kind, strings.Join(labels, ", "))
}

// filling registers collectors, notes what they describe, and gives those with labels one series
// each, so that they are seen without anything having happened.
type filling struct {
	*prometheus.Registry
	described map[string]string // rows by name
}

// MustRegister registers and fills.
func (r *filling) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

var desc = regexp.MustCompile(`fqName: "(\w+)", .*constLabels: \{(.*)\}, variableLabels: \{([^}]*)\}`)

// Register registers and fills.
func (r *filling) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc, 10)
	c.Describe(descs)
	close(descs)
	var variable []string
	for d := range descs {
		m := desc.FindStringSubmatch(d.String())
		variable = strings.FieldsFunc(m[3], func(c rune) bool { return c == ',' })
		labels := slices.Clone(variable)
		for constant := range strings.SplitSeq(m[2], ",") {
			if name, _, ok := strings.Cut(constant, "="); ok {
				labels = append(labels, name)
			}
		}
		kind := "gauge"
		if strings.HasSuffix(m[1], "_total") {
			kind = "counter"
		}
		r.described[m[1]] = begins(m[1], kind, labels)
	}
	switch v := c.(type) {
	case *prometheus.CounterVec:
		v.WithLabelValues(variable...)
	case *prometheus.GaugeVec:
		v.WithLabelValues(variable...)
	case *prometheus.HistogramVec:
		v.WithLabelValues(variable...)
	}
	return r.Registry.Register(c)
}
