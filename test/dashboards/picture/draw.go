package picture

import (
	"fmt"
	"image/color"
	"io"
	"slices"
	"strconv"
	"time"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/fastpix-operator/fastpix-operator/test/dashboards"
)

// Series is one line of a panel.
type Series struct {
	Legend string
	Points []Point
}

// Point is one value of a series.
type Point struct {
	Time  time.Time
	Value float64
}

// Last returns the last value.
func (s Series) Last() float64 { return s.Points[len(s.Points)-1].Value }

// Run is what a dashboard shows: the series of its panels, by the panels' ids, from Start to End with a distance of Step.
type Run struct {
	Panels     map[int][]Series
	Start, End time.Time
	Step       time.Duration
	// Caption is printed above the panels.
	Caption string
}

// The size of the grid, in points.
const (
	column, unit = 46, 25
	heading      = 48
	padding      = 6
)

var (
	black  = color.RGBA{0x24, 0x29, 0x2e, 0xff}
	grey   = color.RGBA{0x6a, 0x73, 0x7d, 0xff}
	border = color.RGBA{0xd8, 0xdc, 0xe0, 0xff}
	// lines are the colors of series, in their order.
	lines = []color.RGBA{
		{0x56, 0xa6, 0x4b, 0xff}, {0xf2, 0xcc, 0x0c, 0xff}, {0x32, 0x74, 0xd9, 0xff}, {0xff, 0x78, 0x0a, 0xff}, {0xe0, 0x2f, 0x44, 0xff},
		{0xa3, 0x52, 0xcc, 0xff}, {0x3d, 0x9a, 0xa1, 0xff}, {0x8a, 0x6d, 0x3b, 0xff}, {0xb8, 0x77, 0xd9, 0xff}, {0x45, 0x5a, 0x64, 0xff},
	}
	// named are Grafana's names of colors, as far as the dashboards use them.
	named = map[string]color.RGBA{"green": lines[0], "orange": lines[3], "red": lines[4], "text": black}
)

// colorOf returns the color of a series.
func colorOf(p *dashboards.Panel, i int, name string) color.RGBA {
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.Options == name {
			return named[o.Properties[0].Value.FixedColor]
		}
	}
	return lines[i%len(lines)]
}

// width returns the width of a text, with a margin for readers that draw it in another font.
func width(s text.Style, shown string) vg.Length { return s.Width(shown) * 6 / 5 }

// style returns a style of text that is aligned to the left and to the bottom.
func style(size float64, c color.Color) text.Style {
	return text.Style{Color: c, Font: font.From(plot.DefaultFont, vg.Length(size)), Handler: plot.DefaultTextHandler, YAlign: text.YBottom}
}

func bold(size float64, c color.Color) text.Style {
	s := style(size, c)
	s.Font.Weight = xfont.WeightBold
	return s
}

func init() { plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"} }

// Draw writes the picture of a dashboard.
func Draw(w io.Writer, d *dashboards.Dashboard, run *Run) error {
	rows := 0
	for _, p := range d.Panels {
		rows = max(rows, p.GridPos.Y+p.GridPos.H)
	}
	height := vg.Length(rows*unit + heading)
	svg := vgsvg.NewWith(vgsvg.UseWH(24*column, height))
	c := draw.New(svg)
	fill(c, c.Rectangle, color.White)
	c.FillText(bold(16, black), vg.Point{X: padding, Y: height - 22}, d.Title)
	c.FillText(style(10, grey), vg.Point{X: padding, Y: height - 38}, run.Caption)
	for i := range d.Panels {
		p := &d.Panels[i]
		top := height - vg.Length(heading+p.GridPos.Y*unit)
		left := vg.Length(p.GridPos.X * column)
		area := draw.Canvas{Canvas: svg, Rectangle: vg.Rectangle{
			Min: vg.Point{X: left + 2, Y: top - vg.Length(p.GridPos.H*unit) + 2}, Max: vg.Point{X: left + vg.Length(p.GridPos.W*column) - 2, Y: top - 2},
		}}
		if err := drawPanel(area, p, run); err != nil {
			return fmt.Errorf("draw %q: %w", p.Title, err)
		}
	}
	_, err := svg.WriteTo(w)
	return err
}

func drawPanel(c draw.Canvas, p *dashboards.Panel, run *Run) error {
	if p.Type == dashboards.Row {
		c.FillText(bold(12, black), vg.Point{X: c.Min.X + 2, Y: c.Min.Y + 3}, p.Title)
		return nil
	}
	c.StrokeLines(draw.LineStyle{Color: border, Width: 1}, corners(c.Rectangle))
	c.FillText(bold(10, black), vg.Point{X: c.Min.X + padding, Y: c.Max.Y - 16}, p.Title)
	inside := draw.Crop(c, padding, -padding, padding, -20)
	series := run.Panels[p.ID]
	switch p.Type {
	case "stat":
		drawNumbers(inside, p, series)
		return nil
	case "timeseries":
		return drawLines(inside, p, series, run)
	}
	return fmt.Errorf("panels of type %s cannot be drawn", p.Type)
}

// corners returns the outline of a rectangle.
func corners(r vg.Rectangle) []vg.Point {
	return []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}, r.Min}
}

