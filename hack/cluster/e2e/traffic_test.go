//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// TestTraffic keeps people talking while all around a pipeline changes and breaks, on a real Kafka. Then the auditor
// judges: nothing that they said is lost, nothing told twice. In the end it deletes pipelines in every way.
func TestTraffic(t *testing.T) {
	s := open(t)
	s.step("helm install", s.install)
	s.step("apply, until Ready", s.apply)
	s.step("what is said is told", s.tells)
	s.step("edit a threshold", s.editThreshold)
	s.step("rotate Slack's token", s.rotateToken)
	s.step("revoke Slack's token, restore it", s.revokeToken)
	s.step("grow partitions 3 -> 6", s.growPartitions)
	s.step("scale the scorer 1 -> 3 -> 1", s.scaleScorer)
	s.step("suspend, resume", s.suspend)
	s.step("kill pods at random for 2m", func() { s.killPods(2 * time.Minute) })
	s.step("kill the operator", s.killOperator)
	s.step("kill the node's components", s.killNode)
	s.step("kill Kafka, start it again", s.killKafka)
	s.step("helm upgrade", s.upgrade)
	s.step("drain, audit", func() { s.everyHop(s.audit()) })
	s.step("delete a pipeline, retain its topics", s.deleteRetaining)
	s.step("apply it again", s.applyAgain)
	s.step("delete a pipeline and its topics", s.deleteAll)
	s.step("delete a namespace, Kafka down", s.deleteNamespace)
	s.step("helm uninstall", s.uninstalled)
}
