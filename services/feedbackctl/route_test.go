package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testManifest = "testdata/pipeline.yaml"

func routeReportOf(t *testing.T, c call, args ...string) routeReport {
	t.Helper()
	var report struct {
		Sentiment scoreLine    `json:"sentiment"`
		Source    *sourceCheck `json:"source"`
		Routes    []struct {
			routeCheck
			Card json.RawMessage `json:"card"`
		} `json:"routes"`
	}
	out := c.run(t, append([]string{"route", "test", "-o", "json"}, args...)...).ok(t).out
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	got := routeReport{Sentiment: report.Sentiment, Source: report.Source}
	for _, r := range report.Routes {
		if r.Hit != (len(r.Card) > 0) {
			t.Errorf("route %s: hit %v, card %s", r.Route, r.Hit, r.Card)
		}
		got.Routes = append(got.Routes, r.routeCheck)
	}
	return got
}

func hits(r routeReport) string {
	var names []string
	for _, route := range r.Routes {
		if route.Hit {
			names = append(names, route.Route)
		}
	}
	return strings.Join(names, " ")
}

func TestRouteTest(t *testing.T) {
	tests := []struct {
		name     string
		args     []string
		ingested bool
		want     string
	}{
		{"negative", []string{"I hate Azure, it is horrible"}, true, "negative"},
		{"positive", []string{"I love Azure, it is wonderful, excellent and great!"}, true, "positive"},
		{"by its keyword, without feeling", []string{"outage in westeurope, anyone else?", "--score", "0.5"}, true, "outages"},
		{"several", []string{"OUTAGE", "--score", "0.01"}, true, "negative outages"},
		{"excluded word", []string{"outage resolved", "--score", "0.5"}, true, ""},
		{"excluded author", []string{"outage", "--score", "0.5", "--author", "statusbot"}, true, ""},
		{"other source", []string{"outage", "--score", "0.5", "--source", "mentions"}, true, ""},
		{"left out by the source", []string{"I hate it"}, false, "negative"},
		{"unscored", []string{"azure outage", "--unscored"}, true, "outages"},
		{"at the threshold", []string{"azure", "--score", "0.3"}, true, ""},
		{"other language", []string{"azure", "--score", "0.95", "--language", "de"}, true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := routeReportOf(t, call{}, append([]string{"--manifest", testManifest}, test.args...)...)
			if hits(got) != test.want || got.Source.Ingested != test.ingested {
				t.Errorf("hits %q, ingested %v, want %q, %v\n%+v", hits(got), got.Source.Ingested, test.want, test.ingested, got)
			}
		})
	}
}

func TestRouteTestSaysWhy(t *testing.T) {
	got := routeReportOf(t, call{}, "--manifest", testManifest, "azure outage", "--score", "0.4")
	want := []reason{
		{"sources", true, "source community is one of community"},
		{"keywords", true, `the text has one of "outage"`},
		{"excludeKeywords", true, `the text has none of "resolved"`},
		{"excludeAuthors", true, "author someone is none of @statusbot"},
	}
	if diff := cmp.Diff(want, got.Routes[2].Why); diff != "" {
		t.Errorf("why (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]reason{{"scoreBelow", false, "score 0.4 is not below 0.3"}}, got.Routes[0].Why); diff != "" {
		t.Errorf("why not (-want +got):\n%s", diff)
	}
}

func TestRouteTestInText(t *testing.T) {
	got := call{}.run(t, "route", "test", "-f", testManifest, "--author", "bill", "Azure <!channel> is horrible\x1b[31m, I hate it\nreally").ok(t)
	for _, want := range []string{
		"negative (language en, builtin/", "source community takes it in", "route negative: hit -> #negative-feedback (Each)",
		"is below 0.3", "route positive: not hit", "NO   score", "&lt;!channel", "bill", "#feedback (community)",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("stdout has no %q:\n%s", want, got.out)
		}
	}
	if strings.ContainsAny(got.out, "\x1b") || strings.Contains(got.out, "xoxb") {
		t.Errorf("stdout %q holds an escape or a secret", got.out)
	}
}

func TestRouteTestOfTheNotifiersSetting(t *testing.T) {
	const routes = `[{"name":"negative","group":"g","match":{"scoreBelow":0.3},"maxAge":"24h","slack":{"channel":"alarms","delivery":"Each","digestAfter":20}}]`
	got := routeReportOf(t, call{env: map[string]string{"ROUTES": routes}}, "I hate it", "--source", "anything")
	if hits(got) != "negative" || got.Source != nil {
		t.Errorf("%+v, want negative and nothing of a source", got)
	}
}

