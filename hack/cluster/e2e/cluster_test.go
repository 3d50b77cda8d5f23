//go:build e2e

package e2e

import (
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
)

// prefix begins the names of the tests' namespaces.
const prefix = "feedback-e2e-"

// cluster is the one that KUBECONFIG gives, with a namespace of the test's own.
type cluster struct{ *clustertest.Cluster }

// connect skips the test visibly where there is no cluster.
func connect(t *testing.T) *cluster {
	t.Helper()
	return &cluster{Cluster: clustertest.Connect(t, prefix)}
}

// images are the chart's values for the images to be tested.
func (c *cluster) images() []string {
	c.Helper()
	return clustertest.Values(c.Present())
}
