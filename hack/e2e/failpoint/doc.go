// Package failpoint ends, or stops, a real process at each named line at which a crash would hurt most, on a real
// Apache Kafka, and has the auditor judge what came of it. Its tests need programs built with the tag failpoint and run
// by `make e2e-failpoints` (build tag e2e); where Java or Maven is missing they are skipped, and say so.
package failpoint
