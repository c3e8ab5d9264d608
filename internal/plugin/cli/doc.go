// Package cli has what the commands of "kubectl fastpix" share: the flags of kubectl and a client that they configure, lists in pages, printing, colour, and
// errors with their exit codes.
//
// It imports nothing of the operator but the API types. Start reading in options.go.
package cli
