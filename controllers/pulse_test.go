package controllers

import (
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// TestNothingIsCreatedAfterAStandstill protects what was deleted, and whoever has the name of a deleted namespace, from a leader that was
// paused and does not know yet that another leads.
func TestNothingIsCreatedAfterAStandstill(t *testing.T) {
	for name, tt := range map[string]struct {
		standstill time.Duration
		ends       bool
	}{
		"a busy machine": {maxStandstill - pulseInterval, false},
		"a paused one":   {maxStandstill + pulseInterval, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				paused := time.Duration(0)
				p := &pulse{now: func() time.Time { return time.Now().Add(paused) }}
				c := pulsedClient{newFakeClient(t, interceptor.Funcs{}), p}
				create := func(name string) error {
					return c.Create(t.Context(), &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: name}})
				}
				if err := create("before-it-starts"); err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- p.Start(t.Context()) }()
				time.Sleep(time.Minute)
				synctest.Wait()
				if err := create("before"); err != nil {
					t.Fatal(err)
				}
				paused = tt.standstill
				if err := create("after"); (err != nil) != tt.ends {
					t.Errorf("created after it: %v", err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if err := create("later"); (err != nil) != tt.ends {
					t.Errorf("created a minute later: %v", err)
				}
				if (len(ended) == 1) != tt.ends {
					t.Errorf("it ended: %t", len(ended) == 1)
				}
			})
		})
	}
}
