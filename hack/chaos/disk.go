package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// diskSize is that of the disk made for the embedded broker, in bytes.
const diskSize = 512 << 20

// mountDisk makes dir a small disk of its own, so that it can be full while the machine's is not, and copies what is on it
// to dir when it is unmounted. It needs root, and Linux.
func mountDisk(dir string) (unmount func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("%s holds an earlier run's records", dir)
	}
	if err := mount(dir, diskSize); err != nil {
		return nil, err
	}
	return func() error {
		kept := dir + ".kept"
		copied := os.CopyFS(kept, os.DirFS(dir))
		if err := errors.Join(copied, detach(dir)); err != nil {
			return fmt.Errorf("unmount the broker's disk: %w", err)
		}
		return errors.Join(os.Remove(dir), os.Rename(kept, dir))
	}, nil
}

func diskFaults() []fault {
	return []fault{{kind: "disk full", weight: 3, possible: func(st *stage) bool { return st.unmount != nil }, prepare: func(st *stage) blow {
		d := st.between(5*time.Second, 20*time.Second)
		return blow{what: fmt.Sprintf("the disk of the embedded broker is full for %s", d), lasting: true, do: func(ctx context.Context) error {
			filler := filepath.Join(st.disk(), "filler")
			err := fillDisk(filler)
			if err == nil {
				err = hold(ctx, d)
			}
			return errors.Join(err, os.Remove(filler))
		}}
	}}}
}

// disk is where the embedded broker keeps its records.
func (st *stage) disk() string { return filepath.Join(st.s.dataDir, "kafka") }

// fillDisk writes a file until not a byte is left.
func fillDisk(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for size := 1 << 20; size > 0; size /= 16 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("fill the disk: %w", err)
		}
	}
	return nil
}
