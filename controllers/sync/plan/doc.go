// Package plan holds the decisions of sync as functions of values: when a run starts, which mirrors a run creates, which mirrors the management API
// must know, how many missing ones are an accident, and when a single object is asked for. It is pure: no client, no clock, no logger. It may import the
// standard library, the API types and internal/record. Start with schedule.go.
package plan
