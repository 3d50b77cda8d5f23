package main

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// The plot's measures, in pixels.
const (
	plotWidth, barHeight, rowHeight = 900, 9, 34
	labelWidth, titleHeight         = 330, 44
)

// plot draws the rates as bars and the latencies at 100/s as lines from p50 to p99, both on scales that begin at
// the same place, the latter logarithmic, as an SVG that needs no font or script of its own.
func (r *report) plot() string {
	var shown []result
	top := 0.0
	for _, res := range r.results {
		if res.skipped == "" {
			shown = append(shown, res)
			top = max(top, res.cold, res.warm)
		}
	}
	height := 2*titleHeight + 2*rowHeight*len(shown) + 20
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		plotWidth, height, plotWidth, height)
	fmt.Fprintf(&s, `<rect width="%d" height="%d" fill="white"/>`+"\n", plotWidth, height)
	title(&s, 0, "records/s: cold (dark), warm (light)")
	width := func(v float64) float64 { return v / max(top, 1) * (plotWidth - labelWidth - 70) }
	for i, res := range shown {
		y := titleHeight + i*rowHeight
		label(&s, y, res.row)
		bar(&s, y, width(res.cold), "#1f4e79", thousands(res.cold))
		if res.warm > 0 {
			bar(&s, y+barHeight+2, width(res.warm), "#8db8e0", thousands(res.warm))
		}
	}
	below := titleHeight + rowHeight*len(shown)
	title(&s, below, "latency at 100/s, ms: p50 to p99, the mark is p95 (logarithmic)")
	for i, res := range shown {
		y := below + titleHeight + i*rowHeight
		label(&s, y, res.row)
		if l := res.latency[100]; l.n > 0 {
			spreadLine(&s, y+barHeight, l)
		}
	}
	s.WriteString("</svg>\n")
	return s.String()
}

func title(s *strings.Builder, y int, text string) {
	fmt.Fprintf(s, `<text x="10" y="%d" font-size="14" font-weight="bold">%s</text>`+"\n", y+28, html.EscapeString(text))
}

func label(s *strings.Builder, y int, r row) {
	text := r.title
	if r.members > 1 {
		text += fmt.Sprintf(" (%d members)", r.members)
	}
	fmt.Fprintf(s, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", labelWidth-8, y+14, html.EscapeString(text))
}

func bar(s *strings.Builder, y int, width float64, colour, text string) {
	fmt.Fprintf(s, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d" font-size="10">%s</text>`+"\n",
		labelWidth, y+3, width, barHeight, colour, labelWidth+width+4, y+3+barHeight, text)
}

// spreadLine draws latencies on a scale from 0.1 ms to 10 s.
func spreadLine(s *strings.Builder, y int, l spread) {
	at := func(d time.Duration) float64 {
		ms := max(0.1, float64(d)/float64(time.Millisecond))
		return labelWidth + (math.Log10(ms)+1)/5*(plotWidth-labelWidth-110)
	}
	fmt.Fprintf(s, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#b04a2f" stroke-width="5"/>`, at(l.p50), at(l.p99)+1, y, y)
	fmt.Fprintf(s, `<circle cx="%.1f" cy="%d" r="4" fill="#5c2011"/><text x="%.1f" y="%d" font-size="10">%s</text>`+"\n", at(l.p95), y, at(l.p99)+8, y+4, l)
}
