package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// fault is what makes alerts fire.
type fault struct {
	// what says what is wrong, for the table.
	what string
	// alerts are the names of the alerts in the chart's values.
	alerts []string
	// induce begins the fault and returns how to end it.
	induce func(context.Context, *env) (end func(context.Context) error, err error)
}

// faults are induced in this order. Each alert has one.
var faults = []fault{
	// First, because later twelve late events are a small share of all.
	{"the controllers hang for a minute", []string{"FastPixMirroredLateBudgetBurnFast", "FastPixMirroredLateBudgetBurnSlow"}, freezeControllers},
	{"a delivery with a right signature is not an event", []string{"FastPixMalformedDeliveries"}, deliverMalformed},
	{"the endpoint has another signing secret than FastPix", []string{"FastPixUnauthorizedDeliveries"}, storeWrongSecret},
	{"the receiver's clock is behind that of FastPix", []string{"FastPixUntimedEvents"}, deliverFromTheFuture},
	{"FastPix sends nothing", []string{"FastPixNoDeliveries"}, sendNothing},
	{"the receiver is killed", []string{"FastPixReceiverAbsent"}, killReceiver},
	{
		"the API server is killed", []string{"FastPixDeliveriesRefused", "FastPixAcknowledgementBudgetBurnFast", "FastPixAcknowledgementBudgetBurnSlow"},
		killAPIServer,
	},
	// This fault uses up an error budget, too, so it comes after the fault of that budget.
	{"the network to the API server is slow", []string{"FastPixJournalCommitSlow"}, slowNetwork},
	{"the controllers are killed", []string{"FastPixControllersWithoutLeader"}, killControllers},
	{"mirrors cannot be written, and the backlog is full", []string{"FastPixEventsPendingLong", "FastPixBacklogLarge"}, fillBacklog},
	{"a policy of a namespace refuses a mirror", []string{"FastPixRecordsFailed"}, refuseMirrors},
	{"a namespace is deleted while its events wait", []string{"FastPixEventsDiscarded"}, deleteNamespace},
	{"a thief of the receiver's identity writes a batch", []string{"FastPixBatchesForged"}, forgeBatch},
	{"the syncer is killed", []string{"FastPixSyncerWithoutLeader"}, killSyncer},
	{"a webhook is lost", []string{"FastPixWebhooksMissed"}, loseWebhook},
	{"the access token is revoked", []string{"FastPixSyncRunsFail"}, revokeToken},
	{"FastPix's management API does not answer", []string{"FastPixSyncStale"}, removeFastPix},
}

// firing is an alert that fired and ended.
type firing struct {
	alert, fault string
	// pending, fired and ended are the times from the begin of the fault to the first two, and from its end to the last.
	pending, fired, ended time.Duration
}

// play induces a fault and returns the alerts that were pending, fired, and ended when the fault had ended.
func (e *env) play(ctx context.Context, f fault) ([]firing, error) {
	if err := e.prometheus.waitQuiet(ctx, f.alerts...); err != nil {
		return nil, fmt.Errorf("an alert is active before the fault: %w", err)
	}
	progress("%s", f.what)
	begun := time.Now()
	seen := make(chan error, 1)
	found := map[string]*firing{}
	for _, name := range f.alerts {
		found[name] = &firing{alert: name, fault: f.what}
	}
	watch, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		seen <- e.prometheus.waitStates(watch, func(states map[string]string) bool { return note(found, states, begun) })
	}()
	end, err := f.induce(ctx, e)
	if err != nil {
		cancel()
	}
	err = errors.Join(err, <-seen)
	over := time.Now()
	if end != nil {
		err = errors.Join(err, end(ctx))
	}
	if err != nil {
		return nil, err
	}
	return e.waitEnds(ctx, found, over)
}

// note notes which alerts are pending and which fire. It reports whether all have fired.
func note(found map[string]*firing, states map[string]string, begun time.Time) bool {
	all := true
	for name, f := range found {
		switch states[name] {
		case statePending:
			if f.pending == 0 {
				f.pending = time.Since(begun)
			}
		case stateFiring:
			if f.fired == 0 {
				f.fired = time.Since(begun)
				progress("  %s fires after %.1f s", name, f.fired.Seconds())
			}
		}
		all = all && f.fired > 0
	}
	return all
}

// waitEnds waits until no alert is active any more.
func (e *env) waitEnds(ctx context.Context, found map[string]*firing, over time.Time) ([]firing, error) {
	err := e.prometheus.waitStates(ctx, func(states map[string]string) bool {
		all := true
		for name, f := range found {
			if _, active := states[name]; !active && f.ended == 0 {
				f.ended = time.Since(over)
				progress("  %s ended after %.1f s", name, f.ended.Seconds())
			}
			all = all && f.ended > 0
		}
		return all
	})
	if err != nil {
		return nil, fmt.Errorf("an alert does not end: %w", err)
	}
	var fired []firing
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if found[name].pending == 0 {
			return fired, fmt.Errorf("%s fired without having been pending", name)
		}
		fired = append(fired, *found[name])
	}
	return fired, nil
}
