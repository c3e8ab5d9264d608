package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/oracle"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	// drainTimeout is how long the last events may take to be acknowledged once everything works, and canaries to be mirrored.
	drainTimeout = 3 * time.Minute
	// journalTimeout is how long the journal may take to become empty: a lease must run out, and back-off goes up to 30 s.
	journalTimeout = 3 * time.Minute
	// receiverTimeout is how long each receiver may take until it takes an event once everything works.
	receiverTimeout = 30 * time.Second
)

// round is some minutes of faults, and what is checked afterwards.
type round struct {
	env       *testEnv
	report    *report
	tenants   []*workload.Tenant
	scenarios []workload.Scenario
	oracle    *oracle.Oracle
	sender    *sender
	generator *workload.Generator
	canaries  sync.WaitGroup
	blocked   sync.WaitGroup // of histories that are sent by themselves
	ends      time.Time      // when no new fault comes any more
	restored  time.Time      // when nothing was broken any more
}

// runRound breaks things for a while, then checks that nothing was lost.
func runRound(ctx context.Context, r *testEnv, number int, duration time.Duration, report *report) error {
	n, err := newRound(ctx, r, number, report)
	if err != nil {
		return err
	}
	// The faults do not depend on how many events were sent before, nor the events on the faults.
	faults := plan(rand.New(rand.NewPCG(r.options.seed, uint64(2*number+1))), kinds(), duration, r.options.gap)
	if number == 0 && r.options.duration >= maxRound {
		faults = append(faults, outage(rand.New(rand.NewPCG(r.options.seed, 0)), duration))
	}
	if err := n.settle(ctx); err != nil {
		return err
	}
	progress("round %d: %d faults in %v", number+1, len(faults), duration)
	if err := n.injectFaults(ctx, faults, duration); err != nil {
		_, lost := r.verifyJournal(ctx, n.oracle) // a canary that was lost is never mirrored
		return errors.Join(err, lost)
	}
	if err := n.check(ctx); err != nil || number+1 < len(r.options.rounds()) {
		return err
	}
	return errors.Join(r.verifyAgain(ctx), n.failOver(ctx))
}

func newRound(ctx context.Context, r *testEnv, number int, report *report) (*round, error) {
	n := &round{env: r, report: report, oracle: oracle.New()}
	var err error
	if n.scenarios, err = workload.LoadScenarios(); err != nil {
		return nil, err
	}
	for i := range tenantCount {
		var w *workload.Workspace
		if i >= plainCount {
			w = r.newWorkspace()
		}
		t, err := r.newTenant(ctx, fmt.Sprintf("chaos-%d-%d", number+1, i+1), w)
		if err != nil {
			return nil, err
		}
		n.tenants = append(n.tenants, t)
	}
	n.sender = newSender(r, n.oracle)
	n.generator = workload.NewGenerator(rand.New(rand.NewPCG(r.options.seed, uint64(2*number))), n.shares(), n.scenarios, r.options.assets)
	return n, nil
}

// shares returns the tenants, each as often as it gets histories in relation to others.
func (n *round) shares() []*workload.Tenant {
	shares := slices.Clone(n.tenants)
	for range plainShare - 1 {
		shares = append(shares, n.tenants[:plainCount]...)
	}
	return shares
}

func (n *round) scenarioIndex(name string) int {
	return slices.IndexFunc(n.scenarios, func(s workload.Scenario) bool { return s.Name == name })
}

// settle sends an event all the way and, before the first fault, notes what each process holds.
func (n *round) settle(ctx context.Context) error {
	for range n.env.receivers() {
		soon, cancel := context.WithTimeout(ctx, drainTimeout)
		_, err := n.canary(soon, rand.Uint64(), n.tenants[0])
		cancel()
		if err != nil {
			return fmt.Errorf("nothing is broken yet: %w", err)
		}
	}
	n.sender.client.CloseIdleConnections()
	if !clock.Sleep(ctx, time.Second) {
		return ctx.Err()
	}
	_, err := n.env.waitIdle(ctx)
	return err
}

