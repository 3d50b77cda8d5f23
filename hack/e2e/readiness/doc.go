// Package readiness breaks every component of running pipelines in turn, while all processes run on, and asserts that
// within 45 s health says what is broken and what to do, that it says so for as long as it is, and that it is good again
// within 45 s after it was mended. Its test needs the binaries of `make build` and runs by `make e2e-readiness` (build
// tag e2e); where Java or Maven is missing it is skipped, and says so.
package readiness
