// Package workload makes the events that chaos sends: histories of media and streams, made of the samples in package fixtures, for tenants with an
// endpoint each. It knows nothing of faults. Start reading in history.go.
package workload
