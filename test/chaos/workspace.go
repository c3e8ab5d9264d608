package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
	syncplan "github.com/fastpix-operator/fastpix-operator/controllers/sync/plan"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/oracle"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	// runTimeout is how long a requested run may take once everything works: a lease must run out, and a run that an outage interrupted may wait.
	runTimeout = 3 * time.Minute
	// requestPause is the time between two looks at whether the last requested run has ended.
	requestPause = 500 * time.Millisecond
)

// synced returns the tenants that are compared with a workspace.
func (n *round) synced() []*workload.Tenant {
	return slices.DeleteFunc(slices.Clone(n.tenants), func(t *workload.Tenant) bool { return t.Workspace == nil })
}

// startRuns requests one run of each workspace after the other, and returns a function that ends this.
func (n *round) startRuns(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, t := range n.synced() {
		running.Go(func() {
			for clock.Sleep(ctx, requestPause) {
				n.requestNextRun(ctx, t)
			}
		})
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// requestNextRun requests another run if the last one that was requested has ended.
func (n *round) requestNextRun(ctx context.Context, t *workload.Tenant) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	e, err := n.env.endpoint(ctx, t)
	if err != nil {
		return
	}
	request := e.Annotations[fastpixv1.SyncRequestedAtAnnotation]
	ended := e.Status.Sync != nil && e.Status.Sync.HandledRequest == request
	if request == "" || ended {
		if n.env.requestRun(ctx, e) == nil && ended {
			n.report.runEnded()
		}
	}
}

func (r *testEnv) endpoint(ctx context.Context, t *workload.Tenant) (*fastpixv1.WebhookEndpoint, error) {
	var e fastpixv1.WebhookEndpoint
	err := r.admin.Get(ctx, client.ObjectKeyFromObject(t.Endpoint()), &e)
	return &e, err
}

// requestRun requests a run of an endpoint by a new value of its annotation.
func (r *testEnv) requestRun(ctx context.Context, e *fastpixv1.WebhookEndpoint) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, fastpixv1.SyncRequestedAtAnnotation, uuid.NewUUID())
	return r.admin.Patch(ctx, e, client.RawPatch(types.MergePatchType, []byte(patch)))
}

// runTwice requests two runs of each workspace, one after the other, and returns when all that they found is folded.
func (n *round) runTwice(ctx context.Context) error {
	for number := range 2 {
		begun, synced := time.Now(), n.synced()
		errs := make([]error, len(synced))
		var runs sync.WaitGroup
		for i, t := range synced {
			runs.Go(func() { errs[i] = n.env.runOnce(ctx, t) })
		}
		runs.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		progress("run %d of each workspace took %v", number+1, time.Since(begun).Round(100*time.Millisecond))
		if _, err := n.env.waitJournalEmpty(ctx, false); err != nil {
			return err
		}
	}
	return nil
}

// runOnce requests a run and waits until it is complete.
func (r *testEnv) runOnce(ctx context.Context, t *workload.Tenant) error {
	e, err := r.endpoint(ctx, t)
	if err == nil {
		err = r.requestRun(ctx, e)
	}
	if err != nil {
		return fmt.Errorf("request a run: %w", err)
	}
	request := e.Annotations[fastpixv1.SyncRequestedAtAnnotation]
	err = wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, runTimeout, true, func(ctx context.Context) (bool, error) {
		e, err = r.endpoint(ctx, t)
		return err == nil && e.Status.Sync != nil && e.Status.Sync.HandledRequest == request, nil
	})
	synced := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionSynced)
	if err != nil {
		return fmt.Errorf("the run that was requested by %s did not end: status.sync is %+v, the condition %+v: %w", request, e.Status.Sync, synced, err)
	}
	if synced == nil || synced.Reason != fastpixv1.ReasonSynced {
		return fmt.Errorf("nothing is broken any more, and a run ended with the condition %+v", synced)
	}
	s := e.Status.Sync
	progress("the run of %s created %d mirrors, repaired %d, and deleted %d", t.Namespace, s.Created, s.Repaired, s.Deleted)
	return nil
}

// waitFollowed waits until the journal that is followed has the observations that mirrors show.
func (r *testEnv) waitFollowed(ctx context.Context, found map[record.Key]any) error {
	var missed string
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, oracle.FollowTimeout, true, func(context.Context) (bool, error) {
		missed = ""
		for key, object := range found {
			for _, line := range recentOf(object) {
				if e := line.Event(); record.IsObservation(e.Type) && !r.journal.HasObservation(key, e.ID) {
					missed = fmt.Sprintf("%s shows observation %s", key, e.ID)
				}
			}
		}
		return missed == "", nil
	})
	if err != nil && missed != "" {
		r.fail("%s, which was never in the journal", missed)
		return nil
	}
	return err
}