// injectFaults sends events and injects faults until the time is over, and returns when everything works and all is acknowledged.
func (n *round) injectFaults(ctx context.Context, faults []fault, duration time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workersDone, faultsDone sync.WaitGroup
	for _, t := range n.tenants {
		for range workers {
			workersDone.Go(func() { n.sender.work(ctx, t.Queue) })
		}
	}
	begun := time.Now()
	n.ends = begun.Add(duration)
	for _, f := range faults {
		faultsDone.Go(func() {
			if err := n.inject(ctx, f, begun); err != nil {
				cancel(fmt.Errorf("%s: %w", f, err))
			}
		})
	}
	stopRuns := n.startRuns(ctx)
	defer stopRuns()
	n.sendHistories(ctx, n.ends)
	faultsDone.Wait()
	n.blocked.Wait()
	healed := n.env.restoreAll(ctx)
	n.restored = time.Now()
	for _, t := range n.tenants {
		close(t.Queue)
	}
	timer := time.AfterFunc(drainTimeout, func() {
		cancel(fmt.Errorf("%v after the last fault not every event is acknowledged, or not every canary mirrored", drainTimeout))
	})
	defer timer.Stop()
	workersDone.Wait()
	n.canaries.Wait()
	return errors.Join(context.Cause(ctx), healed)
}

// sendHistories queues the events of histories at an even rate, as fast as the queues accept them.
func (n *round) sendHistories(ctx context.Context, until time.Time) {
	tick := time.NewTicker(time.Second / time.Duration(n.env.options.rate))
	defer tick.Stop()
	for time.Now().Before(until) {
		n.enqueue(ctx, n.generator.Next())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	n.enqueue(ctx, n.generator.Rest())
}

// historyPause is the mean time between two events of a history that is sent by itself, as of others: each of 300 at 90 events a second.
const historyPause = 3 * time.Second

// sendHistory sends the rest of one history, as the generator does those of others, until the last fault has begun.
func (n *round) sendHistory(ctx context.Context, l *workload.History, random *rand.Rand) {
	for len(l.Events) > 0 && clock.Sleep(ctx, time.Duration(random.Int64N(2*int64(historyPause)))) && time.Now().Before(n.ends) {
		e := l.Next(random)
		n.enqueue(ctx, []*workload.Event{e})
		if random.IntN(100) < workload.PercentDuplicates {
			n.enqueue(ctx, []*workload.Event{e.Again(random)})
		}
	}
}

func (n *round) enqueue(ctx context.Context, events []*workload.Event) {
	for _, e := range events {
		select {
		case e.Tenant.Queue <- e:
		case <-ctx.Done():
		}
	}
}

// inject waits for a fault's time, breaks something, and measures how long it takes until an event is mirrored again.
func (n *round) inject(ctx context.Context, f fault, begun time.Time) error {
	if !clock.Sleep(ctx, time.Until(begun.Add(f.at))) {
		return nil
	}
	progress("%s", f)
	switch err := f.do(ctx, n, f); {
	case errors.Is(err, errNoEffect):
		progress("%s: %v", f, err)
		n.report.withoutEffect(f)
		return nil
	case err != nil:
		return err
	}
	n.canaries.Go(func() {
		if took, err := n.canary(ctx, f.seed, n.tenants[f.seed%tenantCount]); err == nil {
			n.report.survived(f, took)
		} // else the round ended before it
	})
	return nil
}

// Canary sends an event about a media of its own and waits until it is mirrored.
func (n *round) canary(ctx context.Context, seed uint64, t *workload.Tenant) (time.Duration, error) {
	begun := time.Now()
	e, id := workload.Canary(rand.New(rand.NewPCG(seed, 1)), t)
	if err := n.sender.deliver(ctx, e); err != nil {
		return time.Since(begun), err
	}
	// Ever more seldom: dozens of these may wait, and must not be what the API server is busy with.
	for wait := 50 * time.Millisecond; !n.isMirrored(ctx, t, id); wait = min(2*wait, time.Second) {
		if !clock.Sleep(ctx, wait) {
			return time.Since(begun), fmt.Errorf("an event was acknowledged and is not mirrored after %v", time.Since(begun).Round(time.Second))
		}
	}
	return time.Since(begun), nil
}

func (n *round) isMirrored(ctx context.Context, t *workload.Tenant, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var m fastpixv1.MediaAsset
	err := n.env.admin.Get(ctx, types.NamespacedName{Namespace: t.Namespace, Name: id}, &m)
	return err == nil && m.Status.LastEvent != nil
}

// checkReceivers checks that every receiver accepts an event for every tenant: a canary is answered by one receiver only.
func (n *round) checkReceivers(ctx context.Context) {
	for _, m := range n.env.receivers() {
		for _, t := range n.tenants {
			n.checkReceiver(ctx, m, t)
		}
	}
}

func (n *round) checkReceiver(ctx context.Context, m *operatorProcess, t *workload.Tenant) {
	e, _ := workload.Canary(rand.New(rand.NewPCG(rand.Uint64(), 1)), t)
	begun, code := time.Now(), 0
	var last error
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, receiverTimeout, true, func(ctx context.Context) (bool, error) {
		code, last = m.Post(ctx, t.Path(), e.Body, e.Signature)
		return last == nil && code == http.StatusOK, nil
	})
	if err != nil {
		n.env.fail("%s accepts no event for %s %v after all faults: its last answer was %d, %v", m.Name, t.Namespace, receiverTimeout, code, last)
		return
	}
	n.oracle.Record(e)
	n.report.receiverAccepted(time.Since(begun))
}

