package controllers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatchdogStopsAfterALongOutage checks that a short outage does not stop the controllers, and that a long one does.
func TestWatchdogStopsAfterALongOutage(t *testing.T) {
	for name, tc := range map[string]struct {
		outage time.Duration
		want   bool
	}{
		"short": {outage: maxUnavailable - probeInterval, want: false},
		"long":  {outage: maxUnavailable + 2*probeInterval, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				start := time.Now()
				away := errors.New("away")
				w := watchdog{now: time.Now, probe: func(context.Context) error {
					if at := time.Since(start); at > 10*time.Second && at < 10*time.Second+tc.outage {
						return away
					}
					return nil
				}}
				if err := w.Start(ctx); errors.Is(err, away) != tc.want {
					t.Errorf("after an outage of %s: %v", tc.outage, err)
				}
			})
		})
	}
}
