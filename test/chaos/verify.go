package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/oracle"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
)

// verifyJournal returns how many acknowledged events were not in the journal when they were acknowledged.
func (r *testEnv) verifyJournal(ctx context.Context, o *oracle.Oracle) (int, error) {
	var lost []string
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, oracle.FollowTimeout, true, func(context.Context) (bool, error) {
		lost = o.MissingFrom(r.journal)
		return len(lost) == 0, nil
	})
	if err != nil && ctx.Err() != nil {
		return 0, ctx.Err()
	}
	for _, id := range lost[:min(len(lost), maxShown)] {
		r.fail("event %s was acknowledged and not committed", id)
	}
	return len(lost), r.journal.Err()
}

// maxShown is how many mirrors that are wrong are shown in full.
const maxShown = 3

// comparison is what comparing every mirror with the oracle showed.
type comparison struct {
	mirrors     int // that are as they must be
	wrong       int
	lost        int // acknowledged events of which a mirror shows nothing
	uncommitted int // events that were acknowledged before they were in the journal
	survived    int // lost webhooks of which a mirror still lacks what the workspace says
	repaired    int // lost webhooks of which no mirror does
	observed    int // observations in the journal
}

// verify compares every mirror of the tenants with what the acknowledged events make of it. Those of a tenant with a workspace must be what the
// acknowledged events and the observations in the journal make of them together, and what the workspace says.
func (r *testEnv) verify(ctx context.Context, tenants []*workload.Tenant, o *oracle.Oracle) (comparison, error) {
	found := map[record.Key]any{}
	for _, t := range tenants {
		if err := r.collect(ctx, t.Namespace, found); err != nil {
			return comparison{}, err
		}
	}
	if err := r.waitFollowed(ctx, found); err != nil {
		return comparison{}, err
	}
	mirrors, err := o.Mirrors()
	var c comparison
	for _, t := range tenants {
		if t.Workspace == nil {
			continue
		}
		if err := c.compareWorkspace(r, t, found); err != nil {
			return c, err
		}
		for key, observations := range r.journal.Observations(t.Namespace) {
			mirrors[key] = append(slices.Clone(mirrors[key]), observations...)
			c.observed += len(observations)
		}
	}
	for key, records := range mirrors {
		c.compare(r, key, records, found[key])
		r.verified[key] = digestOf(found[key])
		delete(found, key)
	}
	for key := range found {
		c.wrong++
		r.fail("%s exists, and no acknowledged event and no observation is about it", key)
	}
	return c, err
}

// verifyAgain compares every mirror of all rounds with what it was when it was compared with the oracle: no event about it was sent since.
func (r *testEnv) verifyAgain(ctx context.Context) error {
	found := map[record.Key]any{}
	namespaces := map[string]bool{}
	for key := range r.verified {
		namespaces[key.Namespace] = true
	}
	for namespace := range namespaces {
		if err := r.collect(ctx, namespace, found); err != nil {
			return err
		}
	}
	for key, digest := range r.verified {
		if digestOf(found[key]) != digest {
			r.fail("%s changed, or went, after its round was over", key)
		}
	}
	return nil
}

// digestOf distinguishes states of a mirror, and that it does not exist, without what depends on the clock.
func digestOf(object any) [sha256.Size]byte {
	text := ""
	switch m := object.(type) {
	case *fastpixv1.MediaAsset:
		status := mediaOnly(m.Status)
		status.Conditions = nil
		text = lasting(m.Spec, status)
	case *fastpixv1.LiveStream:
		status := streamOnly(m.Status)
		status.Conditions = nil
		text = lasting(m.Spec, status)
	}
	return sha256.Sum256([]byte(text))
}

