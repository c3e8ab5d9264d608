package operator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	ctrl "sigs.k8s.io/controller-runtime"
)

// TestRestartsAreLoggedAtABoundedRate protects the log during an outage of the API server: the controllers and the syncer stop and start again every second.
func TestRestartsAreLoggedAtABoundedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := 0
		ctrl.SetLogger(funcr.New(func(string, string) { lines++ }, funcr.Options{}))
		ctx, cancel := context.WithTimeout(t.Context(), 2*restartLogInterval+restartLogInterval/2)
		defer cancel()
		starts := 0
		start := time.Now()
		err := restarting{"controllers", func(context.Context) error {
			starts++
			return errors.New("the API server is unavailable")
		}}.Start(ctx)
		if took := time.Since(start); err == nil || starts < int(took/restartPause)-1 {
			t.Errorf("%d starts in %s, at last %v", starts, took, err)
		}
		if lines != 3 {
			t.Errorf("%d lines in the log, want 3", lines)
		}
	})
}
