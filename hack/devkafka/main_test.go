package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want int
		says string
	}{
		{[]string{"-h"}, 0, "-advertise"},
		{[]string{"-nonsense"}, 2, "nonsense"},
		{[]string{"serve"}, 2, `unexpected argument "serve"`},
		{[]string{"-advertise", "kafka"}, 1, "advertised address"},
		{[]string{"-data", "/dev/null/data"}, 1, "data folder"},
	} {
		var out bytes.Buffer
		if got := run(tt.args, &out); got != tt.want || !strings.Contains(out.String(), tt.says) {
			t.Errorf("run(%q) = %d and said %q, want %d and %q", tt.args, got, out.String(), tt.want, tt.says)
		}
	}
}
