package validate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestLoadSamples(t *testing.T) {
	paths, err := filepath.Glob("../config/samples/*.yaml")
	if err != nil || len(paths) < 2 {
		t.Fatalf("samples = %v, %v; want at least 2", paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Load(text); err != nil {
				t.Errorf("Load: %v", err)
			}
		})
	}
}

func TestLoadSetsDefaults(t *testing.T) {
	p, err := Load([]byte(strings.Replace(base, ", namespace: default", "", 1)))
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	slack, x, route := p.Spec.Sources[0].Slack, p.Spec.Sources[1].Twitter, p.Spec.Routes[0]
	for field, c := range map[string]struct{ got, want any }{
		"namespace":           {p.Namespace, "default"},
		"topics.management":   {string(p.Spec.Topics.Management), "Managed"},
		"topics.partitions":   {p.Spec.Topics.Partitions, int32(6)},
		"topics.retention":    {p.Spec.Topics.Retention.String(), "168h0m0s"},
		"topics.format":       {string(p.Spec.Topics.Format), "Protobuf"},
		"slack.mode":          {string(slack.Mode), "SocketMode"},
		"slack.backfill":      {slack.Backfill.String(), "24h0m0s"},
		"slack.sweepInterval": {slack.SweepInterval.String(), "10m0s"},
		"slack.joinChannels":  {*slack.JoinChannels, true},
		"slack.botTokenKey":   {slack.CredentialsSecretRef.BotTokenKey, "bot-token"},
		"x.mode":              {string(x.Mode), "Search"},
		"x.interval":          {x.Interval.String(), "30s"},
		"x.dailyPostBudget":   {x.DailyPostBudget, int64(10000)},
		"x.bearerTokenKey":    {x.CredentialsSecretRef.BearerTokenKey, "bearer-token"},
		"scorer":              {p.Spec.Scorer.Builtin.AssumeLanguage + " " + string(p.Spec.Scorer.Builtin.SlackKind) + " " + string(p.Spec.Scorer.Builtin.XKind), "en chat tweet"},
		"route.maxAge":        {route.MaxAge.String(), "24h0m0s"},
		"route.delivery":      {string(route.Slack.Delivery), "Each"},
		"route.digestAfter":   {route.Slack.DigestAfter, int32(20)},
		"startOffset":         {string(p.Spec.StartOffset), "Earliest"},
		"logLevel":            {p.Spec.LogLevel, "info"},
	} {
		if c.got != c.want {
			t.Errorf("%s = %v, want the default %v", field, c.got, c.want)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name    string
		changes edits
		want    []string
	}{
		{"routs", edits{"spec.routs": "[]", "spec.routes": ""}, []string{
			`spec.routs: unknown field; did you mean "routes"?`, "spec.routes: is missing; write it, for example routes: [{name: negative, match: {scoreBelow: 0.3}, "}},
		{"case of a field", edits{"spec.kafka.bootstrapservers": "[a:1]"}, []string{`spec.kafka.bootstrapservers: unknown field; did you mean "bootstrapServers"?`}},
		{"field in a list", edits{"spec.sources.0.slack.chanel": "x"}, []string{`spec.sources[0].slack.chanel: unknown field; did you mean "channels"?`}},
		{"field of nothing known", edits{"spec.scorer": "{vader: {}, zzz: 1}"}, []string{"spec.scorer.zzz: unknown field; use one of autoscaling, azure, builtin, fallback, grpc, llm, replicas, shadow, vader"}},
		{"unknown metadata", edits{"metadata.lables": "{a: b}"}, []string{"metadata.lables: unknown field"}},
		{"threshold of 3", edits{"spec.routes.0.match.scoreBelow": "3"}, []string{"spec.routes[0].match.scoreBelow: 3: should be less than or equal to 1"}},
		{"no source", edits{"spec.sources": "[]"}, []string{"spec.sources: is empty; write it, for example sources: [{name: community, slack: {channels: [feedback], "}},
		{"no sources", edits{"spec.sources": ""}, []string{"spec.sources: is missing; write it, for example sources: [{name: community, "}},
		{"no channel", edits{"spec.sources.0.slack.channels": "[]"}, []string{"spec.sources[0].slack.channels: is empty; write it, for example channels: [feedback]"}},
		{"an empty name", edits{"spec.routes.0.name": `""`}, []string{"spec.routes[0].name: is empty; write it, for example name: negative"}},
		{"unknown mode", edits{"spec.sources.0.slack.mode": "RTM"}, []string{`spec.sources[0].slack.mode: "RTM": use one of "SocketMode", "HTTP"`}},
		{"two of a name", edits{"spec.sources.1.name": "community"}, []string{`spec.sources[1].name: "community" stands there twice`}},
		{"app token twice", edits{"spec.sources.2": "{name: c, slack: {channels: [general], credentialsSecretRef: {name: slack}}}"}, []string{
			`spec.sources[2].slack.credentialsSecretRef: "slack/app-token": two sources in SocketMode use the same app token twice`}},
		{"route to a source", edits{"spec.routes.0.slack.channel": `"#FeedBack"`}, []string{`spec.routes[0].slack.channel: "#FeedBack": a channel is both a source and the sink`}},
		{"value of the wrong type", edits{"spec.topics.partitions": "six"}, []string{"spec.topics.partitions: must be of type integer, not string"}},
		{"topic by two roles", edits{"spec.topics.names.feedback": "default.azure.scored"}, []string{`spec.topics.names.scored: "default.azure.scored": two topics`}},
		{"namespace", edits{"metadata.namespace": "A_b"}, []string{`metadata.namespace: "A_b"`}},
		{"no name", edits{"metadata.name": ""}, []string{"metadata.name: is missing"}},
		{"another kind", edits{"kind": "Pipeline"}, []string{"kind Pipeline; want apiVersion feedbackpipeline.dev/v1alpha1, kind FeedbackPipeline"}},
		{"all at once", edits{"spec.routs": "[]", "spec.logLevel": "loud", "spec.routes.0.match.scoreBelow": "3", "spec.sources.1.twitter.dailyPostBudget": "1"}, []string{
			"manifest: 4 problems", `spec.routs: unknown field`, `spec.logLevel: "loud": use one of`, "spec.routes[0].match.scoreBelow: 3", "spec.sources[1].twitter.dailyPostBudget: 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, err := yaml.Marshal(manifest(t, tt.changes))
			if err != nil {
				t.Fatal(err)
			}
			_, err = Load(text)
			if err == nil {
				t.Fatalf("Load accepts it, want %q", tt.want)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Load = %v\nwant %q", err, want)
				}
			}
		})
	}
}

