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

// Purger removes mirrors whose time has passed.
type Purger struct {
	Client    client.Client
	Live      client.Reader
	Endpoints endpoint.Lookup
	// HasRecordsThrough reports whether a record of a namespace waits to be folded whose event is not newer than that.
	HasRecordsThrough func(namespace string, through time.Time) bool
	Now               func() time.Time
	// written is what was written, by the endpoint's UID: the informer tells of it later.
	written   sync.Map
	writtenMu sync.Mutex
}

// setWritten keeps the newest of what was written for an endpoint, in whatever order the writers get here.
func (p *Purger) setWritten(endpoint types.UID, through metav1.MicroTime) {
	p.writtenMu.Lock()
	defer p.writtenMu.Unlock()
	if own, ok := p.written.Load(endpoint); !ok || through.After(own.(metav1.MicroTime).Time) {
		p.written.Store(endpoint, through)
	}
}

// MaxPurgeCopies is how many endpoints of a namespace remember each purge at once: the oldest ones. The publisher tells the others.
const MaxPurgeCopies = 3

// PurgedThrough returns how new what was purged in a namespace is, as far as any of its endpoints knows; nil if nothing was. It does not
// matter which endpoint a record came by, or a mirror names: those of a namespace share its mirrors.
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

// PurgedByNamespace returns how new what was purged in each namespace is, as far as these endpoints know.
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

// Purge removes a mirror that was read just now, after its retention has passed. First the namespace's endpoints remember how new the events
// of a tombstone were, so that a replay of them does not raise the dead; then the object goes, unless it has changed meanwhile: then a
// watch event will bring it back. It does nothing, and reports so, while a record waits that would be taken for a replay by then.
//
// Only what FastPix deleted is remembered: what is remembered keeps late first events of other media out, and nothing else is worth that.
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

// recordPurge has endpoints of a tombstone's namespace remember it, whichever it names. It reports false while a record waits that
// would be taken for a replay, and returns ErrNoEndpoint if there is no endpoint: then nothing comes in that could raise it, but might later.
func (p *Purger) recordPurge(ctx context.Context, m mirror.Object, retention time.Duration) (done bool, err error) {
	newest := merge.NewestEventTime(m.RecentEvents())
	if newest == nil {
		return true, nil
	}
	through := *newest
	if bound := p.latestRecorded(m, through, retention); through.After(bound) {
		through = metav1.NewMicroTime(bound.Truncate(time.Microsecond))
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
		// Receivers, the publisher and other purges write the same status.
		remember := func() (err error) {
			there, err := p.recordAt(ctx, key, through)
			done = done || there
			return err
		}
		if err := retry.RetryOnConflict(retry.DefaultBackoff, remember); err != nil {
			return false, fmt.Errorf("remember what is purged: %w", err)
		}
	}
	if !done {
		return false, mirror.ErrNoEndpoint
	}
	return true, nil
}

// latestRecorded returns how new what is remembered of a tombstone may be: now minus its retention. That which holds now may be longer than the one
// that set the timer, because the endpoint's or the reference was changed meanwhile: then events of the tombstone are too new for it to have
// stayed that long, and all that it tells of is remembered.
func (p *Purger) latestRecorded(m mirror.Object, newest metav1.MicroTime, retention time.Duration) time.Time {
	if _, due := m.Timer(); due != nil && newest.After(due.Add(record.MaxFuture-retention)) {
		return due.Time
	}
	return p.Now().Add(-retention)
}

// Oldest returns the names of the n oldest endpoints.
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

// recordAt raises status.PurgedThrough of an endpoint, and reports whether it is there.
func (p *Purger) recordAt(ctx context.Context, key types.NamespacedName, through metav1.MicroTime) (there bool, err error) {
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
