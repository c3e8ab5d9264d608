package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/sender"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/workload"
)

// webhookLoad is one way to send webhooks about new media to an endpoint, and how long they took without a backfill and while the same endpoint
// makes a backfill.
type webhookLoad struct {
	Name   string       `json:"name"`
	Alone  webhookTimes `json:"alone"`
	During webhookTimes `json:"duringBackfill"`

	events, connections int
	pause               time.Duration // between two webhooks; 0 means that each connection sends the next one at once
}

// webhookTimes are from the first byte sent to the answer, and to the first write of the mirror's status.
type webhookTimes struct {
	Events      int     `json:"events"`
	AckP50      float64 `json:"ackP50Milliseconds"`
	AckP99      float64 `json:"ackP99Milliseconds"`
	MirroredP50 float64 `json:"mirroredP50Milliseconds"`
	MirroredP99 float64 `json:"mirroredP99Milliseconds"`
	Limit       string  `json:"limit"`
}

// webhookPause lies between two webhooks of the load that leaves most of the machine to the backfill.
const webhookPause = 50 * time.Millisecond

func webhookLoads(s sizes) []webhookLoad {
	return []webhookLoad{
		{Name: fmt.Sprintf("burst of %d over %d connections", s.SyncBurst, connections), events: s.SyncBurst, connections: connections},
		{Name: fmt.Sprintf("%d a second", time.Second/webhookPause), events: s.SyncPaced, connections: 8, pause: webhookPause},
	}
}

// measureWebhooks measures a load without a backfill, then during one, and then without one again.
func (r *syncEnv) measureWebhooks(ctx context.Context, l *webhookLoad, media int) error {
	name := fmt.Sprintf("sync-webhooks-%d", l.pause.Milliseconds())
	before, err := r.sendWebhooksAlone(ctx, name+"-before", l)
	if err != nil {
		return err
	}
	w, err := r.newWorkspace(ctx, name, media)
	if err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	if err := r.compare(ctx, w); err != nil {
		return err
	}
	if err := r.waitFirstPage(ctx); err != nil {
		return err
	}
	if l.During, err = r.sendWebhooks(ctx, w.Tenant, l); err != nil {
		return err
	}
	if err := r.waitSynced(ctx, w); err != nil {
		return err
	}
	if err := r.verifyWorkspace(ctx, w); err != nil {
		return err
	}
	after, err := r.sendWebhooksAlone(ctx, name+"-after", l)
	if err != nil {
		return err
	}
	l.Alone = before.mean(after)
	progress("%-32s p99 of acknowledgements %.1f and %.1f ms, during a backfill %.1f ms; mirrored %.0f and %.0f ms, %.0f ms", "webhooks, "+l.Name,
		before.AckP99, after.AckP99, l.During.AckP99, before.MirroredP99, after.MirroredP99, l.During.MirroredP99)
	return nil
}

// sendWebhooksAlone sends a load to a new endpoint that is not compared.
func (r *syncEnv) sendWebhooksAlone(ctx context.Context, name string, l *webhookLoad) (webhookTimes, error) {
	t, err := r.newTenant(ctx, name)
	if err != nil {
		return webhookTimes{}, err
	}
	if err := r.settle(ctx); err != nil {
		return webhookTimes{}, err
	}
	return r.sendWebhooks(ctx, t, l)
}

// mean returns the middle between two measurements.
func (w webhookTimes) mean(o webhookTimes) webhookTimes {
	return webhookTimes{
		Events: w.Events + o.Events, AckP50: (w.AckP50 + o.AckP50) / 2, AckP99: (w.AckP99 + o.AckP99) / 2,
		MirroredP50: (w.MirroredP50 + o.MirroredP50) / 2, MirroredP99: (w.MirroredP99 + o.MirroredP99) / 2,
	}
}

// waitFirstPage waits until the syncer has asked for media.
func (r *syncEnv) waitFirstPage(ctx context.Context) error {
	for deadline := time.Now().Add(time.Minute); r.api.Requests()["media page"] == 0; {
		if !clock.Sleep(ctx, 10*time.Millisecond) || time.Now().After(deadline) {
			return errors.New("the syncer asks for no media")
		}
	}
	return nil
}

// sendWebhooks sends one webhook about each of some new media, and waits until all are mirrored. Those are not counted that were sent after the last
// mirror of a backfill had been written.
func (r *syncEnv) sendWebhooks(ctx context.Context, t workload.Tenant, l *webhookLoad) (w webhookTimes, err error) {
	media := r.workload.Media(l.events)
	b := r.workload.Each(t, media, workload.MediaReady)
	before := meter.UsageOf(r.pids())
	sent, err := sender.SendPaced(ctx, r.receiver.ReceiverURL, b.Requests, l.connections, l.pause)
	if err != nil {
		return w, err
	}
	w.Limit = limitOf(meter.UsageOf(r.pids()).Since(before), sent.Last.Sub(sent.First))
	if err := r.waitReflected(ctx, syncTimeout); err != nil {
		return w, err
	}
	if err := r.verify(ctx, b); err != nil {
		return w, err
	}
	log, err := r.readAudit(ctx)
	if err != nil {
		return w, err
	}
	end := lastOther(log, b)
	var mirrored []time.Duration
	for i, id := range media {
		if at := sent.Sent[i]; end.IsZero() || at.Before(end) {
			mirrored = append(mirrored, log.FirstStatus[types.NamespacedName{Namespace: t.Namespace, Name: id.String()}].Sub(at))
		}
	}
	w.Events = len(mirrored)
	w.AckP50, w.AckP99 = meter.Milliseconds(meter.Percentile(sent.Latencies, 0.5)), meter.Milliseconds(meter.Percentile(sent.Latencies, 0.99))
	w.MirroredP50, w.MirroredP99 = meter.Milliseconds(meter.Percentile(mirrored, 0.5)), meter.Milliseconds(meter.Percentile(mirrored, 0.99))
	return w, nil
}

// lastOther returns when the last mirror was written that a burst is not about; zero if there is none.
func lastOther(log meter.Requests, b *workload.Burst) (last time.Time) {
	for name, at := range log.FirstStatus {
		if _, ok := b.Want[name.Name]; (!ok || name.Namespace != b.Tenant.Namespace) && at.After(last) {
			last = at
		}
	}
	return last
}

// limit says how busy the machine was during the backfill.
func (l *webhookLoad) limit() string { return l.During.Limit }
