package validate

import (
	"os"
	"testing"
)

func TestLoadSamples(t *testing.T) {
	text, err := os.ReadFile("../config/samples/smallest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Load(text)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	if got, want := p.Spec.Sources[0].Slack.Backfill.String(), "24h0m0s"; got != want {
		t.Errorf("backfill = %s, want the default %s", got, want)
	}
}
