// Package oracle knows which events were acknowledged, which records each mirror must be made of, and what was committed to the journal. It finds
// losses; it injects no faults. Start reading in oracle.go.
package oracle
