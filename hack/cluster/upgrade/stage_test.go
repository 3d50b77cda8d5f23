//go:build e2e

package upgrade

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/yaml"

	"github.com/feedback-pipelines/feedback-pipelines/hack/audit"
	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

const (
	root    = "../../.."
	chart   = "charts/feedback-pipeline"
	release = "feedback-pipeline"
	// world is a release that holds a Kafka and a simulator alone and is never upgraded: what it has heard and holds is
	// what the ledger is made of.
	world = "world"
)

// stage is a restricted namespace of the test's own, with a Kafka and a simulator in it.
type stage struct {
	*testing.T
	client.Client
	helmPath  string
	namespace string
	began     time.Time
	kafka     string // as host:port of its Service's address
	simulator string // as URL of its Service's address
}

// newStage skips the test visibly where there is no cluster.
func newStage(t *testing.T) *stage {
	t.Helper()
	if os.Getenv("KUBECONFIG") == "" {
		t.Skip("SKIPPED: KUBECONFIG names no cluster")
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(root, "hack", "tools", "tool"), "helm").Output()
	if err != nil {
		t.Skipf("SKIPPED: no helm: %v", err)
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	must(t, err)
	config.QPS, config.Burst = 50, 100
	log.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	scheme := k8sruntime.NewScheme()
	must(t, clientgoscheme.AddToScheme(scheme))
	must(t, v1alpha1.AddToScheme(scheme))
	s := &stage{T: t, helmPath: strings.TrimSpace(string(out)), began: time.Now()}
	s.Client, err = client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "feedback-upgrade-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	must(t, s.Create(t.Context(), ns))
	s.namespace = ns.Name
	t.Cleanup(func() {
		if t.Failed() {
			s.explain()
		}
		_ = s.Delete(context.Background(), ns)
	})
	s.build()
	return s
}

// build installs the world.
func (s *stage) build() {
	s.Helper()
	s.helm(append([]string{"install", world, chart, "--wait", "--timeout", "5m", "--set", "devKafka.enabled=true,simulator.enabled=true,simulator.rate=4",
		"--set", "devKafka.persistence.enabled=false,operator.replicas=0,crds.enabled=false,rbac.create=false,metrics.mode=Off"}, present()...)...)
	s.kafka = s.address(world + "-feedback-pipeline-kafka")
	s.simulator = "http://" + s.address(world+"-feedback-pipeline-simulator")
	s.step("a Kafka and a simulator run")
}

// address is host:port of a Service, as the cluster's network has it.
func (s *stage) address(name string) string {
	s.Helper()
	service := &corev1.Service{}
	must(s.T, s.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, service))
	return net.JoinHostPort(service.Spec.ClusterIP, fmt.Sprint(service.Spec.Ports[0].Port))
}

// present and older are the chart's values for images: E2E_IMAGES and E2E_OLDER_IMAGES name their registry and tag.
func present() []string {
	return images(cmp.Or(os.Getenv("E2E_IMAGES"), "registry.local/feedback:dev"))
}
func older() []string {
	return images(cmp.Or(os.Getenv("E2E_OLDER_IMAGES"), "registry.local/feedback:0.1.0"))
}

