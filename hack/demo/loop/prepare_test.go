package loop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readme is the manifest of README's first screen, without a Secrets file.
const readme = `
apiVersion: feedbackpipeline.dev/v1alpha1
kind: FeedbackPipeline
metadata: {name: azure}
spec:
  kafka: {bootstrapServers: [kafka-bootstrap.kafka:9092]}
  sources:
  - name: community
    slack: {channels: [my-own], match: {keywords: [azure]}, credentialsSecretRef: {name: slack}}
  - name: mentions
    twitter: {query: "#Azure lang:en -is:retweet", dailyPostBudget: 10000, credentialsSecretRef: {name: x}}
  routes:
  - {name: negative, match: {scoreBelow: 0.3}, slack: {channel: my-negatives, credentialsSecretRef: {name: slack}}}
  - {name: positive, match: {scoreAbove: 0.9}, slack: {channel: positive-feedback, delivery: Digest, credentialsSecretRef: {name: slack}}}
`

// started runs Start on a manifest whose programs end at once, so that only what is found before matters.
func started(t *testing.T, manifest string, change func(*Options)) error {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"slack-ingest", "twitter-ingest", "sentiment-scorer", "notifier"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{Manifest: filepath.Join(dir, "pipeline.yaml"), Bin: dir, DataDir: filepath.Join(dir, "data"), Rate: 1}
	if change != nil {
		change(&o)
	}
	if err := os.WriteFile(o.Manifest, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Start(t.Context(), o)
	if l != nil {
		l.Stop()
	}
	return err
}

func TestAManifestWithoutSecretsMeetsTheSimulator(t *testing.T) {
	err := started(t, readme, nil)
	if err == nil || !strings.Contains(err.Error(), "no binary") || !strings.Contains(err.Error(), "simulator") {
		t.Errorf("Start = %v, want that nothing but the simulator's binary is missing", err)
	}
}

func TestARealRunRefusesWhatIsSimulated(t *testing.T) {
	data := t.TempDir()
	in := func(o *Options) { o.DataDir = data }
	if err := started(t, readme, in); err == nil || !strings.Contains(err.Error(), "no binary") {
		t.Fatalf("Start = %v, want the folder claimed and no simulator found", err)
	}
	other := strings.Replace(readme, "metadata: {name: azure}", "metadata: {name: other}", 1)
	if err := started(t, other, in); err == nil || !strings.Contains(err.Error(), "name another folder with DATA=") {
		t.Errorf("Start with other topics on the same folder = %v, want it refused", err)
	}
	secrets := filepath.Join(t.TempDir(), "secrets.yaml")
	write := func(bot string) {
		text := "apiVersion: v1\nkind: Secret\nmetadata: {name: slack}\nstringData: {bot-token: " + bot + ", app-token: xapp-a}\n---\n" +
			"apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {bearer-token: b}\n"
		if err := os.WriteFile(secrets, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	withSecrets := strings.Replace(readme, "{name: azure}", "{name: azure, annotations: {feedbackpipeline.dev/secrets-file: "+secrets+"}}", 1)
	off := func(o *Options) { o.DataDir, o.NoSimulator = data, true }
	write("xoxb-real")
	if err := started(t, withSecrets, off); err == nil || !strings.Contains(err.Error(), "holds simulated feedback") {
		t.Errorf("Start with the real Slack on simulated feedback = %v, want it refused", err)
	}
	write("xoxb-simulator")
	if err := started(t, withSecrets, func(o *Options) { o.NoSimulator = true }); err == nil || !strings.Contains(err.Error(), "simulator's tokens") {
		t.Errorf("Start with the real Slack and the simulator's tokens = %v, want it refused", err)
	}
}

func TestCorpusIsReadBeforeAnythingStarts(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.txt")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{empty: "is empty: give it at least one line", empty + ".gone": "no such file"} {
		err := started(t, readme, func(o *Options) { o.Corpus = path })
		if err == nil || !strings.Contains(err.Error(), "CORPUS") || !strings.Contains(err.Error(), want) {
			t.Errorf("Start with corpus %s = %v, want %q", path, err, want)
		}
	}
}
