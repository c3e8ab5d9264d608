// These tests protect the lease: a leader that was paused does not take the lease from the process that leads now.
package operator

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func TestPausedLeaderDoesNotReleaseALeaseOfAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := fake.NewClientset() // stores the lease and checks no version
		lockOf := func(identity string) resourcelock.Interface {
			lock, err := resourcelock.New(resourcelock.LeasesResourceLock, "fastpix-system", "fastpix-controller-manager", api.CoreV1(), api.CoordinationV1(),
				resourcelock.ResourceLockConfig{Identity: identity})
			if err != nil {
				t.Fatal(err)
			}
			return &ownLease{Interface: lock}
		}
		paused, stop := context.WithCancel(t.Context())
		leads := make(chan struct{})
		var ended sync.WaitGroup
		ended.Go(func() {
			leaderelection.RunOrDie(paused, leaderelection.LeaderElectionConfig{
				Lock: lockOf("paused"), LeaseDuration: 15 * time.Minute, RenewDeadline: 10 * time.Minute, RetryPeriod: 2 * time.Minute, ReleaseOnCancel: true,
				Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) { close(leads) }, OnStoppedLeading: func() {}},
			})
		})
		<-leads
		synctest.Wait()          // until the leader waits for its next renewal
		other := lockOf("other") // takes the lease while the leader is paused
		record, _, err := other.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		record.HolderIdentity = "other"
		if err := other.Update(t.Context(), *record); err != nil {
			t.Fatal(err)
		}
		stop()
		ended.Wait()
		if got := holderOf(t, api); got != "other" {
			t.Errorf("the lease is held by %q after a paused leader stopped, want \"other\"", got)
		}
		record.HolderIdentity = ""
		if _, _, err := other.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := other.Update(t.Context(), *record); err != nil {
			t.Errorf("the holder does not release its lease: %v", err)
		}
		if got := holderOf(t, api); got != "" {
			t.Errorf("the lease is held by %q after its holder released it", got)
		}
	})
}

// holderOf returns the holder of the lease.
func holderOf(t *testing.T, api *fake.Clientset) string {
	t.Helper()
	lease, err := api.CoordinationV1().Leases("fastpix-system").Get(t.Context(), "fastpix-controller-manager", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}
