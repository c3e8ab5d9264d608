package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/plot"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/sender"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/markdown"
)

func memoryPanel(title string, all []footprint, state func(footprint) int) plot.Panel {
	p := plot.Panel{Title: title, Names: []string{"receiver", "controllers"}, Values: map[string][]float64{}}
	for _, f := range all {
		p.States = append(p.States, fmt.Sprint(state(f)))
		p.Values["receiver"] = append(p.Values["receiver"], f.Receiver)
		p.Values["controllers"] = append(p.Values["controllers"], f.Controllers)
	}
	return p
}

func cpuPanel(title string, all []footprint, state func(footprint) int) plot.Panel {
	p := plot.Panel{Title: title, Names: []string{"receiver", "controllers", "kube-apiserver"}, Values: map[string][]float64{}}
	for _, f := range all {
		p.States = append(p.States, fmt.Sprint(state(f)))
		for _, name := range p.Names {
			p.Values[name] = append(p.Values[name], f.CPU[name])
		}
	}
	return p
}

// scale is what the long form adds: what the operator costs as the cluster grows.
type scale struct {
	Assets    []footprint `json:"byAssets"`
	Journal   footprint   `json:"fullJournal"`
	Endpoints []footprint `json:"byEndpoints"`
}

// footprint is one state of the cluster and what the operator needed in it.
type footprint struct {
	Assets     int `json:"assets"`
	Tombstones int `json:"tombstones"`
	Endpoints  int `json:"endpoints"`
	// Journal is how many events waited when the controllers started.
	Journal int `json:"journalEvents"`
	// Receiver and Controllers are their largest resident memory since their start, through the same burst, or through the
	// whole journal.
	Receiver    float64 `json:"receiverPeakRSSMiB"`
	Controllers float64 `json:"controllersPeakRSSMiB"`
	// Database is the size of etcd's file at the end, with the history that was not compacted yet.
	Database float64 `json:"etcdMiB"`
	// Start is the time from the start of the controllers' process to the first new event being reflected.
	Start float64 `json:"startSeconds"`
	// CPU is the CPU time of each process for 1,000 events of the burst.
	CPU map[string]float64 `json:"cpuSecondsPer1000Events"`
}

const (
	// chunk is how many events are made and sent at a time, which bounds this program's own memory.
	chunk = 20_000
	// tombstoneEvery says that one asset in so many was deleted on the platform.
	tombstoneEvery = 20
)

// runScale measures growth: assets and a full journal on one control plane, endpoints on another.
func runScale(ctx context.Context, o options) (*scale, error) {
	s := &scale{}
	return s, errors.Join(
		withTestEnv(ctx, o, func(r *testEnv) error { return s.byAssets(ctx, r, o.sizes) }),
		withTestEnv(ctx, o, func(r *testEnv) error { return s.byEndpoints(ctx, r, o.sizes) }),
	)
}

// withTestEnv does something on a control plane of its own, with receivers that take a journal of any size.
func withTestEnv(ctx context.Context, o options, do func(*testEnv) error) (err error) {
	bound := 2 * (o.sizes.Journal + chunk)
	r, err := newTestEnv(ctx, o, o.seed, fmt.Sprintf("--max-pending-events=%d", bound), fmt.Sprintf("--max-pending-events-per-endpoint=%d", bound))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(r.explain(err), r.plane.Close()) }()
	if err := r.start(ctx); err != nil {
		return err
	}
	return do(r)
}

// byAssets measures with more and more assets, at last with a full journal too.
func (s *scale) byAssets(ctx context.Context, r *testEnv, sizes sizes) error {
	t, err := r.newTenant(ctx, "scale")
	if err != nil {
		return err
	}
	there := 0
	for _, assets := range sizes.growth() {
		if err := r.grow(ctx, t, assets-there); err != nil {
			return err
		}
		there = assets
		f, err := r.footprint(ctx, []workload.Tenant{t}, footprint{Assets: assets, Tombstones: assets / tombstoneEvery})
		if err != nil {
			return err
		}
		s.Assets = append(s.Assets, f)
	}
	s.Journal, err = r.footprint(ctx, []workload.Tenant{t}, footprint{Assets: there, Tombstones: there / tombstoneEvery, Journal: sizes.Journal})
	return err
}

// byEndpoints measures with more and more endpoints, each in a namespace of its own.
func (s *scale) byEndpoints(ctx context.Context, r *testEnv, sizes sizes) error {
	var tenants []workload.Tenant
	for _, n := range sizes.Endpoints {
		progress("Growing to %d endpoints", n)
		for len(tenants) < n {
			t, err := r.addTenant(ctx, fmt.Sprintf("scale-%d", len(tenants)))
			if err != nil {
				return err
			}
			tenants = append(tenants, t)
		}
		for _, t := range tenants {
			if err := r.waitAccepting(ctx, t); err != nil {
				return err
			}
		}
		f, err := r.footprint(ctx, tenants, footprint{})
		if err != nil {
			return err
		}
		s.Endpoints = append(s.Endpoints, f)
	}
	return nil
}

