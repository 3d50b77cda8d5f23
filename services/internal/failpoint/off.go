//go:build !failpoint

package failpoint

// Built tells whether the points do anything.
const Built = false

// Here does nothing.
func Here(Name) {}

// After does nothing, and does not call f.
func After(_ Name, _ func()) {}
