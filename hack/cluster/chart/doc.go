// Package chart holds the tests of charts/feedback-pipeline that need no cluster: what it renders and what it refuses,
// and that what it takes over from the operator is what the operator has.
package chart
