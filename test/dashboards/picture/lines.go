package picture

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/fastpix-operator/fastpix-operator/test/dashboards"
)

func cmpText(a, b string) int { return cmp.Compare(a, b) }

// drawLines draws the series of a panel over time, with a legend below.
func drawLines(c draw.Canvas, p *dashboards.Panel, series []Series, run *Run) error {
	series = sorted(series)
	c = drawLegend(c, p, series)
	graph := plot.New()
	graph.X.Min, graph.X.Max = 0, run.End.Sub(run.Start).Seconds()
	graph.Y.Min = 0
	graph.X.Tick.Marker = ticker{label: elapsed}
	graph.Y.Tick.Marker = ticker{label: func(v float64) string { return Format(p.FieldConfig.Defaults.Unit, v) }}
	for _, axis := range []*plot.Axis{&graph.X, &graph.Y} {
		axis.Tick.Label.Font.Size = 8
		axis.Tick.Label.Color = grey
		axis.Color, axis.Tick.Color = border, border
	}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = border, border
	graph.Add(grid)
	if err := addSeries(graph, p, series, run); err != nil {
		return err
	}
	if graph.Y.Max <= graph.Y.Min { // all values are 0
		graph.Y.Max = 1
	}
	graph.Draw(c)
	return nil
}

// addSeries adds the lines to a graph. Stacked lines are added from the top to the bottom, each with the area below it.
func addSeries(graph *plot.Plot, p *dashboards.Panel, series []Series, run *Run) error {
	stacked := p.FieldConfig.Defaults.Custom.Stacking.Mode == "normal"
	base := map[time.Time]float64{}
	heights := make([][]Point, len(series))
	for i, s := range series {
		for _, point := range s.Points {
			if stacked {
				base[point.Time] += point.Value
				point.Value = base[point.Time]
			}
			heights[i] = append(heights[i], point)
		}
	}
	for i, s := range slices.Backward(series) {
		for _, segment := range segments(heights[i], run) {
			line, err := plotter.NewLine(segment)
			if err != nil {
				return fmt.Errorf("series %s: %w", s.Legend, err)
			}
			line.Color, line.Width = colorOf(p, i, s.Legend), vg.Points(1.3)
			if stacked {
				line.FillColor = light(colorOf(p, i, s.Legend))
			}
			graph.Add(line)
		}
	}
	return nil
}

// segments splits the points where some are missing. A single point becomes a short line.
func segments(points []Point, run *Run) (all []plotter.XYs) {
	last := time.Time{}
	for _, p := range points {
		if p.Time.Sub(last) > run.Step*3/2 {
			all = append(all, nil)
		}
		last = p.Time
		all[len(all)-1] = append(all[len(all)-1], plotter.XY{X: p.Time.Sub(run.Start).Seconds(), Y: p.Value})
	}
	for i, s := range all {
		if len(s) == 1 {
			all[i] = append(s, plotter.XY{X: s[0].X + run.Step.Seconds()/2, Y: s[0].Y})
		}
	}
	return all
}

// light returns a lighter color, for areas.
func light(c color.RGBA) color.RGBA {
	lighter := func(v uint8) uint8 { return uint8((int(v) + 2*0xff) / 3) }
	return color.RGBA{lighter(c.R), lighter(c.G), lighter(c.B), 0xff}
}

// ticker labels the ticks of an axis that has four to six of them.
type ticker struct{ label func(float64) string }

// Ticks implements plot.Ticker.
func (t ticker) Ticks(low, high float64) (ticks []plot.Tick) {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	for _, factor := range []float64{5, 2} {
		if (high-low)/(step*factor) >= 3 {
			step *= factor
			break
		}
	}
	for i := math.Ceil(low / step); i*step <= high; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: t.label(i * step)})
	}
	return ticks
}

// elapsed formats seconds since the start of a run.
func elapsed(seconds float64) string {
	return fmt.Sprintf("%d:%02d", int(seconds)/60, int(seconds)%60)
}
