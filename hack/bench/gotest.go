package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// benchmark is one line that go test -bench printed.
type benchmark struct {
	name                      string // package and benchmark, without the count of cores
	time, bytes, allocs, more string
	measures                  map[string]float64 // by their units
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
	return parseBenchmarks(string(data)), nil
}

// cores is what go test appends to a benchmark's name.
var cores = regexp.MustCompile(`-\d+$`)

// parseBenchmarks is readBenchmarks of what was printed.
func parseBenchmarks(output string) []benchmark {
	var all []benchmark
	pkg := ""
	for line := range strings.Lines(output) {
		if p, ok := strings.CutPrefix(line, "pkg: "); ok {
			pkg = p[strings.LastIndexByte(p, '/')+1:]
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := cores.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
		b := benchmark{name: strings.TrimSpace(pkg) + " " + name, measures: map[string]float64{}}
		for i := 2; i+1 < len(fields); i += 2 {
			b.set(fields[i], fields[i+1])
		}
		all = append(all, b)
	}
	return all
}

// set takes one measure: a value and its unit.
func (b *benchmark) set(value, unit string) {
	if v, err := strconv.ParseFloat(value, 64); err == nil {
		b.measures[unit] = v
	}
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