func TestRouteTestReadsTheManifestFromStdin(t *testing.T) {
	in, err := os.Open(testManifest)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if got := routeReportOf(t, call{in: in}, "--manifest", "-", "--source", "mentions", "I hate it"); hits(got) != "negative" ||
		!strings.Contains(got.Source.Note, "#Azure lang:en") {
		t.Errorf("%+v, want negative and the query", got)
	}
}

func TestWrongManifestsTeach(t *testing.T) {
	const head = "kind: FeedbackPipeline\nmetadata: {name: azure}\n"
	tests := []struct {
		name, manifest string
		args           []string
		says           []string
	}{
		{"no YAML", "a: [", nil, []string{"manifest", "yaml"}},
		{"another kind", "kind: Secret", nil, []string{"FeedbackPipeline"}},
		{"no routes", head + "spec: {routs: []}", nil, []string{"spec.routes is missing"}},
		{"a field that there is not", head + "spec: {routes: [{name: n, match: {scoreUnder: 1}}]}", nil, []string{"spec.routes[0] (n)", "scoreUnder"}},
		{"a threshold of 3", head + "spec: {routes: [{name: n, match: {scoreBelow: 3}}]}", nil, []string{"scoreBelow", "3", "between 0 and 1"}},
		{"a source's match", head + "spec: {sources: [{name: s, slack: {match: {keyword: [x]}}}], routes: [{name: n}]}", nil, []string{"spec.sources[0].slack", "keyword"}},
		{"no such source", head + "spec: {sources: [{name: s}], routes: [{name: n}]}", []string{"--source", "t"}, []string{"--source", `"t"`, "it has s"}},
		{"two of them", head + "spec: {routes: [{name: n}]}\n---\n" + head, nil, []string{"2 FeedbackPipelines", "--name azure|azure"}},
		{"no such name", head + "spec: {routes: [{name: n}]}", []string{"--name", "other"}, []string{"--name", "other"}},
		{"score", head + "spec: {routes: [{name: n}]}", []string{"--score", "7"}, []string{"--score 7", "between 0 and 1"}},
		{"score and none", head + "spec: {routes: [{name: n}]}", []string{"--score", "0.7", "--unscored"}, []string{"--score and --unscored"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "pipeline.yaml")
			if err := os.WriteFile(path, []byte(test.manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			got := call{}.run(t, append([]string{"route", "test", "--manifest", path, "text"}, test.args...)...)
			if got.code != exitUsage || got.out != "" {
				t.Errorf("exit status %d, stdout %q, want %d and nothing", got.code, got.out, exitUsage)
			}
			for _, want := range test.says {
				if !strings.Contains(got.err, want) {
					t.Errorf("stderr %q, want it to name %q", got.err, want)
				}
			}
		})
	}
	for _, routes := range []string{"x", "[]", `[{"name":"n"}] and more`, `[{"name":"n"}][]`, `[{"name":"n","match":{"scoreBelow":3}}]`} {
		if got := (call{}).run(t, "route", "test", "--routes", routes, "text"); got.code != exitUsage {
			t.Errorf("--routes %s: %+v, want status %d", routes, got, exitUsage)
		}
	}
}

func TestRouteTestSaysThatAServiceIsNotAsked(t *testing.T) {
	for _, service := range []string{"azure: {endpoint: x}", "grpc: {address: x}", "llm: {endpoint: x}"} {
		manifest := `{kind: FeedbackPipeline, metadata: {name: a}, spec: {scorer: {` + service + `, fallback: {builtin: {}}}, routes: [{name: all, match: {}, slack: {channel: c}}]}}`
		name, _, _ := strings.Cut(service, ":")
		for _, output := range []string{"text", "json"} {
			got := call{in: strings.NewReader(manifest)}.run(t, "route", "test", "-f", "-", "-o", output, "I love it").ok(t)
			if want := "spec.scorer." + name + " is not asked by route test"; !strings.Contains(got.out, want) {
				t.Errorf("stdout %q, want %q", got.out, want)
			}
		}
		if got := (call{in: strings.NewReader(manifest)}).run(t, "route", "test", "-f", "-", "--score", "0.1", "I love it").ok(t); strings.Contains(got.out, "not asked") {
			t.Errorf("stdout %q, want no note where a score is given", got.out)
		}
	}
	if got := (call{}).run(t, "route", "test", "-f", testManifest, "I love it").ok(t); strings.Contains(got.out, "not asked") {
		t.Errorf("stdout %q, want no note where the built-in models score", got.out)
	}
}
