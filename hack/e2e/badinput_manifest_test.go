//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/feedback-pipelines/feedback-pipelines/hack/demo/loop"
)

const secondSource = "  - name: second\n    slack: {channels: [random], credentialsSecretRef: {name: slack}}\n"

// refusedManifests are edits of the demo's manifest, and what the refusal must name: field, value, remedy.
var refusedManifests = []struct {
	name string
	edit []string
	want []string
}{
	{"typo", []string{"  routes:", "  routs:"}, []string{"spec.routs: unknown field", `did you mean "routes"`}},
	{"threshold of 3", []string{"scoreBelow: 0.3", "scoreBelow: 3"}, []string{"spec.routes[0].match.scoreBelow: 3", "less than or equal to 1"}},
	{"no source", []string{"  sources:\n", "  sources: []\n  x:\n"}, []string{"spec.sources"}},
	{"same app token", []string{"  - name: mentions", secondSource + "  - name: mentions"}, []string{"spec.sources[1].slack.credentialsSecretRef", `"slack/app-token"`, "put the channels into one source"}},
	{"source and sink", []string{"[feedback, support]", "[feedback, negative-feedback]"}, []string{"spec.routes[0].slack.channel", "feed itself", "give the route another channel"}},
	{"unknown kind", []string{"    twitter:", "    mastodon:"}, []string{"spec.sources[1].mastodon: unknown field", "set one of slack, twitter"}},
	{"two kinds", []string{"    twitter:", "    slack: {channels: [random], credentialsSecretRef: {name: other}}\n    twitter:"}, []string{"spec.sources[1]: a source has exactly one kind"}},
	{"a token in the manifest", []string{"credentialsSecretRef: {name: x}", "bearerToken: MARKED"}, []string{"spec.sources[1].twitter.bearerToken: unknown field", "credentialsSecretRef"}},
}

// refusedStart starts o, within limit, and returns the error that it must have, and what was said before.
func refusedStart(t *testing.T, o loop.Options, limit time.Duration) (err, said string) {
	t.Helper()
	var out bytes.Buffer
	o.Out = &out
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	l, e := loop.Start(ctx, o)
	if e == nil {
		l.Stop()
		t.Fatal("it runs, want it refused")
	}
	return e.Error(), out.String()
}

func TestBadManifestsAreRefusedBeforeAnythingStarts(t *testing.T) {
	for _, c := range refusedManifests {
		t.Run(c.name, func(t *testing.T) {
			o := editedDemo(t, c.edit, nil)
			err, said := refusedStart(t, o, time.Minute)
			for _, want := range c.want {
				if !strings.Contains(err, want) {
					t.Errorf("error = %q, want %q in it", err, want)
				}
			}
			if strings.Contains(err, "MARKED") {
				t.Errorf("error = %q: it tells the token", err)
			}
			if _, e := os.Stat(filepath.Join(o.DataDir, "kafka")); said != "" || e == nil {
				t.Errorf("something was started before: %q", said)
			}
		})
	}
}

func TestSecretsThatAreNotThereAreRefused(t *testing.T) {
	for _, c := range []struct {
		name              string
		manifest, secrets []string
		want              []string
	}{
		{"no such Secret", []string{"credentialsSecretRef: {name: x}", "credentialsSecretRef: {name: gone}"}, nil, []string{"spec.sources[1].twitter.credentialsSecretRef", `Secret "gone", key "bearer-token"`, "add it"}},
		{"no such key", nil, []string{"  app-token: xapp-simulator\n", ""}, []string{"spec.sources[0].slack.credentialsSecretRef", `key "app-token"`, "it has bot-token, signing-secret"}},
		{"empty", nil, []string{"xapp-simulator", `""`}, []string{`key "app-token"`, "it is empty", "fill it in"}},
		{"no file", []string{"secrets-file: secrets.yaml", "secrets-file: gone.yaml"}, nil, []string{"gone.yaml"}},
		{"no YAML", nil, []string{"xoxb-simulator", "xoxb-MARKED: y"}, []string{"secrets.yaml, document 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err, _ := refusedStart(t, editedDemo(t, c.manifest, c.secrets), time.Minute)
			for _, want := range c.want {
				if !strings.Contains(err, want) {
					t.Errorf("error = %q, want %q in it", err, want)
				}
			}
			if strings.Contains(err, "MARKED") || strings.Contains(err, "xoxb-simulator") {
				t.Errorf("error = %q: it tells a token", err)
			}
		})
	}
}
