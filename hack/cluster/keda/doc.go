// Package keda has a real KEDA scale a pipeline's scorer on a Kafka with SCRAM, TLS and ACLs, on whatever cluster KUBECONFIG
// gives (`make e2e-keda`) or on a control plane without a node (`make e2e-keda-processes`). Its tests have the build tag e2e.
package keda
