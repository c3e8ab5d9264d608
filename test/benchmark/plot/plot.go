package plot

import (
	"fmt"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
)

// The plot has panels side by side; in each, the states of the cluster stand at equal distances, and the axis begins at 0: what is flat
// looks flat.
const (
	PanelWidth             = 360
	PanelHeight            = 240
	marginLeft, marginTop  = 46, 40
	marginRight, marginLow = 14, 58
)

// Panel is one chart: a line for each name, with one value for each state.
type Panel struct {
	Title  string
	States []string
	Names  []string
	Values map[string][]float64
}

var colors = []string{"#1f77b4", "#d62728", "#2ca02c"}

// Draw writes the chart as a group of SVG.
func (p *Panel) Draw(b *strings.Builder) {
	top := 0.0
	for _, values := range p.Values {
		for _, v := range values {
			top = max(top, 1.15*v)
		}
	}
	if top == 0 {
		top = 1
	}
	width, height := float64(PanelWidth-marginLeft-marginRight), float64(PanelHeight-marginTop-marginLow)
	x := func(i int) float64 { return marginLeft + width*(float64(i)+0.5)/float64(len(p.States)) }
	y := func(v float64) float64 { return marginTop + height*(1-v/top) }

	fmt.Fprintf(b, `<text x="%d" y="20" font-weight="bold">%s</text>`+"\n", marginLeft, p.Title)
	for i := range 5 {
		v := top * float64(i) / 4
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			marginLeft, PanelWidth-marginRight, y(v), y(v), marginLeft-6, y(v)+4, meter.Number(v))
	}
	for i, state := range p.States {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", x(i), marginTop+height+16, state)
	}
	for n, name := range p.Names {
		var points []string
		for i, v := range p.Values[name] {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(i), y(v)))
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(i), y(v), colors[n])
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), colors[n])
		fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", marginLeft+n*100, PanelHeight-18, colors[n], name)
	}
}
