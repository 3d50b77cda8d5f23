package chart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// artifacts are the images that skaffold.yaml builds.
var artifacts = []string{"operator", "slack-ingest", "twitter-ingest", "sentiment-scorer", "notifier", "simulator", "devkafka", "check"}

// skaffold runs it in the repository's root, with a helm that renders for a version of Kubernetes that the chart takes:
// one that was built by go install renders for 1.20.
func skaffold(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("skaffold")
	if err != nil {
		t.Skip("SKIPPED: no skaffold on PATH, see https://skaffold.dev/docs/install")
	}
	helm, err := findHelm()
	if err != nil {
		t.Skip("SKIPPED: no helm, and it cannot be installed:", err)
	}
	bin := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\ncase \" $* \" in *' template '*) set -- \"$@\" --kube-version %s ;; esac\nexec %q \"$@\"\n", kubernetes, helm)
	if err := os.WriteFile(filepath.Join(bin, "helm"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "../../..", &out, &complaint
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+t.TempDir(), "KUBECONFIG="+os.DevNull,
		"SKAFFOLD_UPDATE_CHECK=false", "SKAFFOLD_INTERACTIVE=false", "KAFKA=kafka.example:9092", "PIPELINE=hack/real")
	if err := cmd.Run(); err != nil {
		t.Fatalf("skaffold %q: %v\n%s", args, err, complaint.String())
	}
	return out.String()
}

// TestSkaffoldBuilds finds that each image is built as .ko.yaml has it: static, and stamped with a version.
func TestSkaffoldBuilds(t *testing.T) {
	var config struct {
		Build struct {
			Artifacts []struct {
				Image string
				Ko    struct {
					Env, Ldflags []string
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(skaffold(t, "diagnose", "--yaml-only")), &config); err != nil {
		t.Fatal(err)
	}
	var ko struct{ DefaultEnv, DefaultLdflags []string }
	text, err := os.ReadFile("../../../.ko.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &ko); err != nil {
		t.Fatal(err)
	}
	before := func(flags []string) string { // the template, which each of the two writes in its own way
		var all []string
		for _, f := range flags {
			f, _, _ = strings.Cut(f, "{{")
			all = append(all, f)
		}
		return strings.Join(all, " ")
	}
	var built []string
	for _, a := range config.Build.Artifacts {
		built = append(built, a.Image)
		got := before(a.Ko.Env) + "; " + before(a.Ko.Ldflags)
		want := before(ko.DefaultEnv) + "; " + before(ko.DefaultLdflags)
		if got != want {
			t.Errorf("%s is built with %s, want .ko.yaml's %s", a.Image, got, want)
		}
	}
	if got, want := strings.Join(built, " "), strings.Join(artifacts, " "); got != want {
		t.Errorf("skaffold.yaml builds %s, want %s", got, want)
	}
}

// TestSkaffoldRenders renders each profile with images that were built: all of them are asked for, and each profile has
// the parts that it is for.
func TestSkaffoldRenders(t *testing.T) {
	type build struct {
		ImageName string `json:"imageName"`
		Tag       string `json:"tag"`
	}
	var builds struct {
		Builds []build `json:"builds"`
	}
	for _, name := range artifacts {
		builds.Builds = append(builds.Builds, build{name, "registry.example/" + name + ":built"})
	}
	text, err := json.Marshal(builds)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "builds.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	const kafka, simulator, demo = "StatefulSet/feedback-pipeline-kafka", "Deployment/feedback-pipeline-simulator", "FeedbackPipeline/azure"
	for _, tt := range []struct {
		profile   string
		has, lack []string
		bootstrap string // of the demo
	}{
		{"", []string{kafka, simulator, demo}, nil, "feedback-pipeline-kafka.feedback.svc:9092"},
		{"kafka", []string{simulator, demo}, []string{kafka}, "kafka.example:9092"},
		{"slack", []string{kafka}, []string{simulator, demo}, ""},
	} {
		t.Run("profile "+tt.profile, func(t *testing.T) {
			rendered := filepath.Join(t.TempDir(), "rendered.yaml")
			args := []string{"render", "--offline=true", "--digest-source=none", "--build-artifacts=" + path, "--output=" + rendered}
			if tt.profile != "" {
				args = append(args, "--profile="+tt.profile)
			}
			skaffold(t, args...)
			text, err := os.ReadFile(rendered)
			if err != nil {
				t.Fatal(err)
			}
			out := string(text)
			all := objects(t, out)
			for _, key := range append([]string{"Deployment/feedback-pipeline"}, tt.has...) {
				if all[key] == nil {
					t.Errorf("%s is missing", key)
				}
			}
			for _, key := range tt.lack {
				if all[key] != nil {
					t.Errorf("%s is rendered", key)
				}
			}
			for _, image := range artifacts {
				if (image == "devkafka" || image == "simulator") && strings.Contains(strings.Join(tt.lack, " "), strings.TrimPrefix(image, "dev")) {
					continue
				}
				if !strings.Contains(out, "registry.example/"+image+":built") {
					t.Errorf("nothing asks for the image %s that was built", image)
				}
			}
			if p := all[demo]; p != nil {
				servers, _, _ := unstructured.NestedStringSlice(p.Object, "spec", "kafka", "bootstrapServers")
				if got := strings.Join(servers, ","); got != tt.bootstrap {
					t.Errorf("the demo's bootstrapServers are %s, want %s", got, tt.bootstrap)
				}
			}
		})
	}
}