func fill(c draw.Canvas, r vg.Rectangle, with color.Color) { c.FillPolygon(with, corners(r)) }

// drawNumbers draws the last value of each series, one below the other.
func drawNumbers(c draw.Canvas, p *dashboards.Panel, series []Series) {
	height := (c.Max.Y - c.Min.Y) / vg.Length(max(len(series), 1))
	for i, s := range series {
		value := s.Last()
		shown := Format(p.FieldConfig.Defaults.Unit, value)
		for _, m := range p.FieldConfig.Defaults.Mappings {
			if option, ok := m.Options[strconv.FormatFloat(value, 'f', -1, 64)]; ok {
				shown = option.Text
			}
		}
		size := min(24, 0.6*height.Points())
		at := vg.Point{X: c.Min.X + 2, Y: c.Max.Y - vg.Length(i+1)*height + (height-vg.Length(size))/2}
		if len(series) > 1 {
			size = min(16, 0.6*height.Points())
			name := style(11, black)
			c.FillText(name, at, s.Legend)
			at.X += max(width(name, s.Legend)+12, (c.Max.X-c.Min.X)*7/10)
		}
		c.FillText(bold(size, threshold(p, value)), at, shown)
	}
}

// threshold returns the color of a value.
func threshold(p *dashboards.Panel, value float64) color.Color {
	name := "text"
	for _, step := range p.FieldConfig.Defaults.Thresholds.Steps {
		if step.Value == nil || value >= *step.Value {
			name = step.Color
		}
	}
	return named[name]
}

// drawLegend draws the names and the last values of the series at the bottom, and returns the rest of the area.
func drawLegend(c draw.Canvas, p *dashboards.Panel, series []Series) draw.Canvas {
	const line, size = 12, 9
	type entry struct {
		at   vg.Point
		text string
	}
	var entries []entry
	at := vg.Point{}
	for _, s := range series {
		e := entry{text: s.Legend + "  " + Format(p.FieldConfig.Defaults.Unit, s.Last())}
		wide := width(style(size, black), e.text) + 26
		if at.X > 0 && at.X+wide > c.Max.X-c.Min.X {
			at = vg.Point{Y: at.Y + line}
		}
		e.at = at
		entries = append(entries, e)
		at.X += wide
	}
	height := at.Y + line
	for i, e := range entries {
		x, y := c.Min.X+e.at.X, c.Min.Y+height-line-e.at.Y
		fill(c, vg.Rectangle{Min: vg.Point{X: x, Y: y + 3}, Max: vg.Point{X: x + 10, Y: y + 6}}, colorOf(p, i, series[i].Legend))
		c.FillText(style(size, black), vg.Point{X: x + 14, Y: y}, e.text)
	}
	return draw.Crop(c, 0, 0, height+2, 0)
}

// sorted returns the series by their names, so that colors do not depend on the order of the answer.
func sorted(series []Series) []Series {
	return slices.SortedStableFunc(slices.Values(series), func(a, b Series) int { return cmpText(a.Legend, b.Legend) })
}
