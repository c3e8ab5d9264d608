package mirror

import (
	"io"
	"testing"

	"github.com/go-logr/logr/funcr"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/internal/trace"
)

// TestTracesCostNothingWhenOff protects the cost of an event: at the default log level a trace allocates nothing.
func TestTracesCostNothingWhenOff(t *testing.T) {
	r := &Reconciler{Trace: trace.Logger(zap.New(zap.WriteTo(io.Discard)))}
	entries := []journal.Entry{{ChangeRef: journal.ChangeRef{Batch: &journal.Batch{Name: "b"}}, Record: &record.Record{ID: "e", Namespace: "video", Endpoint: "fastpix"}}}
	key := record.Key{Kind: record.MediaAsset, Namespace: "video", Name: "m"}
	traceAll := func() {
		r.traceFold(key, entries, 1)
		r.traceFiltered(key, entries, nil, discardedExpired)
		r.traceResult(key, entries, traceWritten, "1")
	}
	if n := testing.AllocsPerRun(100, traceAll); n != 0 {
		t.Errorf("a trace that is off allocates %v times", n)
	}
	r.Trace = trace.Logger(funcr.New(func(string, string) {}, funcr.Options{Verbosity: trace.Level}))
	if n := testing.AllocsPerRun(100, traceAll); n == 0 {
		t.Error("a trace that is on allocates nothing: the test measures nothing")
	}
}
