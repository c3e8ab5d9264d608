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
)

const (
	// drainPatience is how long the last events may take to be acknowledged once everything works, and canaries to be mirrored.
	drainPatience = 3 * time.Minute
	// foldPatience is how long the journal may take to become empty: a lease must run out, and back-off goes up to 30 s.
	foldPatience = 3 * time.Minute
	// receiverPatience is how long each receiver may take until it takes an event once everything works.
	receiverPatience = 30 * time.Second
)

// round is some minutes of faults, and what is checked afterwards.
type round struct {
	rig       *rig
	report    *report
	tenants   []*tenant
	stories   []story
	oracle    *oracle
	sender    *sender
	generator *generator
	canaries  sync.WaitGroup
	victims   sync.WaitGroup // of lives that are told by themselves
	ends      time.Time      // when no new fault comes any more
	healed    time.Time      // when nothing was broken any more
}

// playRound breaks things for a while, then checks that nothing was lost.
func playRound(ctx context.Context, r *rig, number int, duration time.Duration, report *report) error {
	n, err := newRound(ctx, r, number, report)
	if err != nil {
		return err
	}
	// The faults do not depend on how many events were told before, nor the events on the faults.
	faults := plan(rand.New(rand.NewPCG(r.options.seed, uint64(2*number+1))), kinds(), duration, r.options.gap)
	if number == 0 && r.options.duration >= maxRound {
		faults = append(faults, outage(rand.New(rand.NewPCG(r.options.seed, 0)), duration))
	}
	if err := n.settle(ctx); err != nil {
		return err
	}
	progress("round %d: %d faults in %v", number+1, len(faults), duration)
	if err := n.play(ctx, faults, duration); err != nil {
		_, lost := r.verifyJournal(ctx, n.oracle) // a canary that was lost is never mirrored
		return errors.Join(err, lost)
	}
	if err := n.check(ctx); err != nil || number+1 < len(r.options.rounds()) {
		return err
	}
	return errors.Join(r.verifyAgain(ctx), n.failOver(ctx))
}

func newRound(ctx context.Context, r *rig, number int, report *report) (*round, error) {
	n := &round{rig: r, report: report, oracle: newOracle()}
	var err error
	if n.stories, err = loadStories(); err != nil {
		return nil, err
	}
	for i := range tenantCount {
		t, err := r.newTenant(ctx, fmt.Sprintf("chaos-%d-%d", number+1, i+1))
		if err != nil {
			return nil, err
		}
		n.tenants = append(n.tenants, t)
	}
	n.sender = newSender(r, n.oracle)
	n.generator = newGenerator(rand.New(rand.NewPCG(r.options.seed, uint64(2*number))), n.tenants, n.stories, r.options.assets)
	return n, nil
}

func (n *round) storyIndex(name string) int {
	return slices.IndexFunc(n.stories, func(s story) bool { return s.name == name })
}

