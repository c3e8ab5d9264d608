package main

import (
	"context"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/sender"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/workload"
)

// bystander is a tenant with an event now and then, while another tenant's burst is acknowledged and folded.
type bystander struct {
	Events int `json:"events"`
	// P50 and Slowest are times from the first byte sent to the asset showing the event.
	P50     float64 `json:"p50Milliseconds"`
	Slowest float64 `json:"slowestMilliseconds"`
}

// bystanderPause lies between two events of the bystander.
const bystanderPause = 200 * time.Millisecond

// watchBystander measures how long a bystander waits during a burst, from its first request until all of it is reflected.
func (r *testEnv) watchBystander(ctx context.Context, s sizes) (b bystander, err error) {
	noisy, err := r.newTenant(ctx, "noisy")
	if err != nil {
		return b, err
	}
	quiet, err := r.newTenant(ctx, "quiet")
	if err != nil {
		return b, err
	}
	burst := r.workload.Lifecycles(noisy, workload.Lifecycle, s.Events)
	done := make(chan error, 1)
	go func() {
		_, err := sender.Send(ctx, r.receiver.ReceiverURL, burst.Requests, connections)
		if err == nil {
			err = r.waitReflected(ctx, time.Minute+time.Duration(burst.Events)*20*time.Millisecond)
		}
		if err == nil {
			err = r.verify(ctx, burst)
		}
		done <- err
	}()
	var waits []time.Duration
	for {
		start := time.Now()
		if err := r.firstReflected(ctx, quiet); err != nil {
			return b, err
		}
		waits = append(waits, time.Since(start))
		select {
		case err := <-done:
			b = bystander{Events: len(waits), P50: meter.Milliseconds(meter.Percentile(waits, 0.5)), Slowest: meter.Milliseconds(meter.Percentile(waits, 1))}
			progress("%-32s %6d events, p50 %.1f ms, slowest %.1f ms", "another tenant meanwhile", b.Events, b.P50, b.Slowest)
			return b, err
		case <-time.After(bystanderPause):
		}
	}
}
