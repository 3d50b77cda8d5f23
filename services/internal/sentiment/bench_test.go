package sentiment

import (
	"testing"

	"github.com/abadojack/whatlanggo"
)

// BenchmarkWhatlanggo is a library's language detection of the texts that BenchmarkIdentifier has.
func BenchmarkWhatlanggo(b *testing.B) {
	n := 0
	for b.Loop() {
		for _, text := range benchmarkTexts {
			whatlanggo.Detect(text)
		}
		n += len(benchmarkTexts)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "texts/s")
}

func BenchmarkIdentifier(b *testing.B) {
	identifier, err := NewIdentifier("en")
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		for _, text := range benchmarkTexts {
			identifier.Identify(text, "")
		}
		n += len(benchmarkTexts)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "texts/s")
}
