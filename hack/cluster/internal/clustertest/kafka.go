package clustertest

import (
	"context"
	"os"
	"testing"

	"github.com/feedback-pipelines/feedback-pipelines/hack/kafka/broker"
)

// KafkaHost is the IP address of this machine that the cluster's pods reach, E2E_KAFKA_HOST, or the test is skipped.
func KafkaHost(t *testing.T) string {
	t.Helper()
	host := os.Getenv("E2E_KAFKA_HOST")
	if host == "" {
		t.Skip("SKIPPED: E2E_KAFKA_HOST names no IP address of this machine that the cluster's pods reach; with kind on Docker it is " +
			"that of its network: docker network inspect kind --format '{{(index .IPAM.Config 0).Gateway}}'")
	}
	return host
}

// StartKafka starts Apache Kafka until the test ends, or skips the test and says what is missing.
func StartKafka(t *testing.T, o broker.RealOptions) *broker.Real {
	t.Helper()
	if reason, ok := broker.Available(t.Context()); !ok {
		t.Skip("SKIPPED: " + reason)
	}
	r, err := broker.StartReal(t.Context(), o)
	Must(t, err)
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Errorf("stop Apache Kafka: %v", err)
		}
	})
	return r
}
