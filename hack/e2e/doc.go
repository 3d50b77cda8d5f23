// Package e2e proves on a real Apache Kafka what the pipeline promises as a whole: whatever is killed in mid-traffic,
// nothing is lost and nothing is told twice. Its tests need the binaries of `make build` and run by `make e2e` (build
// tag e2e); where Java or Maven is missing they are skipped, and say so.
package e2e
