package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/dashboards"
)

// TestValuesAreReadable protects the numbers in the pictures.
func TestValuesAreReadable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		unit  string
		value float64
		want  string
	}{
		{"s", 0.0123456, "12.3 ms"},
		{"s", 0, "0 s"},
		{"s", 42, "42 s"},
		{"s", 90, "1.5 min"},
		{"bytes", 64 << 20, "64 MiB"},
		{"reqps", 0.25, "0.25 req/s"},
		{"short", 50_000, "50 K"},
		{"short", 0.01, "0.01"},
	} {
		if got := Format(tt.unit, tt.value); got != tt.want {
			t.Errorf("%v in %s is %q, want %q", tt.value, tt.unit, got, tt.want)
		}
	}
}

// TestDrawShowsEveryPanel protects the pictures of the dashboards: each panel can be drawn, also from series with gaps and from single points,
// and the picture is XML that shows its title, its legend and its last value.
func TestDrawShowsEveryPanel(t *testing.T) {
	t.Parallel()
	all, err := dashboards.Load("../../../config/grafana")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	at := func(seconds int, value float64) Point {
		return Point{start.Add(time.Duration(seconds) * time.Second), value}
	}
	for name, d := range all {
		run := &Run{Panels: map[int][]Series{}, Start: start, End: start.Add(time.Minute), Step: 2 * time.Second, Caption: "a caption"}
		for _, p := range d.Panels {
			run.Panels[p.ID] = []Series{
				{"first", []Point{at(0, 1), at(2, 3), at(20, 0), at(22, 1)}}, {"second", []Point{at(8, 17)}}, {"zero", []Point{at(0, 0), at(2, 0)}},
			}
		}
		var b bytes.Buffer
		if err := Draw(&b, d, run); err != nil {
			t.Fatal(err)
		}
		picture := b.String()
		if err := checkXML(&b); err != nil {
			t.Errorf("the picture of %s is not XML: %v", name, err)
		}
		for _, p := range d.Panels {
			if !strings.Contains(picture, ">"+p.Title+"<") {
				t.Errorf("the picture of %s does not show %q", name, p.Title)
			}
		}
		for _, want := range []string{"a caption", "second  17", ">0:20<"} {
			if !strings.Contains(picture, want) {
				t.Errorf("the picture of %s does not show %q", name, want)
			}
		}
	}
}

func checkXML(r io.Reader) error {
	d := xml.NewDecoder(r)
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
