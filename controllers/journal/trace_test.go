package journal

import (
	"io"
	"testing"

	"github.com/go-logr/logr/funcr"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/internal/trace"
)

// TestTracesCostNothingWhenOff protects the cost of an event: at the default log level a trace allocates nothing.
func TestTracesCostNothingWhenOff(t *testing.T) {
	r := &Reader{Trace: trace.Logger(zap.New(zap.WriteTo(io.Discard)))}
	b, rec := &Batch{Name: "b"}, &record.Record{ID: "e", Namespace: "video", Endpoint: "fastpix"}
	if n := testing.AllocsPerRun(100, func() { r.traceRead(b, rec) }); n != 0 {
		t.Errorf("a trace that is off allocates %v times", n)
	}
	r.Trace = trace.Logger(funcr.New(func(string, string) {}, funcr.Options{Verbosity: trace.Level}))
	if n := testing.AllocsPerRun(100, func() { r.traceRead(b, rec) }); n == 0 {
		t.Error("a trace that is on allocates nothing: the test measures nothing")
	}
}
