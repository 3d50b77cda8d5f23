//go:build unix && !linux

package proc

import "syscall"

// attached has no parent-death signal to ask for here: a killed parent leaves its children running.
func attached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
