// Package keda has a real KEDA scale a pipeline's scorer on a Kafka with SCRAM, TLS and ACLs, on whatever cluster KUBECONFIG
// gives (`make e2e-keda`) or on a control plane without a node (`make e2e-keda-processes`). Its tests have the build tag e2e.
//
// The first reads E2E_IMAGES, registry and tag of the images (registry.local/feedback:dev), E2E_KEDA_IMAGES, those of KEDA
// (registry.local/feedback/keda:v2.18.1), which ./images builds, and E2E_KAFKA_HOST, the IP address of this machine at which
// pods reach a Kafka that the test starts here; without that it is skipped, and says so.
package keda
