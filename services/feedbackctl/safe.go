package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// safe returns s as one line that cannot control a terminal: white space is a space, and
// control characters, escape sequences' heads, broken UTF-8 and marks that reverse the
// direction of writing are replaced.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r', r == '\u2028', r == '\u2029':
			return ' '
		case unsafe(r):
			return utf8.RuneError
		}
		return r
	}, s)
}

// unsafe tells whether a rune can control a terminal or make a line read as another.
func unsafe(r rune) bool {
	return unicode.IsControl(r) ||
		(r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0x200e || r == 0x200f || r == 0x061c
}

// cut returns the first n characters of s, with … for what is left out.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i] + "…"
		}
		n--
	}
	return s
}

// writeJSON writes v as one line of JSON, in which what unsafe names is escaped.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escape(b.Bytes()))
	return err
}

// escape writes what unsafe names, but for the line's end, as \u escapes. All of it stands
// within JSON strings, where an escape means the same.
func escape(line []byte) []byte {
	dangerous := func(r rune) bool { return r != '\n' && r >= 0x7f && unsafe(r) }
	if bytes.IndexFunc(line, dangerous) < 0 {
		return line
	}
	var b bytes.Buffer
	for _, r := range string(line) {
		if dangerous(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.Bytes()
}
