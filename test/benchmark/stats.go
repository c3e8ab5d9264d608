package main

import (
	"cmp"
	"slices"
	"time"
)

// percentile returns the value below which a share of the values lie; 0 if there are none.
func percentile(values []time.Duration, share float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// median returns the middle of the values, the lower one of two; 0 if there are none.
func median[T cmp.Ordered](values []T) T {
	if len(values) == 0 {
		var none T
		return none
	}
	return slices.Sorted(slices.Values(values))[(len(values)-1)/2]
}

// drift returns how far apart two values are, as a share of their mean.
func drift(a, b float64) float64 {
	if a+b == 0 {
		return 0
	}
	return max(a-b, b-a) / ((a + b) / 2)
}

func perSecond(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
