package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// lineLimit is how much of a line is kept, in bytes: more than any backend reads.
const lineLimit = 64 << 10

// isTerminal tells whether a person types what is read.
func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	nothing, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, nothing)
}

// lineReader reads the lines of a text: of each at most lineLimit bytes, without its end, be that \n or \r\n. The last
// one may lack its end. The mark with which some programs begin a file of UTF-8 is left out.
type lineReader struct {
	r     *bufio.Reader
	begun bool
}

func newLineReader(in io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(in, lineLimit)}
}

// next returns the next line; after the last one the error is io.EOF.
func (l *lineReader) next() (string, error) {
	if !l.begun {
		l.begun = true
		if err := l.begin(); err != nil {
			return "", err
		}
	}
	line, err := l.r.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(line) > 0 {
		err = nil
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
	for errors.Is(err, bufio.ErrBufferFull) {
		if _, err = l.r.ReadSlice('\n'); errors.Is(err, io.EOF) {
			err = nil
		}
	}
	return text, err
}

// begin passes over UTF-8's mark, and refuses UTF-16, of which each letter would be read as two. It waits for no more than
// what it looks at: a person who typed an empty line is answered.
func (l *lineReader) begin() error {
	begins := func(mark string) bool {
		for i := range len(mark) {
			if b, _ := l.r.Peek(i + 1); len(b) <= i || b[i] != mark[i] {
				return false
			}
		}
		return true
	}
	switch {
	case begins("\xff\xfe"), begins("\xfe\xff"):
		return errors.New("it begins as UTF-16 does: convert it to UTF-8, such as by iconv -f UTF-16 -t UTF-8")
	case begins("\xef\xbb\xbf"):
		_, _ = l.r.Discard(3)
	}
	return nil
}

// readLines sends the lines of stdin, as lineReader reads them. After the channel is closed, the other one gives the read
// error.
func readLines(ctx context.Context, in io.Reader) (<-chan string, <-chan error) {
	lines := make(chan string, 2*scoreBatch)
	result := make(chan error, 1)
	go func() {
		defer close(lines)
		r := newLineReader(in)
		for {
			line, err := r.next()
			if err == nil {
				select {
				case lines <- line:
				case <-ctx.Done():
					result <- ctx.Err()
					return
				}
			}
			switch {
			case errors.Is(err, io.EOF):
				result <- nil
				return
			case err != nil:
				result <- fmt.Errorf("read stdin: %w", err)
				return
			}
		}
	}()
	return lines, result
}