func images(of string) []string {
	at := strings.LastIndex(of, ":")
	return []string{"--set-string", "image.registry=" + of[:at] + ",image.tag=" + of[at+1:]}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// helm runs helm in the test's namespace and returns what it says.
func (s *stage) helm(args ...string) string {
	s.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(s.Context(), s.helmPath, append(args, "--namespace", s.namespace)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, &out, &out
	if err := cmd.Run(); err != nil {
		s.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, out.String())
	}
	return out.String()
}

// step says what has been seen, and after how long.
func (s *stage) step(format string, args ...any) {
	s.Helper()
	s.Logf("%6.1fs  %s", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// until waits for a condition; ok says what is instead.
func (s *stage) until(what string, limit time.Duration, ok func(ctx context.Context) (string, bool)) {
	s.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(s.Context(), 500*time.Millisecond, limit, true, func(ctx context.Context) (done bool, _ error) {
		last, done = ok(ctx)
		return done, nil
	})
	if err != nil {
		s.Fatalf("after %s still not: %s; it is: %s", limit, what, last)
	}
	s.step("%s", what)
}

// manifest is a pipeline that reads from the world's simulator and tells its channels.
func (s *stage) manifest(name string) string {
	simulator := fmt.Sprintf("http://%s-feedback-pipeline-simulator.%s.svc:8090", world, s.namespace)
	return strings.NewReplacer("NAMESPACE", s.namespace, "NAME", name, "SIMULATOR", simulator,
		"KAFKA", fmt.Sprintf("%s-feedback-pipeline-kafka.%s.svc:9092", world, s.namespace)).Replace(`
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
	must(s.T, client.IgnoreAlreadyExists(s.Create(s.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "simulator"}, StringData: map[string]string{
		"bot-token": "xoxb-simulator", "app-token": "xapp-simulator", "signing-secret": "simulator", "bearer-token": "simulator",
	}})))
	p := &unstructured.Unstructured{}
	must(s.T, yaml.Unmarshal([]byte(s.manifest(name)), p))
	must(s.T, s.Create(s.Context(), p))
}

// pipeline reads one.
func (s *stage) pipeline(ctx context.Context, name string) (*v1alpha1.FeedbackPipeline, error) {
	p := &v1alpha1.FeedbackPipeline{}
	return p, s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, p)
}

// ready waits until the pipeline says that feedback flows, and then until it does.
func (s *stage) ready(name string, limit time.Duration) {
	s.Helper()
	s.until("FeedbackPipeline "+name+" is Ready", limit, func(ctx context.Context) (string, bool) {
		p, err := s.pipeline(ctx, name)
		if err != nil {
			return err.Error(), false
		}
		for _, c := range p.Status.Conditions {
			if c.Type == "Ready" {
				return fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message), c.Status == metav1.ConditionTrue && c.ObservedGeneration == p.Generation
			}
		}
		return "without a condition Ready", false
	})
	before := -1
	s.until("its channels are told", 2*time.Minute, func(ctx context.Context) (string, bool) {
		posts, err := s.posts(ctx)
		if err != nil {
			return err.Error(), false
		}
		if before < 0 {
			before = posts
		}
		return fmt.Sprintf("%d posts", posts), posts > before
	})
}

// posts counts those of the app in the channel of the negative.
func (s *stage) posts(ctx context.Context) (int, error) {
	body, err := s.ask(ctx, http.MethodGet, "/sim/channels/negative-feedback/messages", "")
	if err != nil {
		return 0, err
	}
	var messages []struct {
		BotID string `json:"bot_id"`
	}
	if err := json.Unmarshal(body, &messages); err != nil {
		return 0, fmt.Errorf("%w: %.200s", err, body)
	}
	n := 0
	for _, m := range messages {
		if m.BotID != "" {
			n++
		}
	}
	return n, nil
}

// ask asks the simulator.
func (s *stage) ask(ctx context.Context, method, path, body string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.simulator+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("run it where the cluster's Services can be reached: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %.200s", method, path, resp.Status, answer)
	}
	return answer, err
}

// ledger ends the talking and wants the auditor's word that nothing was lost or told twice. What is on its way when
// the talking ends counts as lost until it has arrived.
func (s *stage) ledger(name string) {
	s.Helper()
	_, err := s.ask(s.Context(), http.MethodPost, "/sim/traffic", `{"running":false}`)
	must(s.T, err)
	o := audit.Options{
		Bootstrap: []string{s.kafka}, Client: s.dialer(), Simulator: s.simulator, Manifest: []byte(s.manifest(name)),
	}
	var l audit.Ledger
	s.until("the ledger is at rest", 3*time.Minute, func(ctx context.Context) (string, bool) {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		l, err = audit.Run(ctx, o)
		if err != nil {
			return err.Error(), false
		}
		return strings.Join(append(l.Explain(10), l.String()), "\n"), l.OK() && l.Pending == 0
	})
	if l.Posted == 0 {
		s.Errorf("%s: nothing was posted", l)
	}
	s.step("%s", l)
}

// explain writes what helps to understand a failure.
func (s *stage) explain() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var pods corev1.PodList
	_ = s.List(ctx, &pods, client.InNamespace(s.namespace))
	for _, p := range pods.Items {
		s.Logf("pod %s is %s", p.Name, p.Status.Phase)
		for _, c := range p.Status.ContainerStatuses {
			if !c.Ready {
				state, _ := json.Marshal(c.State)
				s.Logf("  %s is not ready: %s", c.Image, state)
			}
		}
	}
	var all v1alpha1.FeedbackPipelineList
	_ = s.List(ctx, &all, client.InNamespace(s.namespace))
	for _, p := range all.Items {
		status, _ := json.Marshal(p.Status)
		s.Logf("FeedbackPipeline %s: %s", p.Name, status)
	}
}

// topics are those of the pipeline.
func (s *stage) topics() []string {
	s.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(s.kafka)}, s.dialer()...)...)
	must(s.T, err)
	defer c.Close()
	all, err := kadm.NewClient(c).ListTopics(s.Context())
	must(s.T, err)
	return slices.DeleteFunc(all.Names(), func(name string) bool { return !strings.HasPrefix(name, s.namespace+".") })
}

// dialer reaches the broker, whose name is known inside the cluster alone, by its Service's address.
func (s *stage) dialer() []kgo.Opt {
	return []kgo.Opt{kgo.Dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.kafka)
	})}
}
