package stream

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// maxLine is the longest line that is taken; a post with all its references has some 100 KiB.
const maxLine = 1 << 20

var (
	errIdle    = errors.New("the connection was silent for too long")
	errTooLong = errors.New("line is longer than 1 MiB")
)

// reader reads the stream's lines and gives up a connection that is silent.
type reader struct {
	lines *bufio.Reader
	idle  *idleReader
}

// newReader reads body until it ends or nothing, not even X's keep-alive, came for idle.
func newReader(body io.ReadCloser, idle time.Duration) *reader {
	r := &idleReader{body: body, limit: idle}
	return &reader{lines: bufio.NewReaderSize(r, 64<<10), idle: r}
}

// next returns the next line that is no keep-alive. Of a line that is too long it returns
// the head and errTooLong, and can go on; after any other error it cannot. A line that the
// connection's end cut off is left out: it is incomplete, and a search brings its post.
func (r *reader) next() ([]byte, error) {
	for {
		line, err := r.line()
		if err != nil && !errors.Is(err, errTooLong) {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, err
		}
	}
}

func (r *reader) line() ([]byte, error) {
	var line []byte
	var tooLong error
	for {
		part, err := r.lines.ReadSlice('\n')
		if len(line)+len(part) <= maxLine {
			line = append(line, part...)
		} else {
			tooLong = errTooLong
		}
		switch {
		case err == nil:
			return line, tooLong
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, r.idle.explain(err)
		}
	}
}

// idleReader closes the body under a Read that gets nothing for limit. Only the time spent
// in Read counts: a reader that is held back by Kafka does not look like a silent X.
type idleReader struct {
	body  io.ReadCloser
	limit time.Duration
	fired atomic.Bool
}

// Read reads from the body.
func (r *idleReader) Read(p []byte) (int, error) {
	timer := time.AfterFunc(r.limit, func() {
		r.fired.Store(true)
		_ = r.body.Close()
	})
	defer timer.Stop()
	return r.body.Read(p)
}

func (r *idleReader) explain(err error) error {
	if r.fired.Load() {
		return errIdle
	}
	return err
}
