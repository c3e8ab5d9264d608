package operator

import "github.com/go-logr/logr"

// NewNetLog returns a writer for the package log, to which net/http reports broken connections. The reports quote whoever connects, as often as
// they like, so they are logged at level 1 only.
func NewNetLog(log logr.Logger) *NetLog { return &NetLog{log.V(1)} }

// NetLog writes lines to a logger.
type NetLog struct{ log logr.Logger }

// Write implements io.Writer.
func (l *NetLog) Write(text []byte) (int, error) {
	l.log.Info("Message of a network server", "text", string(text))
	return len(text), nil
}
