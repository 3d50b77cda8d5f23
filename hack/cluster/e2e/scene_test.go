//go:build e2e

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

const (
	pipeline = "azure"
	doomed   = "doomed"

	firstToken  = "xoxb-simulator"
	secondToken = "xoxb-rotated"

	// rate is how many posts a second people offer.
	rate = 4
)

// scene is a pipeline between people who talk and a real Kafka beside the cluster.
type scene struct {
	*cluster
	kafka *broker.Real
	world *clustertest.Simulator // what people say and see
	told  *outcomes
	// manifests are all that the pipeline had, the last one last.
	manifests [][]byte
	// spare is a second namespace, with a pipeline that is deleted with it.
	spare   string
	talking bool
	said    int    // posts of the test's own
	note    string // what the step that runs has to say beside its name
}

// open connects to the cluster and starts Kafka where its pods reach it, or skips the test and says what is missing.
func open(t *testing.T) *scene {
	t.Helper()
	c := connect(t)
	return &scene{cluster: c, kafka: clustertest.StartKafka(t, broker.RealOptions{Host: clustertest.KafkaHost(t)})}
}

// install installs the chart with the simulator, in which nobody talks yet.
func (s *scene) install() {
	s.UninstallAtEnd(release) // what a failed run leaves; after a good one there is nothing
	s.Helm(append([]string{"install", release, clustertest.Chart, "--take-ownership", "--wait", "--timeout", "4m"}, s.values()...)...)
	s.world = s.OpenSimulator(simulator)
}

// values are the chart's of every install and upgrade here.
func (s *scene) values() []string {
	return append([]string{"--set", "simulator.enabled=true,simulator.rate=0"}, s.images()...)
}

// apply makes Secrets and pipeline as a user would, with people talking already, and waits until feedback flows.
func (s *scene) apply() {
	s.tokens(s.Namespace)
	s.talk(true)
	s.create(s.Namespace, pipeline, nil)
	s.Ready(pipeline, clustertest.Patience)
	s.remember()
	s.told = follow(s.T, s.kafka.Bootstrap(), s.Namespace+"."+pipeline+".notifications")
	for _, channel := range []string{"negative-feedback", "positive-feedback", "outages"} {
		s.Told(s.world, channel, time.Minute)
	}
}

// tokens makes the Secrets that the manifests name.
func (s *scene) tokens(namespace string) {
	s.Helper()
	for name, data := range map[string]map[string]string{
		"slack":          {"bot-token": firstToken, "app-token": "xapp-simulator"},
		"x":              {"bearer-token": "simulator"},
		"azure-language": {"key": "simulator"},
		"openai":         {"key": "simulator"},
	} {
		clustertest.Must(s.T, s.Create(s.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, StringData: data}))
	}
}

// create makes the pipeline of a manifest of testdata after change.
func (s *scene) create(namespace, file string, change func(*v1alpha1.FeedbackPipelineSpec)) {
	s.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file+".yaml"))
	clustertest.Must(s.T, err)
	manifest := strings.NewReplacer("%KAFKA%", strings.Join(s.kafka.Bootstrap(), ","),
		"%SIMULATOR%", "http://"+simulator+"."+s.Namespace+".svc:8090").Replace(string(text))
	p := &v1alpha1.FeedbackPipeline{}
	clustertest.Must(s.T, yaml.UnmarshalStrict([]byte(manifest), p))
	p.Namespace = namespace
	if change != nil {
		change(&p.Spec)
	}
	clustertest.Must(s.T, s.Create(s.Context(), p))
}

// get is a live pipeline.
func (s *scene) get(ctx context.Context, namespace, name string) (*v1alpha1.FeedbackPipeline, error) {
	p := &v1alpha1.FeedbackPipeline{}
	return p, s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, p)
}

// change edits the pipeline, and keeps the manifest for the auditor.
func (s *scene) change(what string, edit func(*v1alpha1.FeedbackPipelineSpec)) {
	s.Helper()
	s.Edit(pipeline, what, edit)
	s.remember()
}

// remember keeps the live manifest.
func (s *scene) remember() {
	s.Helper()
	s.Until("the manifest is kept for the auditor", 30*time.Second, func(ctx context.Context) (string, bool) {
		p, err := s.get(ctx, s.Namespace, pipeline)
		if err != nil {
			return err.Error(), false
		}
		p.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "FeedbackPipeline"}
		p.ManagedFields, p.Status = nil, v1alpha1.FeedbackPipelineStatus{}
		text, err := yaml.Marshal(p)
		clustertest.Must(s.T, err)
		s.manifests = append(s.manifests, text)
		return "", true
	})
}
