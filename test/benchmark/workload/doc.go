// Package workload makes the events that the benchmark sends, and knows what the mirrors must show afterwards. Events depend on a seed; only their
// times are taken from the clock. Start reading in workload.go.
package workload
