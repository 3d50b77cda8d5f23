//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
)

// cluster is the one that KUBECONFIG gives, with a namespace of the test's own that is restricted.
type cluster struct {
	*testing.T
	client.Client
	config    *rest.Config
	pods      kubernetes.Interface
	helmPath  string
	namespace string
	began     time.Time
	explained bool
}

// connect skips the test visibly where there is no cluster.
func connect(t *testing.T) *cluster {
	t.Helper()
	if os.Getenv("KUBECONFIG") == "" {
		t.Skip("SKIPPED: KUBECONFIG names no cluster")
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	must(t, err)
	scheme := k8sruntime.NewScheme()
	must(t, clientgoscheme.AddToScheme(scheme))
	must(t, v1alpha1.AddToScheme(scheme))
	config.QPS, config.Burst = 50, 100
	c := &cluster{T: t, config: config, helmPath: tool(t, "helm"), began: time.Now()}
	c.Client, err = client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	c.pods, err = kubernetes.NewForConfig(config)
	must(t, err)
	c.namespace = c.restricted()
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// root is the repository's folder: the nearest above the working directory that has go.work.
func root() string {
	folder, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for at := folder; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.work")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			panic("no go.work above " + folder + ": run the tests in a checkout of the repository")
		}
	}
}

// tool is the path of a development tool.
func tool(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(root(), "hack", "tools", "tool"), name).Output()
	if err != nil {
		t.Skipf("SKIPPED: no %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// restricted makes a namespace that takes only what meets the restricted Pod Security Standard; it is deleted at the end.
func (c *cluster) restricted() string {
	c.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "feedback-e2e-", Labels: map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted",
	}}}
	must(c.T, c.Create(c.Context(), ns))
	c.Cleanup(func() {
		c.explain()
		c.letGo(ns.Name)
		_ = c.Delete(context.Background(), ns)
	})
	return ns.Name
}

// letGo deletes the pipelines that a failed run left, and takes off the finalizers for which there is no operator any
// more, so that the namespace goes.
func (c *cluster) letGo(namespace string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var left v1alpha1.FeedbackPipelineList
	_ = c.List(ctx, &left, client.InNamespace(namespace))
	for _, p := range left.Items {
		_ = c.Delete(ctx, &p)
		_ = c.Patch(ctx, &p, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))
	}
}

// helm runs helm in the test's namespace and returns what it says.
func (c *cluster) helm(args ...string) string {
	c.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(c.Context(), c.helmPath, append(args, "--namespace", c.namespace)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root(), &out, &out
	if err := cmd.Run(); err != nil {
		c.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, out.String())
	}
	return out.String()
}

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
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
	c.step("%s", what)
}

// quiet calls f until it returns nil.
func (c *cluster) quiet(limit time.Duration, f func(ctx context.Context) error) {
	c.Helper()
	var last error
	err := wait.PollUntilContextTimeout(c.Context(), 500*time.Millisecond, limit, true, func(ctx context.Context) (bool, error) {
		last = f(ctx)
		return last == nil, nil
	})
	if err != nil {
		c.Fatalf("not within %s: %v", limit, last)
	}
}

// ready waits until the pipeline says that feedback flows.
func (c *cluster) ready(name string, limit time.Duration) {
	c.Helper()
	c.readyIn(c.namespace, name, limit)
}

func (c *cluster) readyIn(namespace, name string, limit time.Duration) {
	c.Helper()
	c.until("FeedbackPipeline "+name+" is Ready", limit, func(ctx context.Context) (string, bool) {
		p := &v1alpha1.FeedbackPipeline{}
		if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, p); err != nil {
			return err.Error(), false
		}
		for _, cond := range p.Status.Conditions {
			if cond.Type == "Ready" {
				return fmt.Sprintf("%s %s: %s", cond.Status, cond.Reason, cond.Message),
					cond.Status == metav1.ConditionTrue && cond.ObservedGeneration == p.Generation
			}
		}
		return "without a condition Ready", false
	})
}

// posts are those of the app that stand in a simulated channel; people's are left out.
func (c *cluster) posts(ctx context.Context, simulator, channel string) ([]string, error) {
	raw, err := c.pods.CoreV1().Services(c.namespace).ProxyGet("http", simulator, "8090", "/sim/channels/"+channel+"/messages", nil).DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	var messages []struct {
		BotID string `json:"bot_id"`
		TS    string `json:"ts"`
	}
	if err := json.Unmarshal(raw, &messages); err != nil {
		return nil, fmt.Errorf("%w: %.200s", err, raw)
	}
	var ts []string
	for _, m := range messages {
		if m.BotID != "" {
			ts = append(ts, m.TS)
		}
	}
	return ts, nil
}

// flows waits until more stands in the channel than before.
func (c *cluster) flows(simulator, channel string, limit time.Duration) {
	c.Helper()
	before := -1
	c.until("the app tells #"+channel, limit, func(ctx context.Context) (string, bool) {
		posts, err := c.posts(ctx, simulator, channel)
		if err != nil {
			return err.Error(), false
		}
		if before < 0 {
			before = len(posts)
		}
		return fmt.Sprintf("%d posts", len(posts)), len(posts) > before
	})
}

// explain writes what helps to understand a failure, once.
func (c *cluster) explain() {
	if !c.Failed() || c.explained {
		return
	}
	c.explained = true
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var pods corev1.PodList
	_ = c.List(ctx, &pods, client.InNamespace(c.namespace))
	for _, p := range pods.Items {
		c.Logf("pod %s is %s", p.Name, p.Status.Phase)
		for _, s := range p.Status.ContainerStatuses {
			if !s.Ready {
				c.Logf("  not ready: %+v", s.State)
			}
		}
		log, _ := c.pods.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{TailLines: new(int64(15))}).DoRaw(ctx)
		c.Logf("%s", log)
	}
	var deployments appsv1.DeploymentList
	_ = c.List(ctx, &deployments, client.InNamespace(c.namespace))
	for _, d := range deployments.Items {
		for _, cond := range d.Status.Conditions {
			if cond.Status != corev1.ConditionTrue {
				c.Logf("deployment %s: %s %s", d.Name, cond.Type, cond.Message)
			}
		}
	}
	var pipelines v1alpha1.FeedbackPipelineList
	_ = c.List(ctx, &pipelines, client.InNamespace(c.namespace))
	for _, p := range pipelines.Items {
		status, _ := json.MarshalIndent(p.Status, "", " ")
		c.Logf("FeedbackPipeline %s: %s", p.Name, status)
	}
}
