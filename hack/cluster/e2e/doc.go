// Package e2e installs the chart on whatever cluster KUBECONFIG gives and sees feedback flow there. Its tests have the
// build tag e2e and are run by `make e2e-cluster`.
package e2e
