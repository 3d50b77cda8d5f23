package proc

import "syscall"

// attached makes the kernel kill the process when the one that started it dies, however it dies.
func attached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
