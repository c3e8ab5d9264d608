package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
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
	// Mirrors is how many media have a mirror after the full journal, and SteadyHeap the live heap of an API server that has just started, with them.
	Mirrors    int     `json:"mirrors"`
	SteadyHeap float64 `json:"apiServerSteadyHeapMiB"`
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
	full, err := r.footprint(ctx, []workload.Tenant{t}, footprint{Assets: there, Tombstones: there / tombstoneEvery, Journal: sizes.Journal})
	if err != nil {
		return err
	}
	s.Journal = full
	return s.measureSteady(ctx, r)
}

// measureSteady restarts the API server and measures its live heap.
func (s *scale) measureSteady(ctx context.Context, r *testEnv) error {
	heap, err := r.freshHeap(ctx, &fastpixv1.MediaAssetList{})
	if err != nil {
		return err
	}
	s.SteadyHeap = heap / (1 << 20)
	var first fastpixv1.MediaAssetList
	if err := r.admin.List(ctx, &first, client.Limit(1)); err != nil {
		return err
	}
	s.Mirrors = len(first.Items)
	if more := first.RemainingItemCount; more != nil {
		s.Mirrors += int(*more)
	}
	return nil
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

// print writes what growth costs, for people.
func (s *scale) print(w io.Writer) {
	fmt.Fprint(w, "\nPeak resident memory in MiB, and the live heap of the API server; its CPU seconds while the controllers start and sweep; then CPU seconds for 1,000 events:\n\n")
	s.table().Print(w)
	if s.Mirrors == 0 {
		return
	}
	fmt.Fprintf(w, "An API server that has just started holds %s MiB for %d mirrors, some of which had one event, some a whole life.\n",
		meter.Number(s.SteadyHeap), s.Mirrors)
}

// table shows what growth costs beside the bars.
func (s *scale) table() markdown.Table {
	t := markdown.Table{{
		"state", "receiver MiB", "of few", "controllers MiB", "of few", "kube-apiserver MiB", "live", "start s", "sweep CPU s", "etcd MiB",
		"receiver", "controllers", "kube-apiserver",
	}}
	few := s.Assets[0]
	rows := slices.Clone(s.Assets)
	if s.Journal.Journal > 0 {
		rows = append(rows, s.Journal)
	}
	for _, f := range slices.Concat(rows, s.Endpoints) {
		name := fmt.Sprintf("%d assets, %d tombstones, %d endpoints", f.Assets, f.Tombstones, f.Endpoints)
		if f.Journal > 0 {
			name += fmt.Sprintf(", journal of %d", f.Journal)
		}
		t.Add(name,
			meter.Number(f.Receiver), ratio(f.Receiver, few.Receiver), meter.Number(f.Controllers), ratio(f.Controllers, few.Controllers),
			meter.Number(f.APIServer), meter.Number(f.APIServerHeap), meter.Number(f.Start), meter.Number(f.Sweep), meter.Number(f.Database),
			meter.Number(f.CPU["receiver"]), meter.Number(f.CPU["controllers"]), meter.Number(f.CPU["kube-apiserver"]))
	}
	t.Add("bar", "< 128", "< 1.2", "< 128", "< 1.2", "", "", "<= 5", "", "", "flat", "flat", "flat")
	return t
}

func ratio(a, b float64) string {
	if b == 0 {
		return "?"
	}
	return fmt.Sprintf("%.2f", a/b)
}
