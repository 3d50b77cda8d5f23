//go:build e2e

package upgrade

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/hack/audit"
	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

const (
	// world is a release that holds a Kafka and a simulator alone and is never upgraded: what it has heard and holds is
	// what the ledger is made of.
	world = "world"
	// told is the channel in which the negative is told.
	told = "negative-feedback"
)

// stage is a namespace of the test's own, with a Kafka and a simulator in it.
type stage struct {
	*clustertest.Cluster
	kafka     string // as host:port of this machine
	simulator *clustertest.Simulator
}

// newStage skips the test visibly where there is no cluster.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{Cluster: clustertest.Connect(t, "feedback-upgrade-")}
	s.UninstallAtEnd(clustertest.Release)
	s.build()
	return s
}

// build installs the world.
func (s *stage) build() {
	s.Helper()
	s.Helm(append([]string{"install", world, clustertest.Chart, "--wait", "--timeout", "5m", "--set", "devKafka.enabled=true,simulator.enabled=true,simulator.rate=4",
		"--set", "devKafka.persistence.enabled=false,operator.replicas=0,crds.enabled=false,rbac.create=false,metrics.mode=Off"}, s.present()...)...)
	s.kafka = s.Forward(world+"-feedback-pipeline-kafka-0", 9092)
	s.simulator = s.OpenSimulator(world + "-feedback-pipeline-simulator")
	s.Step("a Kafka and a simulator run")
}

// present and older are the chart's values for images: E2E_IMAGES and E2E_OLDER_IMAGES name their registry and tag.
func (s *stage) present() []string { return clustertest.Values(s.Present()) }
func (s *stage) older() []string {
	return clustertest.Values(s.Images("E2E_OLDER_IMAGES", "registry.local/feedback:0.1.0"))
}

// manifest is a pipeline that reads from the world's simulator and tells its channels.
func (s *stage) manifest(name string) string {
	simulator := fmt.Sprintf("http://%s-feedback-pipeline-simulator.%s.svc:8090", world, s.Namespace)
	return strings.NewReplacer("NAMESPACE", s.Namespace, "NAME", name, "SIMULATOR", simulator,
		"KAFKA", fmt.Sprintf("%s-feedback-pipeline-kafka.%s.svc:9092", world, s.Namespace)).Replace(`
apiVersion: feedbackpipeline.dev/v1alpha1
kind: FeedbackPipeline
metadata: {namespace: NAMESPACE, name: NAME}
spec:
  kafka: {bootstrapServers: ["KAFKA"]}
  topics: {partitions: 3, replicationFactor: 1, deletionPolicy: Delete}
  sources:
  - name: community
    slack: {channels: [feedback, support], match: {keywords: [azure]}, apiURL: SIMULATOR/api/, credentialsSecretRef: {name: simulator}}
  - name: mentions
    twitter: {query: "(azure OR #Azure)", interval: 2s, apiURL: SIMULATOR, credentialsSecretRef: {name: simulator}}
  routes:
  - name: negative
    match: {scoreBelow: 0.3}
    slack: {channel: negative-feedback, delivery: Each, digestAfter: 15, digestInterval: 10s, apiURL: SIMULATOR/api/, credentialsSecretRef: {name: simulator}}
  - name: positive
    match: {scoreAbove: 0.9}
    slack: {channel: positive-feedback, delivery: Digest, digestInterval: 10s, apiURL: SIMULATOR/api/, credentialsSecretRef: {name: simulator}}
`)
}

// apply makes the pipeline and the Secret that it names.
func (s *stage) apply(name string) {
	s.Helper()
	clustertest.Must(s.T, client.IgnoreAlreadyExists(s.Create(s.Context(), &corev1.Secret{ObjectMeta: s.Meta("simulator"), StringData: map[string]string{
		"bot-token": "xoxb-simulator", "app-token": "xapp-simulator", "signing-secret": "simulator", "bearer-token": "simulator",
	}})))
	p := &unstructured.Unstructured{}
	clustertest.Must(s.T, yaml.Unmarshal([]byte(s.manifest(name)), p))
	clustertest.Must(s.T, s.Create(s.Context(), p))
}

// pipeline reads one.
func (s *stage) pipeline(ctx context.Context, name string) (*v1alpha1.FeedbackPipeline, error) {
	p := &v1alpha1.FeedbackPipeline{}
	return p, s.Get(ctx, s.Key(name), p)
}

// flows waits until the pipeline says that feedback flows, and then until it does.
func (s *stage) flows(name string) {
	s.Helper()
	s.Ready(name, clustertest.Patience)
	s.Told(s.simulator, told, clustertest.Patience)
}

// talk starts or ends the traffic.
func (s *stage) talk(on bool) {
	s.Helper()
	clustertest.Must(s.T, s.simulator.Call(s.Context(), http.MethodPost, "/sim/traffic", map[string]bool{"running": on}, nil))
}

// ledger ends the talking and wants the auditor's word that nothing was lost or told twice. What is on its way when
// the talking ends counts as lost until it has arrived.
func (s *stage) ledger(name string) {
	s.Helper()
	s.talk(false)
	o := audit.Options{
		Bootstrap: []string{s.kafka}, Client: s.dialer(), Simulator: s.simulator.Base, Manifest: []byte(s.manifest(name)),
	}
	var l audit.Ledger
	s.Until("the ledger is at rest", clustertest.Patience, func(ctx context.Context) (string, bool) {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		var err error
		if l, err = audit.Run(ctx, o); err != nil {
			return err.Error(), false
		}
		if l.OK() && l.Pending == 0 {
			return l.String(), true
		}
		return strings.Join(append(l.Explain(10), l.String()), "\n"), false
	})
	if l.Posted == 0 {
		s.Errorf("%s: nothing was posted", l)
	}
}

// topics are those of the pipeline.
func (s *stage) topics() []string {
	s.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(s.kafka)}, s.dialer()...)...)
	clustertest.Must(s.T, err)
	defer c.Close()
	all, err := kadm.NewClient(c).ListTopics(s.Context())
	clustertest.Must(s.T, err)
	return slices.DeleteFunc(all.Names(), func(name string) bool { return !strings.HasPrefix(name, s.Namespace+".") })
}

// dialer reaches the broker, whose name is known inside the cluster alone, by the port that is forwarded to it.
func (s *stage) dialer() []kgo.Opt {
	return []kgo.Opt{kgo.Dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.kafka)
	})}
}
