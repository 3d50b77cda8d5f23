// Package e2e installs the chart on whatever cluster KUBECONFIG gives, sees feedback flow there, and breaks and changes
// all around a pipeline while people talk. Its tests have the build tag e2e and are run by `make e2e-cluster`.
//
// They read: E2E_IMAGES, registry and tag of the images (registry.local/feedback:dev); E2E_IMAGES_NEXT, those of an
// upgrade; E2E_KAFKA_HOST, the IP address of this machine at which pods reach a Kafka that the test starts here;
// E2E_KILL, a command that ends the component of the node whose name is added to it. What cannot be done without one
// of them is skipped, and the test says so.
package e2e