// collect lists every mirror of a namespace.
func (r *testEnv) collect(ctx context.Context, namespace string, found map[record.Key]any) error {
	var media fastpixv1.MediaAssetList
	if err := r.admin.List(ctx, &media, client.InNamespace(namespace)); err != nil {
		return err
	}
	for i := range media.Items {
		found[record.Key{Kind: record.MediaAsset, Namespace: namespace, Name: media.Items[i].Name}] = &media.Items[i]
	}
	var streams fastpixv1.LiveStreamList
	if err := r.admin.List(ctx, &streams, client.InNamespace(namespace)); err != nil {
		return err
	}
	for i := range streams.Items {
		found[record.Key{Kind: record.LiveStream, Namespace: namespace, Name: streams.Items[i].Name}] = &streams.Items[i]
	}
	return nil
}

// compare compares one mirror, which may be missing, with what its records make of it.
func (c *comparison) compare(r *testEnv, key record.Key, records []*record.Record, object any) {
	id := idOf(key, records)
	ref := fastpixv1.EndpointReference{Name: records[0].Endpoint} // there is one in each namespace
	var got, want string
	var seen, due []fastpixv1.EventLine
	switch m := object.(type) {
	case *fastpixv1.MediaAsset:
		wanted := projection.MediaAsset(fastpixv1.MediaAssetStatus{ObservedGeneration: -1}, id, records)
		projection.SettleMediaAsset(&wanted, m.Generation, time.Now(), time.Hour)
		got = lasting(m.Spec, mediaOnly(m.Status))
		want = lasting(fastpixv1.MediaAssetSpec{MediaID: id, EndpointRef: ref}, mediaOnly(wanted))
		seen, due = m.Status.RecentEvents, wanted.RecentEvents
	case *fastpixv1.LiveStream:
		wanted := projection.LiveStream(fastpixv1.LiveStreamStatus{ObservedGeneration: -1}, id, records)
		projection.SettleLiveStream(&wanted, m.Generation, time.Now(), time.Hour)
		got = lasting(m.Spec, streamOnly(m.Status))
		want = lasting(fastpixv1.LiveStreamSpec{StreamID: id, EndpointRef: ref}, streamOnly(wanted))
		seen, due = m.Status.RecentEvents, wanted.RecentEvents
	default:
		c.wrong, c.lost = c.wrong+1, c.lost+len(records)
		r.fail("%s does not exist, %d acknowledged events are about it", key, len(records))
		return
	}
	if got == want {
		c.mirrors++
		return
	}
	c.wrong, c.lost = c.wrong+1, c.lost+max(1, missing(seen, due))
	if c.wrong <= maxShown {
		r.fail("%s is not what its %d events make of it:\n%s", key, len(records), diff.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
	}
}

func idOf(key record.Key, records []*record.Record) string {
	for i := range records[0].Changes {
		if records[0].Key(i) == key {
			return records[0].Changes[i].ID
		}
	}
	panic("a record about another object")
}

// missing counts the newest events that a mirror does not show.
func missing(seen, due []fastpixv1.EventLine) int {
	n := 0
	for _, e := range due {
		if !slices.ContainsFunc(seen, func(s fastpixv1.EventLine) bool { return s.Event().ID == e.Event().ID }) {
			n++
		}
	}
	return n
}

// mediaOnly leaves out what depends on the clock.
func mediaOnly(s fastpixv1.MediaAssetStatus) fastpixv1.MediaAssetStatus {
	s.Timer, s.TimerTime, s.Conditions = "", nil, timeless(s.Conditions)
	return s
}

func streamOnly(s fastpixv1.LiveStreamStatus) fastpixv1.LiveStreamStatus {
	s.Timer, s.TimerTime, s.Conditions = "", nil, timeless(s.Conditions)
	return s
}

func timeless(conditions []metav1.Condition) []metav1.Condition {
	var kept []metav1.Condition
	for _, c := range conditions {
		if c.Type != fastpixv1.ConditionLive {
			c.LastTransitionTime = metav1.Time{}
			kept = append(kept, c)
		}
	}
	return kept
}

// lasting returns a spec and a status as text in which equal ones are equal.
func lasting(spec, status any) string {
	b, err := json.Marshal(map[string]any{"spec": spec, "status": status})
	if err == nil {
		b, err = yaml.JSONToYAML(b)
	}
	if err != nil {
		panic(fmt.Sprintf("write a mirror: %v", err))
	}
	return string(b)
}
