package main

import (
	"fmt"
	"os"
	"strings"
)

// The plot has panels side by side; in each, the states of the cluster stand at equal distances, and the axis begins at 0: what is flat
// looks flat.
const (
	panelWidth, panelHeight = 360, 240
	marginLeft, marginTop   = 46, 40
	marginRight, marginLow  = 14, 58
)

// panel is one chart: a line for each name, with one value for each state.
type panel struct {
	title  string
	states []string
	names  []string
	values map[string][]float64
}

var colors = []string{"#1f77b4", "#d62728", "#2ca02c"}

// draw draws growth, if there is any to draw and a file is wanted.
func (p *report) draw(file string) error {
	if file == "" || p.Scale == nil {
		return nil
	}
	panels := []panel{
		memoryPanel("MiB resident, by assets", p.Scale.Assets, func(f footprint) int { return f.Assets }),
		cpuPanel("CPU s per 1,000 events, by assets", p.Scale.Assets, func(f footprint) int { return f.Assets }),
		memoryPanel("MiB resident, by endpoints", p.Scale.Endpoints, func(f footprint) int { return f.Endpoints }),
		cpuPanel("CPU s per 1,000 events, by endpoints", p.Scale.Endpoints, func(f footprint) int { return f.Endpoints }),
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">`+"\n",
		2*panelWidth, 2*panelHeight)
	fmt.Fprintln(&b, `<rect width="100%" height="100%" fill="white"/>`)
	for i := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", i%2*panelWidth, i/2*panelHeight)
		panels[i].draw(&b)
		fmt.Fprintln(&b, "</g>")
	}
	fmt.Fprintln(&b, "</svg>")
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

func memoryPanel(title string, all []footprint, state func(footprint) int) panel {
	p := panel{title: title, names: []string{"receiver", "controllers"}, values: map[string][]float64{}}
	for _, f := range all {
		p.states = append(p.states, fmt.Sprint(state(f)))
		p.values["receiver"] = append(p.values["receiver"], f.Receiver)
		p.values["controllers"] = append(p.values["controllers"], f.Controllers)
	}
	return p
}

func cpuPanel(title string, all []footprint, state func(footprint) int) panel {
	p := panel{title: title, names: []string{"receiver", "controllers", "kube-apiserver"}, values: map[string][]float64{}}
	for _, f := range all {
		p.states = append(p.states, fmt.Sprint(state(f)))
		for _, name := range p.names {
			p.values[name] = append(p.values[name], f.CPU[name])
		}
	}
	return p
}

func (p *panel) draw(b *strings.Builder) {
	top := 0.0
	for _, values := range p.values {
		for _, v := range values {
			top = max(top, 1.15*v)
		}
	}
	if top == 0 {
		top = 1
	}
	width, height := float64(panelWidth-marginLeft-marginRight), float64(panelHeight-marginTop-marginLow)
	x := func(i int) float64 { return marginLeft + width*(float64(i)+0.5)/float64(len(p.states)) }
	y := func(v float64) float64 { return marginTop + height*(1-v/top) }

	fmt.Fprintf(b, `<text x="%d" y="20" font-weight="bold">%s</text>`+"\n", marginLeft, p.title)
	for i := range 5 {
		v := top * float64(i) / 4
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			marginLeft, panelWidth-marginRight, y(v), y(v), marginLeft-6, y(v)+4, number(v))
	}
	for i, state := range p.states {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", x(i), marginTop+height+16, state)
	}
	for n, name := range p.names {
		var points []string
		for i, v := range p.values[name] {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(i), y(v)))
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(i), y(v), colors[n])
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), colors[n])
		fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", marginLeft+n*100, panelHeight-18, colors[n], name)
	}
}
