// Package keda runs a real KEDA beside the chart on whatever cluster KUBECONFIG gives, and sees it scale a pipeline's
// scorer over SCRAM and TLS. Its tests have the build tag e2e and are run by `make e2e-keda`.
package keda
