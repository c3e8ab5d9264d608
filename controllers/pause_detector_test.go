package controllers

import (
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// TestNothingIsCreatedAfterAPause protects deleted mirrors, and the next owner of a namespace's name, from a paused leader that does not know
// yet that another process leads.
func TestNothingIsCreatedAfterAPause(t *testing.T) {
	for name, tt := range map[string]struct {
		pause time.Duration
		ends  bool
	}{
		"a busy machine": {maxPause - pauseCheckInterval, false},
		"a paused one":   {maxPause + pauseCheckInterval, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				paused := time.Duration(0)
				p := &pauseDetector{now: func() time.Time { return time.Now().Add(paused) }}
				c := guardedClient{newFakeClient(t, interceptor.Funcs{}), p}
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
				paused = tt.pause
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
