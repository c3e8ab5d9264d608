package operator

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// errNotHolder is why a process does not release a lease.
var errNotHolder = errors.New("another process holds the lease")

// newLease returns the lease of one of the program's parts.
func newLease(restConfig *rest.Config, namespace, name string) (resourcelock.Interface, error) {
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, namespace, name,
		resourcelock.ResourceLockConfig{Identity: leaderIdentity}, restConfig, renewDeadline)
	if err != nil {
		return nil, fmt.Errorf("make the lease %s: %w", name, err)
	}
	return &ownLease{Interface: lock}, nil
}

// ownLease is a lease that a process releases only while it holds it. The leader election of client-go releases a lease by what it remembers:
// a leader that was paused for longer than the lease lasts would take the lease from the process that leads now, and two processes would lead.
type ownLease struct {
	resourcelock.Interface
	holder atomic.Pointer[string] // of the version that the next update replaces
}

// Get implements resourcelock.Interface.
func (l *ownLease) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil {
		l.holder.Store(&record.HolderIdentity)
	}
	return record, raw, err
}

// Update implements resourcelock.Interface. An update without a holder is a release; it fails if another process holds the lease.
func (l *ownLease) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if holder := l.holder.Load(); record.HolderIdentity == "" && holder != nil && *holder != l.Identity() {
		return errNotHolder
	}
	return l.Interface.Update(ctx, record)
}