func recentOf(object any) []fastpixv1.EventLine {
	switch m := object.(type) {
	case *fastpixv1.MediaAsset:
		return m.Status.RecentEvents
	case *fastpixv1.LiveStream:
		return m.Status.RecentEvents
	}
	return nil
}

// compareWorkspace compares the mirrors of a tenant with its workspace: each object has a mirror that shows what the workspace says, and each other
// mirror is of something that the API does not list, or deleted. It counts the lost webhooks about the objects that are not so.
func (c *comparison) compareWorkspace(r *testEnv, t *workload.Tenant, found map[record.Key]any) error {
	untrue, err := untrueMirrors(t, found)
	if err != nil {
		return err
	}
	blamed := map[record.Key]bool{}
	for _, e := range t.Workspace.Lost() {
		keys, err := oracle.KeysOf(e)
		if err != nil {
			return fmt.Errorf("lost event %s: %w", e.ID, err)
		}
		survived := false
		for _, key := range keys {
			if untrue[key] != "" {
				survived, blamed[key] = true, true
			}
		}
		if survived {
			c.survived++
		} else {
			c.repaired++
		}
	}
	shown := 0
	for key, why := range untrue {
		if !blamed[key] {
			c.wrong++
		}
		if shown++; shown <= maxShown {
			r.fail("%s is not what its workspace says: %s", key, why)
		}
	}
	return nil
}

// untrueMirrors returns what is wrong with each mirror that does not show what the workspace says.
func untrueMirrors(t *workload.Tenant, found map[record.Key]any) (map[record.Key]string, error) {
	untrue, listed := map[record.Key]string{}, map[record.Key]bool{}
	media, streams := t.Workspace.Rows()
	for kind, rows := range map[record.Kind][]json.RawMessage{record.MediaAsset: media, record.LiveStream: streams} {
		for _, row := range rows {
			r, err := observe(t, kind, row)
			if err != nil {
				return nil, err
			}
			key := r.Key(0)
			listed[key] = true
			if why := differs(found[key], r); why != "" {
				untrue[key] = fmt.Sprintf("%s; the workspace says %s", why, row)
			}
		}
	}
	for key, object := range found {
		m := planned(object)
		if key.Namespace == t.Namespace && !listed[key] && m.IsLiving() && m.CanBeAsked() {
			untrue[key] = fmt.Sprintf("the workspace does not have it, and its state is %s", m.State)
		}
	}
	return untrue, nil
}

// observe returns the record of a row that is read now.
func observe(t *workload.Tenant, kind record.Kind, row []byte) (*record.Record, error) {
	o, err := event.Observe(kind, row)
	if err != nil {
		return nil, fmt.Errorf("read a row of the workspace: %w", err)
	}
	now := time.Now()
	text, err := event.Fit(o.Record(event.Reply{Date: now, Received: now}, types.NamespacedName{Namespace: t.Namespace, Name: tenant.EndpointName}, ""))
	if err != nil {
		return nil, err
	}
	return record.Decode(text)
}

// differs says how a mirror, which may be missing, differs from a record of what the workspace says; empty if it does not.
func differs(object any, r *record.Record) string {
	id := r.Changes[0].ID
	switch m := object.(type) {
	case *fastpixv1.MediaAsset:
		if projection.MediaDiffers(m.Status, id, r) {
			return "its status is " + oracle.Text(m.Spec, m.Status)
		}
		return ""
	case *fastpixv1.LiveStream:
		if projection.StreamDiffers(m.Status, id, r) {
			return "its status is " + oracle.Text(m.Spec, m.Status)
		}
		return ""
	}
	return "it has no mirror"
}

// planned returns a mirror as sync sees it.
func planned(object any) syncplan.Mirror {
	switch m := object.(type) {
	case *fastpixv1.MediaAsset:
		return syncplan.Mirror{Kind: record.MediaAsset, ID: m.Spec.MediaID, State: m.Status.State, BecameMediaID: m.Status.BecameMediaID}
	case *fastpixv1.LiveStream:
		return syncplan.Mirror{Kind: record.LiveStream, ID: m.Spec.StreamID, State: m.Status.State}
	}
	return syncplan.Mirror{}
}
