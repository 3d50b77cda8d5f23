package manager_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/feedback-pipelines/feedback-pipelines/operator/api/v1alpha1"
	"github.com/feedback-pipelines/feedback-pipelines/operator/desired"
	"github.com/feedback-pipelines/feedback-pipelines/operator/internal/manager"
)

// TestRequestsAtRest counts, by a clock of its own, what one pipeline costs in ten minutes: exactly what docs/operator.md
// promises. The clients are those of the operator, with its cache.
func TestRequestsAtRest(t *testing.T) {
	f := newFleet(t, "rest", 1)
	p := f.pipelines[0]
	mgr, r, err := manager.Assemble(f.operator, manager.Config{
		Images: desired.Options{Registry: "registry.example/"}, MetricsAddress: "0", ProbeAddress: "0", LogFormat: "json",
	})
	f.must(err)
	clock := time.Now()
	r.Now, r.Events = func() time.Time { return clock }, events.NewFakeRecorder(100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.GetCache().Start(ctx) }()
	defer func() {
		cancel()
		f.must(<-ended)
	}()
	look := func() {
		t.Helper()
		_, err := r.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p)})
		f.must(err)
	}
	look()
	f.know()
	f.until("feedback flows", 100*time.Millisecond, func() bool { // the cache is behind the test's hand
		f.roll()
		f.speak(clock, clock)
		look()
		return f.are(v1alpha1.ConditionReady) == 1
	})
	last := clock
	tenMinutes := func(figuresMove bool) map[string]int {
		f.requests.take()
		for range 60 {
			clock = clock.Add(10 * time.Second)
			if figuresMove {
				last = clock
			}
			f.speak(clock, last)
			look()
		}
		return f.requests.take()
	}
	reads := map[string]int{"/secrets get": 20, "/configmaps get": 20}
	if got := tenMinutes(false); !maps.Equal(got, reads) {
		t.Errorf("requests in ten minutes at rest = %v, want %v", got, reads)
	}
	writes := maps.Clone(reads)
	writes["feedbackpipeline.dev/feedbackpipelines/status patch"] = 20
	if got := tenMinutes(true); !maps.Equal(got, writes) {
		t.Errorf("requests in ten minutes in which an event came every 10 s = %v, want %v", got, writes)
	}
	if n := f.are(v1alpha1.ConditionReady); n != 1 {
		t.Error("the pipeline is no longer Ready")
	}
}