// settle sends an event all the way and, before the first fault, notes what each process holds.
func (n *round) settle(ctx context.Context) error {
	for range n.rig.receivers() {
		soon, cancel := context.WithTimeout(ctx, drainPatience)
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
	_, err := n.rig.calm(ctx)
	return err
}

// play tells lives and breaks things until the time is over, and returns when everything works and all is acknowledged.
func (n *round) play(ctx context.Context, faults []fault, duration time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workersDone, faultsDone sync.WaitGroup
	for _, t := range n.tenants {
		for range workers {
			workersDone.Go(func() { n.sender.work(ctx, t.queue) })
		}
	}
	begun := time.Now()
	n.ends = begun.Add(duration)
	for _, f := range faults {
		faultsDone.Go(func() {
			if err := n.strike(ctx, f, begun); err != nil {
				cancel(fmt.Errorf("%s: %w", f, err))
			}
		})
	}
	n.tell(ctx, n.ends)
	faultsDone.Wait()
	n.victims.Wait()
	healed := n.rig.heal(ctx)
	n.healed = time.Now()
	for _, t := range n.tenants {
		close(t.queue)
	}
	timer := time.AfterFunc(drainPatience, func() {
		cancel(fmt.Errorf("%v after the last fault not every event is acknowledged, or not every canary mirrored", drainPatience))
	})
	defer timer.Stop()
	workersDone.Wait()
	n.canaries.Wait()
	return errors.Join(context.Cause(ctx), healed)
}

// tell queues the events of lives at an even pace, as far as they are taken.
func (n *round) tell(ctx context.Context, until time.Time) {
	tick := time.NewTicker(time.Second / time.Duration(n.rig.options.rate))
	defer tick.Stop()
	for time.Now().Before(until) {
		n.enqueue(ctx, n.generator.next())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	n.enqueue(ctx, n.generator.rest())
}

// victimPace is about how often a life that is told by itself goes on, as others do: each of 200 at 60 events a second.
const victimPace = 3 * time.Second

// tellAlone tells what is left of one life, as the generator does those of others, until no new fault comes any more.
func (n *round) tellAlone(ctx context.Context, l *life, random *rand.Rand) {
	for len(l.events) > 0 && clock.Sleep(ctx, time.Duration(random.Int64N(2*int64(victimPace)))) && time.Now().Before(n.ends) {
		e := l.next(random)
		n.enqueue(ctx, []*event{e})
		if random.IntN(100) < percentDuplicates {
			n.enqueue(ctx, []*event{e.again(random)})
		}
	}
}

func (n *round) enqueue(ctx context.Context, events []*event) {
	for _, e := range events {
		select {
		case e.tenant.queue <- e:
		case <-ctx.Done():
		}
	}
}

// strike waits for a fault's time, breaks something, and measures how long it takes until an event is mirrored again.
func (n *round) strike(ctx context.Context, f fault, begun time.Time) error {
	if !clock.Sleep(ctx, time.Until(begun.Add(f.at))) {
		return nil
	}
	progress("%s", f)
	switch err := f.do(ctx, n, f); {
	case errors.Is(err, errNoEffect):
		progress("%s: %v", f, err)
		n.report.unfelt(f)
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

// canary sends an event about a media of its own and waits until it is mirrored.
func (n *round) canary(ctx context.Context, seed uint64, t *tenant) (time.Duration, error) {
	begun := time.Now()
	e, id := canary(rand.New(rand.NewPCG(seed, 1)), t)
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

func (n *round) isMirrored(ctx context.Context, t *tenant, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var m fastpixv1.MediaAsset
	err := n.rig.admin.Get(ctx, types.NamespacedName{Namespace: t.namespace, Name: id}, &m)
	return err == nil && m.Status.LastEvent != nil
}

// callReceivers has every receiver take an event for every tenant: whoever answers a canary is not who would not.
func (n *round) callReceivers(ctx context.Context) {
	for _, m := range n.rig.receivers() {
		for _, t := range n.tenants {
			n.callReceiver(ctx, m, t)
		}
	}
}

func (n *round) callReceiver(ctx context.Context, m *member, t *tenant) {
	e, _ := canary(rand.New(rand.NewPCG(rand.Uint64(), 1)), t)
	begun, code := time.Now(), 0
	var last error
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, receiverPatience, true, func(ctx context.Context) (bool, error) {
		code, last = m.Post(ctx, t.path(), e.body, e.signature)
		return last == nil && code == http.StatusOK, nil
	})
	if err != nil {
		n.rig.fail("%s takes no event for %s %v after all faults: its last answer was %d, %v", m.Name, t.namespace, receiverPatience, code, last)
		return
	}
	n.oracle.acknowledged(e)
	n.report.called(time.Since(begun))
}

// check waits until everything is folded, compares it with the oracle, and looks for leaks.
func (n *round) check(ctx context.Context) error {
	progress("all is acknowledged")
	n.callReceivers(ctx)
	failed, err := n.rig.waitFolded(ctx, true)
	if err != nil {
		return err
	}
	n.report.recovered(time.Since(n.healed))
	n.sender.client.CloseIdleConnections()
	held, err := n.rig.calm(ctx)
	if err != nil {
		return err
	}
	progress("%d batches hold records that failed; the lead changes, so that they are tried again", len(failed))
	if err := n.rig.changeLead(ctx); err != nil {
		return err
	}
	if _, err := n.rig.waitFolded(ctx, false); err != nil {
		return err
	}
	progress("the journal is empty")
	n.rig.searchLogs()
	c, err := n.rig.verify(ctx, n.tenants, n.oracle)
	if err != nil {
		return err
	}
	c.uncommitted, err = n.rig.verifyJournal(ctx, n.oracle)
	n.report.add(n, c, held)
	return err
}

// waitFolded waits until the journal is empty, or holds nothing but records that are reported as failed if such are allowed, and
// returns these.
func (r *rig) waitFolded(ctx context.Context, failuresAllowed bool) ([]fastpixv1.EventBatch, error) {
	begun := time.Now()
	var left []fastpixv1.EventBatch
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, foldPatience, true, func(ctx context.Context) (bool, error) {
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
	return left, fmt.Errorf("%d batches are left after %v: %w", len(left), foldPatience, err)
}

// batches lists what is in the journal.
func (r *rig) batches(ctx context.Context, options ...client.ListOption) ([]fastpixv1.EventBatch, error) {
	var list fastpixv1.EventBatchList
	err := r.admin.List(ctx, &list, append(options, client.InNamespace(operatorNamespace))...)
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
