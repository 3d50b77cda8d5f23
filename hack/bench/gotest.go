package main

import (
	"fmt"
	"os"
	"strings"
)

// benchmark is one line that go test -bench printed.
type benchmark struct {
	name                      string // package and benchmark, without the count of cores
	time, bytes, allocs, more string
}

// String is the benchmark as a row of a table.
func (b benchmark) String() string {
	return fmt.Sprintf("| %s | %s | %s | %s | %s |", b.name, b.time, b.bytes, b.allocs, b.more)
}

// readBenchmarks reads what go test -bench printed; "" is no file and gives none.
func readBenchmarks(file string) ([]benchmark, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all []benchmark
	pkg := ""
	for line := range strings.Lines(string(data)) {
		if p, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = p[strings.LastIndexByte(p, '/')+1:]
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(fields[0], "Benchmark"), "-")
		b := benchmark{name: strings.TrimSpace(pkg) + " " + name}
		for i := 2; i+1 < len(fields); i += 2 {
			b.set(fields[i], fields[i+1])
		}
		all = append(all, b)
	}
	return all, nil
}

// set takes one measure: a value and its unit.
func (b *benchmark) set(value, unit string) {
	switch unit {
	case "ns/op":
		b.time = value + " ns"
	case "B/op":
		b.bytes = value
	case "allocs/op":
		b.allocs = value
	default:
		b.more = strings.TrimPrefix(b.more+", "+value+" "+unit, ", ")
	}
}