// TestLoadSaysAThingOnce: a rule that speaks of a list and the check that names the field are one problem.
func TestLoadSaysAThingOnce(t *testing.T) {
	text, err := yaml.Marshal(manifest(t, edits{
		"spec.sources.2":                "{name: c, slack: {channels: [feedback], credentialsSecretRef: {name: slack}}}",
		"spec.routes.0.slack.channel":   "Feedback",
		"spec.routes.0.match.sources":   "[nobody]",
		"spec.sources.1.twitter":        "",
		"spec.routes.1":                 "{name: x}",
		"spec.topics.names.deadLetters": "default.azure.state",
	}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Load(text)
	var got Problems
	if !errors.As(err, &got) {
		t.Fatalf("Load = %v, want Problems", err)
	}
	want := []string{
		"spec.routes[0].match.sources[0]", "spec.routes[0].slack.channel", "spec.routes[1]", "spec.sources[1]",
		"spec.sources[2].slack.channels[0]", "spec.sources[2].slack.credentialsSecretRef", "spec.topics.names.state",
	}
	var fields []string
	for _, p := range got {
		fields = append(fields, p.Field)
	}
	if strings.Join(fields, " ") != strings.Join(want, " ") {
		t.Errorf("fields = %q\nwant %q\n%v", fields, want, err)
	}
}

func TestLoadDocuments(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"empty", "", "empty; write a FeedbackPipeline"},
		{"comments", "# nothing\n---\n# nothing\n", "empty; write a FeedbackPipeline"},
		{"comment first", "# a pipeline\n---" + base + "---\n", ""},
		{"two", base + "---" + base, "more than one document (FeedbackPipeline, FeedbackPipeline)"},
		{"a list", "- a\n- b\n", "not a mapping"},
		{"no YAML", "a: [b\n", "not YAML"},
		{"a key twice", base + "  routes: []\n", `"routes" already set`},
		{"JSON", `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}`, "apiVersion v1, kind Secret; want"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load([]byte(tt.text))
			expect(t, tt.want, err)
		})
	}
}

// TestLoadNamesNumbersThatAreNone: .nan and .inf are YAML, and stand at a field.
func TestLoadNamesNumbersThatAreNone(t *testing.T) {
	for _, value := range []string{".nan", ".NaN", ".inf", "-.Inf", "+.INF"} {
		_, err := Load([]byte(strings.NewReplacer("0.3", value, "query: azure", `query: "a .nan"`).Replace(base)))
		want := "manifest: spec.routes[0].match.scoreBelow: " + value + ": no field takes it; write a finite number"
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Load = %v\nwant it to begin with %s", err, want)
		}
	}
	if _, err := Load([]byte(strings.Replace(base, "query: azure", "query: v1.inf .nan", 1))); err != nil {
		t.Errorf("Load = %v, want a text accepted that only looks like one", err)
	}
}

// FuzzLoad: whatever the manifest, Load returns.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(base))
	f.Add([]byte(strings.Replace(base, "sources:", "sources: 3 #", 1)))
	f.Add([]byte("apiVersion: feedbackpipeline.dev/v1alpha1\nkind: FeedbackPipeline\nmetadata: 3\nspec: []\n"))
	f.Add([]byte("apiVersion: feedbackpipeline.dev/v1alpha1\nkind: FeedbackPipeline\nmetadata: {name: a}\nspec: {sources: {a: b}, routes: [null], scorer: null}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := Load(text); (p == nil) == (err == nil) {
			t.Errorf("Load = %v, %v, want the one or the other", p, err)
		}
	})
}
