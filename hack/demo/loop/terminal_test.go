package loop

import (
	"bytes"
	"testing"
)

func TestPrintableIsSafeForATerminal(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "Azure is down", "Azure is down"},
		{"escape sequence", "a\x1b[2J\x1b]0;title\x07b", "a [2J ]0;title b"},
		{"C1 control", "a\u009b31mb", "a 31mb"},
		{"lines and runs of spaces", "  one\r\n\ttwo   three\n", "one two three"},
		{"direction marks", "abc\u202egnp.exe\u2066x", "abcgnp.exex"},
		{"line separator", "a\u2028b", "a b"},
		{"invalid UTF-8", "a\xffb", "a\ufffdb"},
		{"emoji and accents", "café 🔥 日本", "café 🔥 日本"},
		{"zero", "a\x00b", "a b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := printable(c.text); got != c.want {
				t.Errorf("printable(%q) = %q, want %q", c.text, got, c.want)
			}
		})
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"short", 10, "short"},
		{"exactly10!", 10, "exactly10!"},
		{"longer than ten", 10, "longer th…"},
		{"日本語の文", 6, "日本…"},
		{"日本語", 6, "日本語"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"},
		{"anything", 0, ""},
		{"", 5, ""},
	} {
		if got := fit(c.text, c.n); got != c.want {
			t.Errorf("fit(%q, %d) = %q, want %q", c.text, c.n, got, c.want)
		}
	}
	if got, want := pad("日本", 6)+"|", "日本  |"; got != want {
		t.Errorf("pad = %q, want %q", got, want)
	}
}

func TestOnlyATerminalGetsColours(t *testing.T) {
	s := screenOf(&bytes.Buffer{})
	if got, want := s.paint(red, "text"), "text"; got != want {
		t.Errorf("paint = %q, want %q", got, want)
	}
	if got, want := (screen{colour: true}).paint(red, "text"), "\x1b[31mtext\x1b[0m"; got != want {
		t.Errorf("paint = %q, want %q", got, want)
	}
}
