package lifecycle

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/endpoint"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Purger deletes mirrors whose retention has passed.
type Purger struct {
	Client    client.Client
	Live      client.Reader
	Endpoints endpoint.Lookup
	// HasRecordsThrough reports whether a record of a namespace waits to be folded whose event is not newer than through.
	HasRecordsThrough func(namespace string, through time.Time) bool
	Now               func() time.Time
	// written holds status.purgedThrough as it was last written, by the endpoint's UID. The informer shows it later.
	written   sync.Map
	writtenMu sync.Mutex
}

// setWritten stores what was written for an endpoint, if it is the newest. Concurrent writers may call it in any order.
func (p *Purger) setWritten(endpoint types.UID, through metav1.MicroTime) {
	p.writtenMu.Lock()
	defer p.writtenMu.Unlock()
	if own, ok := p.written.Load(endpoint); !ok || through.After(own.(metav1.MicroTime).Time) {
		p.written.Store(endpoint, through)
	}
}

// MaxPurgeCopies is how many endpoints of a namespace record each purge at once. These are the oldest ones. The publisher updates the others.
const MaxPurgeCopies = 3

// PurgedThrough returns the newest event time of the purged mirrors of a namespace, as its endpoints record it; nil if nothing was purged. The
// endpoints of a namespace share its mirrors, so it does not matter by which endpoint a record came, or which endpoint a mirror names.
func (p *Purger) PurgedThrough(ctx context.Context, namespace string) (*metav1.MicroTime, error) {
	all, err := p.Endpoints.In(ctx, namespace)
	if err != nil {
		return nil, err
	}
	if through, ok := p.PurgedByNamespace(all)[namespace]; ok {
		return &through, nil
	}
	return nil, nil
}

// PurgedByNamespace returns the newest event time of the purged mirrors of each namespace, as these endpoints record it.
func (p *Purger) PurgedByNamespace(all []fastpixv1.WebhookEndpoint) map[string]metav1.MicroTime {
	newest := map[string]metav1.MicroTime{}
	for i := range all {
		e := &all[i]
		own, _ := p.written.Load(e.UID)
		at, ok := own.(metav1.MicroTime)
		if through := e.Status.PurgedThrough; through != nil && (!ok || through.After(at.Time)) {
			at, ok = *through, true
		}
		if ok && at.After(newest[e.Namespace].Time) {
			newest[e.Namespace] = at
		}
	}
	return newest
}

// Purge deletes a mirror that was read just now and whose retention has passed. First, it records in the namespace's endpoints how new the events
// of a tombstone are, so that a replay of them does not create the mirror again. Then it deletes the object, unless the object has changed: then
// a watch event enqueues the object again. Purge reports false, and does nothing, while a record waits that would look like a replay afterwards.
//
// Only mirrors of objects that were deleted on FastPix are recorded. A recorded purge also discards late first events of other objects, and only
// a tombstone justifies that.
func (p *Purger) Purge(ctx context.Context, m mirror.Object, retention time.Duration) (done bool, err error) {
	if m.State() == record.StateDeleted {
		if done, err := p.recordPurge(ctx, m, retention); err != nil || !done {
			return false, err
		}
	}
	object := m.APIObject()
	uid, version := object.GetUID(), object.GetResourceVersion()
	err = p.Client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version})
	if err != nil {
		return true, apiserver.IgnoreStale(fmt.Errorf("purge mirror: %w", err))
	}
	purged.Inc()
	return true, nil
}

// recordPurge records a tombstone in the oldest endpoints of its namespace, whichever endpoint the tombstone names. It reports false while a
// record waits that would look like a replay. It returns ErrNoEndpoint if the namespace has no endpoint: without one no replay arrives, but a
// later endpoint could bring one.
func (p *Purger) recordPurge(ctx context.Context, m mirror.Object, retention time.Duration) (done bool, err error) {
	newest := merge.NewestEventTime(m.RecentEvents())
	if newest == nil {
		return true, nil
	}
	through := *newest
	if latest := p.latestRecorded(m, through, retention); through.After(latest) {
		through = metav1.NewMicroTime(latest.Truncate(time.Microsecond))
	}
	namespace := m.APIObject().GetNamespace()
	if p.HasRecordsThrough(namespace, through.Time) {
		return false, nil
	}
	all, err := p.Endpoints.In(ctx, namespace)
	if err != nil {
		return false, err
	}
	for _, key := range oldestEndpoints(all, MaxPurgeCopies) {
		// Conflicts are normal: receivers, the publisher and other purges write the same status.
		write := func() error {
			exists, err := p.recordAt(ctx, key, through)
			done = done || exists
			return err
		}
		if err := retry.RetryOnConflict(retry.DefaultBackoff, write); err != nil {
			return false, fmt.Errorf("record the purge: %w", err)
		}
	}
	if !done {
		return false, mirror.ErrNoEndpoint
	}
	return true, nil
}

// latestRecorded bounds the event time that is recorded for a tombstone: now minus the retention. The current retention may be longer than the one
// that set the timer, because the endpoint or the reference to it has changed. Then the events of the tombstone are newer than that bound, and the
// time of the timer is the bound.
func (p *Purger) latestRecorded(m mirror.Object, newest metav1.MicroTime, retention time.Duration) time.Time {
	if _, due := m.Timer(); due != nil && newest.After(due.Add(record.MaxFuture-retention)) {
		return due.Time
	}
	return p.Now().Add(-retention)
}

// oldestEndpoints returns the names of the n oldest endpoints.
func oldestEndpoints(all []fastpixv1.WebhookEndpoint, n int) []types.NamespacedName {
	all = slices.Clone(all)
	slices.SortFunc(all, func(x, y fastpixv1.WebhookEndpoint) int {
		return cmp.Or(x.CreationTimestamp.Compare(y.CreationTimestamp.Time), cmp.Compare(x.Name, y.Name))
	})
	var keys []types.NamespacedName
	for i := range all[:min(n, len(all))] {
		keys = append(keys, client.ObjectKeyFromObject(&all[i]))
	}
	return keys
}

// recordAt raises status.purgedThrough of an endpoint, and reports whether the endpoint exists.
func (p *Purger) recordAt(ctx context.Context, key types.NamespacedName, through metav1.MicroTime) (exists bool, err error) {
	var object fastpixv1.WebhookEndpoint
	if err := p.Live.Get(ctx, key, &object); err != nil {
		return false, apiserver.IgnoreNotFound(err)
	}
	if endpoint.Raise(&object.Status.PurgedThrough, through) {
		if err := p.Client.Status().Update(ctx, &object); err != nil {
			return false, err
		}
	}
	p.setWritten(object.UID, *object.Status.PurgedThrough)
	return true, nil
}
