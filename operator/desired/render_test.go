package desired_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/validate"
)

var update = flag.Bool("update", false, "write testdata instead of comparing with it")

// sample is a sample as the API server would store it, changed by change.
func sample(t testing.TB, name string, change ...func(*v1alpha1.FeedbackPipeline)) *v1alpha1.FeedbackPipeline {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "config", "samples", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := validate.Load(text)
	if err != nil {
		t.Fatalf("Load(%s.yaml): %v", name, err)
	}
	for _, f := range change {
		f(p)
	}
	return p
}

func render(t testing.TB, p *v1alpha1.FeedbackPipeline) desired.Result {
	t.Helper()
	r, err := desired.Render(p, desired.Options{Registry: "registry.example/", Tag: "v1"})
	if err != nil {
		t.Fatalf("Render: %v", err)
	}
	return r
}

// text is all of r as YAML documents.
func text(t testing.TB, r desired.Result) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, object := range r.Objects {
		b.WriteString("---\n")
		b.Write(marshal(t, object))
	}
	b.WriteString("--- # topics\n")
	b.Write(marshal(t, r.Topics))
	b.WriteString("--- # groups\n")
	b.Write(marshal(t, r.Groups))
	return b.Bytes()
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	out, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRenderGolden(t *testing.T) {
	for _, name := range []string{"smallest", "full", "platform", "shadow"} {
		t.Run(name, func(t *testing.T) {
			got := text(t, render(t, sample(t, name)))
			path := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(path, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v (write it with -update)", err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("Render(%s.yaml) differs (-want +got; write it with -update):\n%s", name, diff)
			}
		})
	}
}

func TestRenderIsDeterministic(t *testing.T) {
	p := sample(t, "full")
	before := p.DeepCopy()
	want := text(t, render(t, p))
	for range 20 {
		if got := text(t, render(t, p)); !bytes.Equal(got, want) {
			t.Fatalf("Render gives another result for the same pipeline:\n%s", cmp.Diff(string(want), string(got)))
		}
	}
	if diff := cmp.Diff(before, p); diff != "" {
		t.Errorf("Render changed the pipeline (-before +after):\n%s", diff)
	}
}
