// Package trace follows single events through the log, by their ids. The log holds ids only at level 2, and only those of verified deliveries, in
// the form in which objects show them. An id of a sender who does not know a signing secret is never logged.
//
// Every line of a trace has the keys eventID, eventType and WebhookEndpoint. docs/operations.md lists the lines. Callers build nothing unless
// Enabled says that the line is written.
package trace

import "github.com/go-logr/logr"

// Level is the log level that shows traces, as in --zap-log-level=2.
const Level = 2

// Logger returns the logger of the traces of one part.
func Logger(log logr.Logger) logr.Logger { return log.WithName("trace").V(Level) }
