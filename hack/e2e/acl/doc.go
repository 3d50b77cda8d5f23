// Package acl proves docs/acls.md on a real Apache Kafka with authorization on: with a user for each program and the
// ACLs of that page alone everything flows, no user can do more, and without any one of them something fails. Its test
// needs the binaries of `make build` and runs by `make e2e` (build tag e2e); where Java or Maven is missing it is
// skipped, and says so.
package acl
