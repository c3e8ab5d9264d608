package main

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

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
		if err := oracle.Collect(ctx, r.admin, t.Namespace, found); err != nil {
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
		if err := oracle.Collect(ctx, r.admin, namespace, found); err != nil {
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
	return sha256.Sum256([]byte(oracle.LastingText(object)))
}

// compare compares one mirror, which may be missing, with what its records make of it.
func (c *comparison) compare(r *testEnv, key record.Key, records []*record.Record, object any) {
	difference, lost := oracle.Compare(key, records, object)
	if difference == "" {
		c.mirrors++
		return
	}
	c.wrong, c.lost = c.wrong+1, c.lost+lost
	if c.wrong <= maxShown {
		r.fail("%s", difference)
	}
}
