package loop

import (
	"fmt"
	"io"
	"sync"
)

// printer writes whole lines, from several goroutines, cut to the screen that it writes to.
type printer struct {
	screen
	mu sync.Mutex
	w  io.Writer
}

func newPrinter(w io.Writer) *printer {
	if w == nil {
		w = io.Discard
	}
	return &printer{screen: screenOf(w), w: w}
}

// say prints a line of our own.
func (p *printer) say(format string, args ...any) { p.line(fmt.Sprintf(format, args...)) }

// line prints text, which has no line end.
func (p *printer) line(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = io.WriteString(p.w, text+"\n")
}
