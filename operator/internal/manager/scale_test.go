package manager_test

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/manager"
)

const (
	// many is how many pipelines one operator is given.
	many = 200
	// looks is how often each of them is looked at once all is well.
	looks = 2
	// mostHeap is what the operator may keep of them, in bytes: an eighth of the memory that its chart gives it.
	mostHeap = 32 << 20
)

// TestManyPipelines has one operator, with its cache, its queue and its workers, bring 200 pipelines to where feedback
// flows, and then counts what it asks for: nothing is written, and nothing is read but Secrets and ConfigMaps. It logs
// what docs/operator.md says. Nothing of it fails for being slow.
func TestManyPipelines(t *testing.T) {
	f := newFleet(t, "many", many)
	before := heap()
	stop := f.start()
	began := time.Now()
	f.until("the topics of all are made", time.Second, func() bool { return f.are(v1alpha1.ConditionTopicsReady) == many })
	f.until("all objects are made", time.Second, func() bool { return f.deployments() == 3*many })
	t.Logf("%d pipelines: topics and objects of all made after %s", many, time.Since(began).Round(100*time.Millisecond))
	f.know()
	f.speak(time.Now(), began)
	f.keepSpeaking(began)
	f.until("feedback flows in all", time.Second, func() bool {
		f.roll()
		return f.are(v1alpha1.ConditionReady) == many
	})
	count, seconds := passes()
	t.Logf("all Ready after %s, in which the Deployments were rolled; %d looks of %.0f ms on average", time.Since(began).Round(100*time.Millisecond), count, 1000*seconds/float64(count))
	t.Logf("requests a pipeline until then: %s", figures(f.requests.take(), many))
	t.Logf("requests to Kafka a pipeline until then: %s", figures(f.takeKafka(), many))

	f.rest()
	with := heap()
	stop()
	without := heap()
	t.Logf("heap in use: %.1f MiB before the operator was started, %.1f with it, %.1f after it was stopped; the operator's part: %.1f MiB", mib(before), mib(with), mib(without), mib(with-without))
	if got := with - without; got > mostHeap {
		t.Errorf("the operator keeps %.1f MiB of %d pipelines, want %.1f at most", mib(got), many, mib(mostHeap))
	}
}

// rest waits until each pipeline was looked at some more, and fails for what was asked meanwhile and need not be. A
// figure that had moved when the last condition changed is written up to half a minute later, once: whoever writes in
// the second turn too never comes to rest.
func (f *fleet) rest() {
	f.Helper()
	last := -1
	f.until("the last Events are written", 2*time.Second, func() bool { // they go out behind the looks
		before := last
		last = f.requests.writes()
		return last == before
	})
	needless := f.turn()
	if len(needless) > 0 && !slices.ContainsFunc(needless, func(s string) bool { return !strings.Contains(s, statuses+" patch") }) {
		f.Logf("looked at once more, since figures were written: %q", needless)
		needless = f.turn()
	}
	for _, s := range needless {
		f.Error(s)
	}
}

// statuses is where status is written.
const statuses = "feedbackpipeline.dev/feedbackpipelines/status"

// turn has all pipelines looked at some more, logs what was asked meanwhile, and returns what need not be.
func (f *fleet) turn() (needless []string) {
	f.Helper()
	f.requests.take()
	f.takeKafka()
	began := time.Now()
	count, seconds := passes()
	f.until("all were looked at some more", time.Second, func() bool {
		now, _ := passes()
		return now-count >= looks*many
	})
	took := time.Since(began)
	now, later := passes()
	written, asked, kafka := f.requests.written(), f.requests.take(), f.takeKafka()
	minutes := many * took.Minutes()
	f.Logf("at rest, over %s: %d looks of %.1f ms on average", took.Round(100*time.Millisecond), now-count, 1000*(later-seconds)/float64(now-count))
	f.Logf("requests a pipeline-minute at rest: %s", figures(asked, minutes))
	f.Logf("requests to Kafka a pipeline-minute at rest: %s", figures(kafka, minutes))
	polls := many * (int(took/poll) + 1)
	for right, n := range asked {
		switch resource, verb, _ := strings.Cut(right, " "); {
		case verb == "watch", resource == leases: // the operator's own, however many pipelines there are
		case (resource == "/secrets" || resource == "/configmaps") && verb == "get" && n <= polls:
		default:
			needless = append(needless, fmt.Sprintf("%d × %s at rest, over %s and %d pipelines; want only Secrets and ConfigMaps read, each %d times at most; patched: %q", n, right, took, many, polls, written))
		}
	}
	return needless
}

// poll is how often a Secret or ConfigMap is read, as docs/operator.md says.
const poll = 30 * time.Second

// start runs the operator with all that a process of it has. It returns what stops it.
func (f *fleet) start() (stop func()) {
	f.Helper()
	own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "operator-"}}
	f.must(f.api.Create(f.Context(), own))
	mgr, err := manager.New(f.operator, manager.Config{
		Images: desired.Options{Registry: "registry.example/"}, MetricsAddress: "0", ProbeAddress: "0",
		LeaderElect: true, LeaderNamespace: own.Name, LogFormat: "json",
	})
	f.must(err)
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan error, 1)
	go func(mgr ctrl.Manager) { ended <- mgr.Start(ctx) }(mgr)
	running := true
	stop = func() {
		cancel()
		if running {
			running = false
			f.must(<-ended)
		}
	}
	f.Cleanup(stop)
	return stop
}

// keepSpeaking has the components say every 10 s that they are well, until the test ends.
func (f *fleet) keepSpeaking(last time.Time) {
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan struct{})
	f.Cleanup(func() {
		cancel()
		<-ended
	})
	go func() {
		defer close(ended)
		every := time.NewTicker(10 * time.Second)
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
				if err := f.say(ctx, time.Now(), last); err != nil && ctx.Err() == nil {
					f.Errorf("say that all is well: %v", err)
				}
			}
		}
	}()
}

// deployments counts those of all pipelines.
func (f *fleet) deployments() int {
	f.Helper()
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("DeploymentList"))
	f.must(f.api.List(f.Context(), list, client.HasLabels{desired.LabelInstance}))
	mine := map[string]bool{}
	for _, p := range f.pipelines {
		mine[p.Namespace] = true
	}
	n := 0
	for _, d := range list.Items {
		if mine[d.Namespace] {
			n++
		}
	}
	return n
}

// passes is how often a pipeline was looked at in this process, and how long that took together.
func passes() (count uint64, seconds float64) {
	families, err := metrics.Registry.Gather()
	if err != nil {
		panic(err)
	}
	for _, family := range families {
		if family.GetName() == "controller_runtime_reconcile_time_seconds" {
			for _, m := range family.GetMetric() {
				count += m.GetHistogram().GetSampleCount()
				seconds += m.GetHistogram().GetSampleSum()
			}
		}
	}
	return count, seconds
}

// heap is what is in use once all garbage is collected.
func heap() int64 {
	for range 3 { // what has a finalizer goes the second time
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far less than 2^63
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// figures are counts divided by n, with their sum.
func figures(counts map[string]int, n float64) string {
	sum := 0
	var words []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		sum += counts[name]
		words = append(words, fmt.Sprintf("%s %.2f", name, float64(counts[name])/n))
	}
	return fmt.Sprintf("%.2f: %s", float64(sum)/n, strings.Join(words, ", "))
}