// grow lets the operator mirror more assets, some of which are deleted on the platform.
func (r *testEnv) grow(ctx context.Context, t workload.Tenant, assets int) error {
	progress("Growing by %d assets", assets)
	for done := 0; done < assets; done += chunk {
		media := r.workload.Media(min(chunk, assets-done))
		deleted := len(media) / tombstoneEvery
		b := r.workload.Each(t, media[deleted:], workload.MediaReady)
		for _, id := range media[:deleted] {
			b.Add(workload.Event{ID: r.workload.NewID(), Media: id, At: r.workload.Now(), Created: r.workload.Recently(), Body: workload.MediaDeleted})
		}
		if _, err := sender.Send(ctx, r.receiver.ReceiverURL, b.Requests, manyConnections); err != nil {
			return err
		}
		if err := r.waitReflected(ctx, time.Hour); err != nil {
			return err
		}
	}
	return nil
}

// footprint restarts the receiver and the controllers, with the wanted number of events in the journal, and measures them through their start and a burst.
func (r *testEnv) footprint(ctx context.Context, tenants []workload.Tenant, f footprint) (footprint, error) {
	f.Endpoints = len(tenants)
	name := fmt.Sprintf("%d assets, %d endpoints, journal %d", f.Assets, f.Endpoints, f.Journal)
	if err := r.stop(); err != nil {
		return f, err
	}
	if err := r.receiver.Start(ctx); err != nil {
		return f, err
	}
	if err := r.fill(ctx, tenants[0], f.Journal); err != nil {
		return f, fmt.Errorf("fill the journal: %w", err)
	}
	start := time.Now()
	if err := r.controllers.Start(ctx); err != nil {
		return f, err
	}
	if err := r.firstReflected(ctx, r.warmth); err != nil {
		return f, fmt.Errorf("wait for the first event: %w", err)
	}
	f.Start = time.Since(start).Seconds()
	if err := r.profileControllers(ctx, name+" start"); err != nil {
		return f, err
	}
	if err := r.waitReflected(ctx, time.Hour); err != nil {
		return f, err
	}
	m, err := r.measureOnly(ctx, name, r.workload.Spread(tenants, 4000), connections)
	if err != nil {
		return f, err
	}
	if err := r.profileControllers(ctx, name); err != nil {
		return f, err
	}
	f.Receiver, f.Controllers = m.Usage.PeakRSS["receiver"], m.Usage.PeakRSS["controllers"]
	f.Database = r.databaseSize()
	f.CPU = map[string]float64{}
	for name, seconds := range m.Usage.CPU {
		f.CPU[name] = seconds * 1000 / float64(m.Events)
	}
	return f, nil
}

// databaseSize returns the size of etcd's file in MiB; 0 if there is none.
func (r *testEnv) databaseSize() float64 {
	info, err := os.Stat(filepath.Join(r.plane.Dir, "etcd", "member", "snap", "db"))
	if err != nil {
		return 0
	}
	return float64(info.Size()) / (1 << 20)
}

// fill puts events about new media into the journal while no controllers run, over as many connections as the burst that is measured then.
func (r *testEnv) fill(ctx context.Context, t workload.Tenant, n int) error {
	for done := 0; done < n; done += chunk {
		b := r.workload.Lifecycles(t, workload.Lifecycle, min(chunk, n-done))
		if _, err := sender.Send(ctx, r.receiver.ReceiverURL, b.Requests, connections); err != nil {
			return err
		}
	}
	return nil
}

// firstReflected sends an event to a tenant and waits until its asset shows it.
func (r *testEnv) firstReflected(ctx context.Context, t workload.Tenant) error {
	b := r.workload.Hot(t, 1)
	if _, err := sender.Send(ctx, r.receiver.ReceiverURL, b.Requests, 1); err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Minute); ; clock.Sleep(ctx, 20*time.Millisecond) {
		for name, want := range b.Want {
			var a fastpixv1.MediaAsset
			err := r.admin.Get(ctx, client.ObjectKey{Namespace: t.Namespace, Name: name}, &a)
			if err == nil {
				err = want.Check(&a)
			}
			if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
				return err
			}
		}
	}
}

// table shows what growth costs beside the bars.
func (s *scale) table() markdown.Table {
	t := markdown.Table{{
		"state", "receiver MiB", "of few", "controllers MiB", "of few", "start s", "etcd MiB", "receiver", "controllers", "kube-apiserver",
	}}
	few := s.Assets[0]
	for _, f := range slices.Concat(s.Assets, []footprint{s.Journal}, s.Endpoints) {
		name := fmt.Sprintf("%d assets, %d tombstones, %d endpoints", f.Assets, f.Tombstones, f.Endpoints)
		if f.Journal > 0 {
			name += fmt.Sprintf(", journal of %d", f.Journal)
		}
		t.Add(name,
			meter.Number(f.Receiver), ratio(f.Receiver, few.Receiver), meter.Number(f.Controllers), ratio(f.Controllers, few.Controllers),
			meter.Number(f.Start), meter.Number(f.Database), meter.Number(f.CPU["receiver"]), meter.Number(f.CPU["controllers"]), meter.Number(f.CPU["kube-apiserver"]))
	}
	t.Add("bar", "< 128", "< 1.2", "< 128", "< 1.2", "<= 5", "", "flat", "flat", "flat")
	return t
}

func ratio(a, b float64) string {
	if b == 0 {
		return "?"
	}
	return fmt.Sprintf("%.2f", a/b)
}
