package meter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Number writes a number with as many digits as mean something.
func Number(f float64) string {
	switch {
	case f == 0:
		return "0"
	case f < 10:
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", f), "0"), ".")
	case f < 100:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}

// Percentile returns the value below which a share of the values lie; 0 if there are none.
func Percentile(values []time.Duration, share float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// Median returns the middle of the values, the lower one of two; 0 if there are none.
func Median[T cmp.Ordered](values []T) T {
	if len(values) == 0 {
		var none T
		return none
	}
	return slices.Sorted(slices.Values(values))[(len(values)-1)/2]
}

// Drift returns how far apart two values are, as a share of their mean.
func Drift(a, b float64) float64 {
	if a+b == 0 {
		return 0
	}
	return max(a-b, b-a) / ((a + b) / 2)
}

// PerSecond returns n per second of a time; 0 if that is none.
func PerSecond(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// Milliseconds returns a time in milliseconds.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
