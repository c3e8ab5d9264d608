package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/sender"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// swept is a pause after which a sweep has ended. A sweep that failed begins again after two seconds.
const swept = 5 * time.Second

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
	// APIServer is the largest resident memory of the API server, and APIServerHeap its live heap right after the burst.
	APIServer     float64 `json:"apiServerPeakRSSMiB"`
	APIServerHeap float64 `json:"apiServerHeapMiB"`
	// Sweep is the API server's CPU time from the start of the controllers until they have folded the journal and swept all mirrors, and a few idle
	// seconds: 0.1 to 0.2 seconds of it are not the sweep's.
	Sweep float64 `json:"sweepCPUSeconds"`
	// Database is the size of etcd's file at the end, with the history that was not compacted yet.
	Database float64 `json:"etcdMiB"`
	// Start is the time from the start of the controllers' process to the first new event being reflected.
	Start float64 `json:"startSeconds"`
	// CPU is the CPU time of each process for 1,000 events of the burst.
	CPU map[string]float64 `json:"cpuSecondsPer1000Events"`
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
	if err := r.measureStart(ctx, name, &f); err != nil {
		return f, err
	}
	m, err := r.measureOnly(ctx, name, r.workload.Spread(tenants, 4000), connections)
	if err != nil {
		return f, err
	}
	f.Receiver, f.Controllers, f.APIServer = m.Usage.PeakRSS["receiver"], m.Usage.PeakRSS["controllers"], m.Usage.PeakRSS["kube-apiserver"]
	heap, err := r.heap(ctx)
	if err != nil {
		return f, err
	}
	f.APIServerHeap = heap / (1 << 20)
	f.Database = r.databaseSize()
	f.CPU = map[string]float64{}
	for process, seconds := range m.Usage.CPU {
		f.CPU[process] = seconds * 1000 / float64(m.Events)
	}
	return f, r.profileControllersHeap(ctx, name)
}

// measureStart starts the controllers, and returns when they have folded the journal and swept all mirrors.
func (r *testEnv) measureStart(ctx context.Context, name string, f *footprint) error {
	before, start := meter.UsageOf(r.pids()), time.Now()
	if err := r.controllers.Start(ctx); err != nil {
		return err
	}
	if err := r.firstReflected(ctx, r.warmth); err != nil {
		return fmt.Errorf("wait for the first event: %w", err)
	}
	f.Start = time.Since(start).Seconds()
	if err := r.profileControllersHeap(ctx, name+" start"); err != nil {
		return err
	}
	if err := r.waitReflected(ctx, time.Hour); err != nil {
		return err
	}
	if err := r.waitSwept(ctx); err != nil {
		return err
	}
	f.Sweep = meter.UsageOf(r.pids()).Since(before).CPU["kube-apiserver"]
	return nil
}

// waitSwept waits until the controllers have not listed mirrors for swept. They begin to do so when they start.
func (r *testEnv) waitSwept(ctx context.Context) error {
	pages := meter.Request{User: tenant.ControllersAccount, Verb: "list", Resource: "mediaassets", Code: http.StatusOK}
	if err := r.audit.Skip(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		clock.Sleep(ctx, swept)
		log, err := r.audit.Read()
		if err != nil || log.Count[pages] == 0 {
			return err
		}
	}
	return ctx.Err()
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