// check waits until the journal is empty, compares it with the oracle, and looks for leaks.
func (n *round) check(ctx context.Context) error {
	progress("all is acknowledged")
	n.checkReceivers(ctx)
	failed, err := n.env.waitJournalEmpty(ctx, true)
	if err != nil {
		return err
	}
	n.report.recovered(time.Since(n.restored))
	n.sender.client.CloseIdleConnections()
	held, err := n.env.waitIdle(ctx)
	if err != nil {
		return err
	}
	progress("%d batches hold records that failed; the lead changes, so that they are tried again", len(failed))
	if err := n.env.changeLead(ctx); err != nil {
		return err
	}
	if _, err := n.env.waitJournalEmpty(ctx, false); err != nil {
		return err
	}
	progress("the journal is empty")
	if err := n.runTwice(ctx); err != nil {
		return err
	}
	n.env.searchLogs()
	c, err := n.env.verify(ctx, n.tenants, n.oracle)
	if err != nil {
		return err
	}
	c.uncommitted, err = n.env.verifyJournal(ctx, n.oracle)
	n.report.add(n, c, held)
	return errors.Join(err, n.env.fastpix.Check())
}

// waitJournalEmpty waits until the journal is empty, or holds nothing but records that are reported as failed if such are allowed, and
// returns these.
func (r *testEnv) waitJournalEmpty(ctx context.Context, failuresAllowed bool) ([]fastpixv1.EventBatch, error) {
	begun := time.Now()
	var left []fastpixv1.EventBatch
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, journalTimeout, true, func(ctx context.Context) (bool, error) {
		var err error
		left, err = r.batches(ctx)
		pending := func(b fastpixv1.EventBatch) bool { return !failuresAllowed || !isReported(b) }
		return err == nil && !slices.ContainsFunc(left, pending), nil
	})
	if err == nil {
		progress("folded %v later", time.Since(begun).Round(100*time.Millisecond))
		return left, nil
	}
	for _, b := range left[:min(len(left), maxShown)] {
		r.fail("batch %s with %d records is left, labels %v, failures: %+v", b.Name, len(b.Spec.Events), b.Labels, b.Status.Failed)
	}
	return left, fmt.Errorf("%d batches are left after %v: %w", len(left), journalTimeout, err)
}

// batches lists what is in the journal.
func (r *testEnv) batches(ctx context.Context, options ...client.ListOption) ([]fastpixv1.EventBatch, error) {
	var list fastpixv1.EventBatchList
	err := r.admin.List(ctx, &list, append(options, client.InNamespace(tenant.OperatorNamespace))...)
	return list.Items, err
}

// isReported reports whether a batch says of each of its records why it failed: a record that touches two objects may have failed for both.
func isReported(b fastpixv1.EventBatch) bool {
	said := map[int32]bool{}
	for _, f := range b.Status.Failed {
		said[f.Index] = true
	}
	return b.Labels[fastpixv1.FailedLabel] == "true" && len(said) == len(b.Spec.Events)
}
