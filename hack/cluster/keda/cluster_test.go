//go:build e2e

package keda

import (
	"testing"

	"k8s.io/client-go/rest"

	"github.com/feedback-pipelines/feedback-pipelines/hack/cluster/internal/clustertest"
)

// prefix begins the names of the tests' namespaces.
const prefix = "feedback-keda-"

// cluster is one with a namespace of the test's own.
type cluster struct {
	*clustertest.Cluster
	simulator string // where its Slack is
}

// connect opens the cluster that KUBECONFIG gives, or skips the test.
func connect(t *testing.T) *cluster {
	t.Helper()
	return in(clustertest.Connect(t, prefix))
}

// open opens a cluster of the test's own.
func open(t *testing.T, config *rest.Config) *cluster {
	t.Helper()
	return in(clustertest.Open(t, config, prefix))
}

func in(c *clustertest.Cluster) *cluster {
	return &cluster{Cluster: c, simulator: "http://" + clustertest.Release + "-simulator." + c.Namespace + ".svc:8090/api/"}
}

// install installs the chart with the simulator, in which nobody talks, and uninstalls it at the end.
func (c *cluster) install() {
	c.Helper()
	c.UninstallAtEnd(clustertest.Release)
	c.Helm(append([]string{"install", clustertest.Release, clustertest.Chart, "--take-ownership", "--wait", "--timeout", "5m",
		"--set", "simulator.enabled=true,simulator.rate=0"}, clustertest.Values(c.Present())...)...)
}
