//go:build e2e

package keda

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

const release = "feedback-pipeline"

// cluster is the one that KUBECONFIG gives, with a namespace of the test's own that is restricted.
type cluster struct {
	*testing.T
	client.WithWatch
	logs      kubernetes.Interface
	namespace string
	simulator string // where its Slack is
	began     time.Time
}

// connect skips the test visibly where there is no cluster.
func connect(t *testing.T) *cluster {
	t.Helper()
	if os.Getenv("KUBECONFIG") == "" {
		t.Skip("SKIPPED: KUBECONFIG names no cluster")
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	must(t, err)
	return open(t, config)
}

// open makes the test's namespace on a cluster.
func open(t *testing.T, config *rest.Config) *cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, clientgoscheme.AddToScheme(scheme))
	must(t, v1alpha1.AddToScheme(scheme))
	config.QPS, config.Burst = 50, 100
	c := &cluster{T: t, began: time.Now()}
	var err error
	c.WithWatch, err = client.NewWithWatch(config, client.Options{Scheme: scheme})
	must(t, err)
	c.logs, err = kubernetes.NewForConfig(config)
	must(t, err)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "feedback-keda-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	must(t, c.Create(t.Context(), ns))
	c.namespace = ns.Name
	c.simulator = "http://" + release + "-simulator." + c.namespace + ".svc:8090/api/"
	t.Cleanup(func() {
		if t.Failed() {
			c.explain(c.namespace)
			c.explain(kedaNamespace)
		}
		_ = c.Delete(context.Background(), ns)
	})
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// root is the repository's folder; tests run in that of their package.
func root() string {
	folder, err := filepath.Abs("../../..")
	if err != nil {
		panic(err)
	}
	return folder
}

// images are registry and tag of images, by a variable such as registry.example/feedback:dev.
func (c *cluster) images(variable, otherwise string) (registry, tag string) {
	c.Helper()
	images := cmp.Or(os.Getenv(variable), otherwise)
	at := strings.LastIndex(images, ":")
	if at < 0 || strings.Contains(images[at:], "/") {
		c.Fatalf("%s=%q: write registry and tag, such as registry.example/feedback:dev", variable, images)
	}
	return images[:at], images[at+1:]
}

// install installs the chart with the simulator, in which nobody talks, and uninstalls it at the end.
func (c *cluster) install() {
	c.Helper()
	registry, tag := c.images("E2E_IMAGES", "registry.local/feedback:dev")
	c.Cleanup(func() { _, _ = c.helm(context.Background(), "uninstall", release, "--ignore-not-found") })
	out, err := c.helm(c.Context(), "install", release, "charts/feedback-pipeline", "--take-ownership", "--wait", "--timeout", "4m",
		"--set", "simulator.enabled=true,simulator.rate=0", "--set-string", "image.registry="+registry+",image.tag="+tag)
	if err != nil {
		c.Fatalf("helm install: %v\n%s", err, out)
	}
}

func (c *cluster) helm(ctx context.Context, args ...string) (string, error) {
	path, err := exec.CommandContext(ctx, filepath.Join(root(), "hack", "tools", "tool"), "helm").Output()
	if err != nil {
		return "", fmt.Errorf("no helm: %w", err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, strings.TrimSpace(string(path)), append(args, "--namespace", c.namespace)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root(), &out, &out
	return out.String(), cmd.Run()
}

// step says what has been seen, and after how long.
func (c *cluster) step(format string, args ...any) {
	c.Helper()
	c.Logf("%6.1fs  %s", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

// until waits for a condition; ok says what is instead.
func (c *cluster) until(what string, limit time.Duration, ok func(ctx context.Context) (string, bool)) {
	c.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(c.Context(), 500*time.Millisecond, limit, true, func(ctx context.Context) (done bool, _ error) {
		last, done = ok(ctx)
		return done, nil
	})
	if err != nil {
		c.Fatalf("after %s still not: %s; it is: %s", limit, what, last)
	}
	c.step("%s (%s)", what, last)
}

// explain writes what helps to understand a failure.
func (c *cluster) explain(namespace string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var pods corev1.PodList
	_ = c.List(ctx, &pods, client.InNamespace(namespace))
	for _, p := range pods.Items {
		c.Logf("pod %s/%s is %s", namespace, p.Name, p.Status.Phase)
		for _, s := range p.Status.ContainerStatuses {
			if !s.Ready {
				c.Logf("  not ready: %+v, before: %+v", s.State, s.LastTerminationState)
			}
		}
		log, _ := c.logs.CoreV1().Pods(namespace).GetLogs(p.Name, &corev1.PodLogOptions{TailLines: new(int64(15))}).DoRaw(ctx)
		c.Logf("%s", log)
	}
	var events corev1.EventList
	_ = c.List(ctx, &events, client.InNamespace(namespace))
	for _, e := range events.Items[max(0, len(events.Items)-30):] {
		c.Logf("event: %s %s %s: %s", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
	}
}
