package picture

import (
	"math"
	"strconv"
)

// scales are the factors and the names of units, from large to small.
var scales = map[string][]struct {
	factor float64
	name   string
}{
	"s":     {{60, " min"}, {1, " s"}, {1e-3, " ms"}, {1e-6, " µs"}},
	"bytes": {{1 << 30, " GiB"}, {1 << 20, " MiB"}, {1 << 10, " KiB"}, {1, " B"}},
	"reqps": {{1, " req/s"}},
	"ops":   {{1, " ops/s"}},
	"short": {{1e6, " Mil"}, {1e3, " K"}, {1, ""}},
}

// Format writes a value in a unit of Grafana, with three digits.
func Format(unit string, value float64) string {
	scale := scales[unit]
	if len(scale) == 0 {
		return number(value)
	}
	for _, s := range scale {
		if math.Abs(value) >= s.factor {
			return number(value/s.factor) + s.name
		}
	}
	if value == 0 && unit == "s" {
		return "0 s"
	}
	smallest := scale[len(scale)-1]
	return number(value/smallest.factor) + smallest.name
}

// number writes a number with three digits, without an exponent.
func number(value float64) string {
	if value == 0 {
		return "0"
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(value)))))
	rounded := math.Round(value*math.Pow10(digits)) / math.Pow10(digits)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
