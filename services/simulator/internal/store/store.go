// Package store keeps what happened in a file of JSON lines, one entry a line.
//
// It guarantees that an entry which Append has taken is read again after a kill -9: the
// line is handed to the operating system before Append returns. (A loss of power may cost
// the last entries; a simulator does not pay for a sync.) A last line that was torn by a
// crash was never acknowledged to anybody and is cut off.
package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Log is an append-only file of entries. The zero value keeps nothing and is of use where
// nothing is to outlive the process. Its methods may be called at the same time.
type Log struct {
	mu   sync.Mutex
	file *os.File
}

// Open reads the file at path, creating it and its folder where they are missing, gives
// each entry to apply in order, and returns a Log that appends behind them. With an empty
// path nothing is kept. The file is locked: a second Open of it, in whatever process, is
// an error until Close.
func Open(path string, apply func(entry []byte) error) (*Log, error) {
	if path == "" {
		return &Log{}, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is in use by another simulator: give this one another DATA_DIR", path), f.Close())
	}
	if err := replay(f, apply); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	return &Log{file: f}, nil
}

// replay reads all whole lines and leaves f cut and positioned behind the last of them.
func replay(f *os.File, apply func([]byte) error) error {
	r := bufio.NewReaderSize(f, 1<<20)
	var good int64
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // whatever stands behind the last newline is torn
		}
		if err != nil {
			return err
		}
		if entry := bytes.TrimSpace(line); len(entry) > 0 {
			if err := apply(entry); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
		good += int64(len(line))
	}
	if err := f.Truncate(good); err != nil {
		return err
	}
	_, err := f.Seek(good, io.SeekStart)
	return err
}

// Append writes one entry as JSON. It returns when the entry outlives this process. After
// an error the entry is not in the log and nothing may be told of it.
func (l *Log) Append(entry any) error {
	b, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("encode an entry: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	if _, err := l.file.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("append to the log: %w", err)
	}
	return nil
}

// Close ends the log and gives the file free.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
