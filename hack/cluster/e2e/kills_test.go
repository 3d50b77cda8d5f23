//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
)

// killPods kills one of the pipeline's pods every four seconds, without warning: in each round one of each component, in
// an order of chance.
func (s *scene) killPods(during time.Duration) {
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	var round []string
	killed := map[string]int{}
	tick, end := time.NewTicker(4*time.Second), time.After(during)
	defer tick.Stop()
	for over := false; !over; {
		select {
		case <-s.Context().Done():
			s.Fatal(s.Context().Err())
		case <-end:
			over = true
		case <-tick.C:
			pods := s.podsByComponent()
			if len(round) == 0 {
				round = slices.Sorted(maps.Keys(pods))
				random.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
			}
			if len(round) == 0 {
				continue
			}
			pod, ok := pods[round[0]]
			if ok && s.kill(&pod) == nil { // else it has gone by itself, or its successor is not there yet
				killed[round[0]]++
			}
			round = round[1:]
		}
	}
	s.note = fmt.Sprintf(" (%v)", killed)
	s.rolledOut()
	s.Ready(pipeline, clustertest.Patience)
	s.tells()
}

// podsByComponent are the pipeline's pods, one of each component or source.
func (s *scene) podsByComponent() map[string]corev1.Pod {
	s.Helper()
	var pods corev1.PodList
	s.Quiet(time.Minute, func(ctx context.Context) error {
		return s.List(ctx, &pods, client.InNamespace(s.Namespace), ofPipeline)
	})
	found := map[string]corev1.Pod{}
	for _, pod := range pods.Items {
		found[cmp.Or(pod.Labels[desired.LabelSource], pod.Labels["app.kubernetes.io/component"])] = pod
	}
	return found
}

// kill takes a pod away without warning.
func (s *scene) kill(pod *corev1.Pod) error {
	return s.Delete(s.Context(), pod, client.GracePeriodSeconds(0))
}

// killAll kills all pods with labels, and waits until others are in their places.
func (s *scene) killAll(what string, labels client.MatchingLabels) {
	s.Helper()
	old := map[string]bool{}
	s.Until(what+" is killed", time.Minute, func(ctx context.Context) (string, bool) {
		var pods corev1.PodList
		if err := s.List(ctx, &pods, client.InNamespace(s.Namespace), labels); err != nil {
			return err.Error(), false
		}
		for _, pod := range pods.Items {
			old[pod.Name] = true
			if err := s.kill(&pod); err != nil {
				return err.Error(), false
			}
		}
		return "it has no pods", len(pods.Items) > 0
	})
	s.Until(what+" is there again", clustertest.Patience, func(ctx context.Context) (string, bool) {
		var pods corev1.PodList
		if err := s.List(ctx, &pods, client.InNamespace(s.Namespace), labels); err != nil {
			return err.Error(), false
		}
		ready := 0
		for _, pod := range pods.Items {
			for _, c := range pod.Status.Conditions {
				if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && !old[pod.Name] {
					ready++
				}
			}
		}
		return fmt.Sprintf("%d new pods are ready", ready), ready > 0
	})
}

// killOperator: the pipeline works on without it, and its successor mends what was deleted meanwhile.
func (s *scene) killOperator() {
	policy := &networkingv1.NetworkPolicy{ObjectMeta: s.Meta(pipeline + "-ingress")}
	s.killAll("the operator", client.MatchingLabels{"app.kubernetes.io/component": "operator"})
	s.Quiet(time.Minute, func(ctx context.Context) error { return s.Delete(ctx, policy) })
	s.Until("the new one makes anew what was deleted", time.Minute, func(ctx context.Context) (string, bool) {
		err := s.Get(ctx, client.ObjectKeyFromObject(policy), policy)
		return fmt.Sprint(err), err == nil && policy.DeletionTimestamp.IsZero()
	})
	s.Ready(pipeline, clustertest.Patience)
	s.tells()
}

// components are those of the node that E2E_KILL can end.
var components = []string{"etcd", "apiserver", "kcm", "scheduler", "containerd", "kubelet", "proxy", "coredns"}

// killNode ends one component of the node after another, by the command E2E_KILL with its name; something has to start
// it again. All of them are needed to bring a killed pod back and have it find the simulator by its name.
func (s *scene) killNode() {
	command := os.Getenv("E2E_KILL")
	if command == "" {
		s.note = " SKIPPED: E2E_KILL names no command that ends a component of the node"
		return
	}
	for _, name := range components {
		out, err := exec.CommandContext(s.Context(), "sh", "-c", command+" "+name).CombinedOutput()
		if err != nil {
			s.Fatalf("%s %s: %v: %s", command, name, err, out)
		}
		s.Step("%s is killed", name)
		s.Until("the API server answers, and the node is Ready", 3*time.Minute, s.nodeReady)
	}
	s.note = " (" + strings.Join(components, ", ") + ")"
	s.killAll("slack-ingest", client.MatchingLabels{"app.kubernetes.io/name": "slack-ingest"})
	s.Ready(pipeline, clustertest.Patience)
	s.tells()
}

func (s *scene) nodeReady(ctx context.Context) (string, bool) {
	var nodes corev1.NodeList
	if err := s.List(ctx, &nodes); err != nil {
		return err.Error(), false
	}
	for _, node := range nodes.Items {
		for _, c := range node.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue {
				return node.Name + " is not ready: " + c.Message, false
			}
		}
	}
	return "no nodes", len(nodes.Items) > 0
}

// killKafka: people talk on while it is away, and what they said is told when it is back.
func (s *scene) killKafka() {
	clustertest.Must(s.T, s.kafka.Kill(1))
	s.Step("Kafka is killed")
	missed := s.say(s.angry())
	s.more(10 * rate)
	clustertest.Must(s.T, s.kafka.Restart(s.Context(), 1))
	s.Step("Kafka answers again")
	s.isTold(missed, "negative", 2*time.Minute)
	s.Ready(pipeline, clustertest.Patience)
}

// upgrade gives all programs but the simulator, in whose memory is what was said, other images.
func (s *scene) upgrade() {
	values := s.values()
	registry, first := s.Present()
	if os.Getenv("E2E_IMAGES_NEXT") == "" {
		s.note = " SKIPPED: other images; E2E_IMAGES_NEXT names none"
	}
	_, tag := s.Images("E2E_IMAGES_NEXT", registry+":"+first)
	values = append(values, "--set-string", "image.tag="+tag+",images.simulator.tag="+first, "--set", "operator.logLevel=debug")
	s.Helm(append([]string{"upgrade", release, clustertest.Chart, "--wait", "--timeout", "4m"}, values...)...)
	s.Until("all Deployments have the images of the upgrade", time.Minute, func(context.Context) (string, bool) {
		for _, d := range s.deployments() {
			if image := d.Spec.Template.Spec.Containers[0].Image; !strings.HasSuffix(image, ":"+tag) {
				return d.Name + " has " + image, false
			}
		}
		return "", true
	})
	s.rolledOut()
	s.Ready(pipeline, clustertest.Patience)
	s.tells()
}
