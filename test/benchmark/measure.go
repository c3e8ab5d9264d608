package main

import (
	"context"
	"fmt"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/sender"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// measurement is what one burst showed.
type measurement struct {
	Name        string `json:"name"`
	Connections int    `json:"connections"`
	// Events that differ, and Deliveries of them; Retries are answers 503 that were sent again.
	Events     int   `json:"events"`
	Deliveries int   `json:"deliveries"`
	Retries    int64 `json:"retries"`
	// Acknowledged are deliveries answered with 200 per second, from the first request to the last answer.
	Acknowledged float64 `json:"acknowledgedPerSecond"`
	AckP50       float64 `json:"ackP50Milliseconds"`
	AckP99       float64 `json:"ackP99Milliseconds"`
	// Reflected are events per second from the first request to the last write of a status.
	Reflected float64 `json:"reflectedPerSecond"`
	// Batches of the journal, Requests that the receiver and the controllers made of the API server, and the least number of requests that the
	// design needs; 0 where events are coalesced.
	Batches  int            `json:"batches"`
	Requests int            `json:"requests"`
	Minimum  int            `json:"minimumRequests"`
	ByKind   map[string]int `json:"requestsByKind"`
	Usage    meter.Usage    `json:"usage"`
}

// measure sends a burst, waits until all of it is reflected, and verifies what the mirrors say.
func (r *testEnv) measure(ctx context.Context, name string, b *workload.Burst, connections int) (measurement, error) {
	m, err := r.measureOnly(ctx, name, b, connections)
	if err == nil {
		err = r.verify(ctx, b)
	}
	if err != nil {
		return m, r.explain(fmt.Errorf("burst %q: %w", name, err))
	}
	return m, nil
}

func (r *testEnv) measureOnly(ctx context.Context, name string, b *workload.Burst, connections int) (measurement, error) {
	// What the burst before left behind must not be counted: pending counts are published once a second.
	clock.Sleep(ctx, 1500*time.Millisecond)
	if err := r.audit.Skip(); err != nil {
		return measurement{}, err
	}
	before := meter.UsageOf(r.pids())
	finishProfile := r.profileAPIServerCPU(ctx, name)
	sent, err := sender.Send(ctx, r.receiver.ReceiverURL, b.Requests, connections)
	if err != nil {
		return measurement{}, err
	}
	if err := r.waitReflected(ctx, time.Minute+time.Duration(b.Events)*20*time.Millisecond); err != nil {
		return measurement{}, err
	}
	used := meter.UsageOf(r.pids()).Since(before)
	if err := finishProfile(); err != nil {
		return measurement{}, err
	}
	clock.Sleep(ctx, 200*time.Millisecond) // the audit log trails the answers
	log, err := r.audit.Read()
	if err != nil {
		return measurement{}, err
	}
	commits := meter.Request{User: tenant.ReceiverAccount, Verb: "create", Resource: "eventbatches", Code: 201}
	m := measurement{
		Name: name, Connections: connections, Events: b.Events, Deliveries: len(b.Requests), Retries: sent.Retries,
		Acknowledged: meter.PerSecond(len(b.Requests), sent.Last.Sub(sent.First)),
		AckP50:       meter.Milliseconds(meter.Percentile(sent.Latencies, 0.50)),
		AckP99:       meter.Milliseconds(meter.Percentile(sent.Latencies, 0.99)),
		Reflected:    meter.PerSecond(b.Events, log.LastStatus.Sub(sent.First)),
		Batches:      log.Count[commits],
		Requests:     log.Of(tenant.ReceiverAccount, tenant.ControllersAccount),
		ByKind:       log.List(tenant.ReceiverAccount, tenant.ControllersAccount),
		Usage:        used,
	}
	progress("%-32s %6.0f acknowledged/s, p99 %.1f ms, %6.0f reflected/s", name, m.Acknowledged, m.AckP99, m.Reflected)
	return m, nil
}
