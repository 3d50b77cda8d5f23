package main

import (
	"fmt"
	"syscall"
)

// mount puts a disk of so many bytes, in memory, at dir.
func mount(dir string, size int) error {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size)); err != nil {
		return fmt.Errorf("mount a small disk at %s: %w", dir, err)
	}
	return nil
}

// detach takes it away.
func detach(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
