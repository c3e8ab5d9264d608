package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	controllersLease = "fastpix-controller-manager"
	syncersLease     = "fastpix-syncer"
	// leaderTimeout is how long to look for the process that leads: no process leads while a lease expires.
	leaderTimeout = 20 * time.Second
	// beyondLease is how long a leader must be silent for another one to take over: a lease of 15 s, and another look at it 2 s later.
	beyondLease = 18 * time.Second
	// failoverTimeout is how long it may take from the kill of the leader until another one has mirrored an event.
	failoverTimeout = 45 * time.Second
)

// leader returns the process of a part that leads, which it says itself: the lease names it by a random text. The error is that none or several do.
func (r *testEnv) leader(ctx context.Context, part []*operatorProcess, lease string) (leader *operatorProcess, err error) {
	err = wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, leaderTimeout, true, func(ctx context.Context) (bool, error) {
		leaders := slices.DeleteFunc(slices.Clone(part), func(m *operatorProcess) bool { return !r.leads(ctx, m, lease) })
		if len(leaders) != 1 { // one that was frozen believes for a moment that it still leads
			return false, nil
		}
		leader = leaders[0]
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("not one of %s and its like says that it leads: %w", part[0].Name, err)
	}
	return leader, nil
}

// leads reports whether a process says that it holds a lease; one that is away says nothing.
func (r *testEnv) leads(ctx context.Context, m *operatorProcess, lease string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	metrics, err := r.plane.Metrics(ctx, m.Operator)
	if err != nil {
		return false
	}
	leads, err := metric(metrics, fmt.Sprintf("leader_election_master_status{name=%q}", lease))
	return err == nil && leads == 1
}

// holder returns what a lease calls its holder.
func (r *testEnv) holder(ctx context.Context, name string) (string, error) {
	var lease coordinationv1.Lease
	err := retry(ctx, func(ctx context.Context) error {
		return r.admin.Get(ctx, client.ObjectKey{Namespace: tenant.OperatorNamespace, Name: name}, &lease)
	})
	if err != nil || lease.Spec.HolderIdentity == nil {
		return "", err
	}
	return *lease.Spec.HolderIdentity, nil
}

// freezeLeader stops the leader of a part from running for longer than its lease lasts. It has no effect if no other one took over.
func (r *testEnv) freezeLeader(ctx context.Context, part []*operatorProcess, lease string, length time.Duration) error {
	m, err := r.leader(ctx, part, lease)
	if err != nil {
		return errors.Join(errNoEffect, err)
	}
	before, err := r.holder(ctx, lease)
	if err != nil {
		return err
	}
	m.freeze(ctx, length)
	after, err := r.holder(ctx, lease)
	if err == nil && (after == before || after == "") {
		return fmt.Errorf("%w: no process took over from %s", errNoEffect, m.Name)
	}
	return err
}

// changeLead freezes the leading controllers until another process has taken over: on a busy machine it may come back too early.
func (r *testEnv) changeLead(ctx context.Context) (err error) {
	for range 3 {
		if err = r.freezeLeader(ctx, r.controllers(), controllersLease, beyondLease+7*time.Second); !errors.Is(err, errNoEffect) {
			return err
		}
	}
	return err
}

// failOver kills the leader for good, and measures how long it takes until the other one has mirrored an event.
func (n *round) failOver(ctx context.Context) error {
	m, err := n.env.leader(ctx, n.env.controllers(), controllersLease)
	if err != nil {
		return err
	}
	before, err := n.env.holder(ctx, controllersLease)
	if err != nil {
		return err
	}
	progress("kill %s, which leads", m.Name)
	m.crash()
	soon, cancel := context.WithTimeout(ctx, failoverTimeout)
	defer cancel()
	took, err := n.canary(soon, rand.Uint64(), n.tenants[0])
	if err != nil {
		return fmt.Errorf("%s led and was killed, and no other took over in time: %w", m.Name, err)
	}
	after, err := n.env.holder(ctx, controllersLease)
	if err == nil && after == before {
		err = fmt.Errorf("an event was mirrored after %s was killed, which still holds the lease", m.Name)
	}
	n.report.failOver = took
	return err
}
