package loop

import (
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"
	"golang.org/x/text/width"
)

// printable makes one line of text from outside that a terminal can be shown: no control characters, escape sequences,
// line ends or marks that turn the direction of writing; runs of spaces become one.
func printable(text string) string {
	var b strings.Builder
	space := false
	for _, r := range strings.ToValidUTF8(text, "�") {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			space = b.Len() > 0
			continue
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp):
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// cells is how many columns a terminal gives to a rune.
func cells(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// fit cuts text to n columns, with an ellipsis where something is missing.
func fit(text string, n int) string {
	if n <= 0 {
		return ""
	}
	used, keep := 0, 0 // keep is where to cut so that an ellipsis still fits
	for i, r := range text {
		w := cells(r)
		if used+w > n {
			return text[:keep] + "…"
		}
		used += w
		if used <= n-1 {
			keep = i + len(string(r))
		}
	}
	return text
}

// pad cuts or fills text to n columns.
func pad(text string, n int) string {
	text = fit(text, n)
	used := 0
	for _, r := range text {
		used += cells(r)
	}
	return text + strings.Repeat(" ", max(0, n-used))
}

// screen is where lines go: how wide it is, and whether it understands colours.
type screen struct {
	columns int
	colour  bool
}

// screenOf asks the terminal behind w; anything else is 160 columns wide and has no colours. NO_COLOR is respected
// (no-color.org).
func screenOf(w io.Writer) screen {
	s := screen{columns: 160}
	f, ok := w.(*os.File)
	if !ok {
		return s
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return s
	}
	if size.Col > 40 {
		s.columns = int(size.Col)
	}
	s.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return s
}

// The colours that lines are told apart by.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	grey   = "90"
)

// paint gives text a colour, where there are colours.
func (s screen) paint(colour, text string) string {
	if !s.colour || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
