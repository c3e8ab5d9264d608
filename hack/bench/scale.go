package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/hack/markdown"
)

// scale is what the long form adds: memory and start, with few assets and with many.
type scale struct {
	Few     footprint `json:"few"`
	Many    footprint `json:"many"`
	Journal footprint `json:"journal"`
}

// footprint is one state of the cluster and what the operator needed in it.
type footprint struct {
	Assets     int `json:"assets"`
	Tombstones int `json:"tombstones"`
	// Journal is how many events waited when the controllers started.
	Journal int `json:"journalEvents"`
	// Receiver and Controllers are their largest resident memory since their start, through the same burst, or through the
	// whole journal.
	Receiver    float64 `json:"receiverPeakRSSMiB"`
	Controllers float64 `json:"controllersPeakRSSMiB"`
	// Start is the time from the start of the controllers' process to the first new event being reflected.
	Start float64 `json:"startSeconds"`
	// CPU is the CPU time of the controllers for 1,000 events of the burst.
	CPU float64 `json:"controllersCPUSecondsPer1000Events"`
}

// chunk is how many events are made and sent at a time, which bounds this program's own memory.
const chunk = 20_000

// runScale measures on one control plane, growing the cluster in between.
func runScale(ctx context.Context, o options) (_ *scale, err error) {
	// The journal is to be filled beyond the bound at which a receiver would stop taking events.
	bound := 2 * o.sizes.Journal
	r, err := newRig(ctx, o, o.seed, fmt.Sprintf("--max-pending-events=%d", bound), fmt.Sprintf("--max-pending-events-per-endpoint=%d", bound))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(r.explain(err), r.plane.Close()) }()
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	t, err := r.newTenant(ctx, "scale")
	if err != nil {
		return nil, err
	}
	var s scale
	if err := r.grow(ctx, t, o.sizes.FewAssets, o.sizes.FewAssets/20); err != nil {
		return nil, err
	}
	if s.Few, err = r.footprint(ctx, t, o.sizes.FewAssets, o.sizes.FewAssets/20, 0); err != nil {
		return nil, err
	}
	err = r.grow(ctx, t, o.sizes.Assets-o.sizes.FewAssets, o.sizes.Tombstones-o.sizes.FewAssets/20)
	if err != nil {
		return nil, err
	}
	if s.Many, err = r.footprint(ctx, t, o.sizes.Assets, o.sizes.Tombstones, 0); err != nil {
		return nil, err
	}
	s.Journal, err = r.footprint(ctx, t, o.sizes.Assets, o.sizes.Tombstones, o.sizes.Journal)
	return &s, err
}

// grow lets the operator mirror more assets, some of which are deleted on the platform.
func (r *rig) grow(ctx context.Context, t tenant, assets, tombstones int) error {
	progress("Growing by %d assets", assets)
	for done := 0; done < assets; done += chunk {
		media := r.workload.media(min(chunk, assets-done))
		gone := min(len(media), max(0, tombstones-done))
		b := r.workload.each(t, media[gone:], mediaReady)
		for _, id := range media[:gone] {
			b.add(event{id: r.workload.uuid(), media: id, at: r.workload.now(), created: r.workload.recently(), body: mediaDeleted})
		}
		if _, err := send(ctx, r.receiver.ReceiverURL, b.requests, manyConnections); err != nil {
			return err
		}
		if err := r.waitReflected(ctx, time.Hour); err != nil {
			return err
		}
	}
	return nil
}

// footprint starts both halves anew, with so many events in the journal, and measures them through their start and a burst.
func (r *rig) footprint(ctx context.Context, t tenant, assets, tombstones, journal int) (footprint, error) {
	f := footprint{Assets: assets, Tombstones: tombstones, Journal: journal}
	if err := r.stop(); err != nil {
		return f, err
	}
	if err := r.receiver.Start(ctx); err != nil {
		return f, err
	}
	if err := r.fill(ctx, t, journal); err != nil {
		return f, fmt.Errorf("fill the journal: %w", err)
	}
	start := time.Now()
	if err := r.controllers.Start(ctx); err != nil {
		return f, err
	}
	if err := r.firstReflected(ctx); err != nil {
		return f, fmt.Errorf("wait for the first event: %w", err)
	}
	f.Start = time.Since(start).Seconds()
	if err := r.waitReflected(ctx, time.Hour); err != nil {
		return f, err
	}
	b := r.workload.lives(t, lifecycle, 2*len(lifecycle)*connections*8)
	m, err := r.measureOnly(ctx, fmt.Sprintf("%d assets, journal of %d", assets, journal), b, connections)
	if err != nil {
		return f, err
	}
	f.Receiver, f.Controllers = m.Usage.PeakRSS["receiver"], m.Usage.PeakRSS["controllers"]
	f.CPU = m.Usage.CPU["controllers"] * 1000 / float64(m.Events)
	return f, nil
}

// fill puts events about new and old media into the journal while nobody folds.
func (r *rig) fill(ctx context.Context, t tenant, n int) error {
	for done := 0; done < n; done += chunk {
		b := r.workload.lives(t, lifecycle, min(chunk, n-done))
		if _, err := send(ctx, r.receiver.ReceiverURL, b.requests, manyConnections); err != nil {
			return err
		}
	}
	return nil
}

// firstReflected sends an event and waits until its asset shows it.
func (r *rig) firstReflected(ctx context.Context) error {
	b := r.workload.hot(r.warmth, 1)
	if _, err := send(ctx, r.receiver.ReceiverURL, b.requests, 1); err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Minute); ; pause(ctx, 20*time.Millisecond) {
		for name, want := range b.want {
			var a fastpixv1.MediaAsset
			err := r.admin.Get(ctx, client.ObjectKey{Namespace: r.warmth.namespace, Name: name}, &a)
			if err == nil {
				err = want.check(&a)
			}
			if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
				return err
			}
		}
	}
}

// table shows memory and start beside their bars.
func (s *scale) table() markdown.Table {
	t := markdown.Table{{"state", "receiver MiB", "of few", "controllers MiB", "of few", "start s", "CPU s/1,000 events"}}
	for _, f := range []footprint{s.Few, s.Many, s.Journal} {
		t.Add(fmt.Sprintf("%d assets, %d tombstones, journal of %d", f.Assets, f.Tombstones, f.Journal),
			number(f.Receiver), ratio(f.Receiver, s.Few.Receiver), number(f.Controllers), ratio(f.Controllers, s.Few.Controllers),
			number(f.Start), number(f.CPU))
	}
	t.Add("bar", "< 128", "< 1.2", "< 128", "< 1.2", "<= 5", "flat")
	return t
}

func ratio(a, b float64) string {
	if b == 0 {
		return "?"
	}
	return fmt.Sprintf("%.2f", a/b)
}
