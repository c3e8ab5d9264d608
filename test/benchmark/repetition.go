package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/workload"
)

// repetition is one measurement of everything, on a control plane of its own.
type repetition struct {
	Seed uint64 `json:"seed"`
	// Creates is how fast the floor's objects were created.
	Creates floorRow  `json:"floorCreates"`
	Before  floorRows `json:"floorBefore"`
	After   floorRows `json:"floorAfter"`
	// Drift is how far the floor moved; above the limit the repetition is Discarded.
	Drift     float64       `json:"drift"`
	Discarded bool          `json:"discarded"`
	Bursts    []measurement `json:"bursts"`
	Bystander bystander     `json:"bystander"`
	Figures   []figure      `json:"figures"`
}

// repeatOnce measures everything once.
func repeatOnce(ctx context.Context, o options, seed uint64) (rep repetition, err error) {
	rep.Seed = seed
	progress("Starting etcd, kube-apiserver and the operator")
	r, err := newTestEnv(ctx, o, seed)
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, r.plane.Close()) }()
	if err := r.start(ctx); err != nil {
		return rep, r.explain(err)
	}
	f, err := rep.prepareFloor(ctx, r, o.sizes)
	if err != nil {
		return rep, err
	}
	if rep.Before, err = f.alone(ctx, r); err != nil {
		return rep, err
	}
	if err := r.start(ctx); err != nil {
		return rep, r.explain(err)
	}
	if err := rep.measureBursts(ctx, r, o.sizes); err != nil {
		return rep, err
	}
	if rep.Bystander, err = r.watchBystander(ctx, o.sizes); err != nil {
		return rep, r.explain(fmt.Errorf("measure another tenant: %w", err))
	}
	if rep.After, err = f.alone(ctx, r); err != nil {
		return rep, err
	}
	rep.conclude()
	return rep, nil
}

// prepareFloor lets the operator mirror some lifecycles and copies the outcome for the floor.
func (rep *repetition) prepareFloor(ctx context.Context, r *testEnv, s sizes) (*floor, error) {
	t, err := r.newTenant(ctx, "model")
	if err != nil {
		return nil, r.explain(err)
	}
	b := r.workload.Lifecycles(t, workload.Lifecycle, s.Floor*len(workload.Lifecycle))
	if _, err := r.measure(ctx, "warm-up", b, connections); err != nil {
		return nil, err
	}
	var assets []*fastpixv1.MediaAsset
	err = r.eachAsset(ctx, t.Namespace, func(a *fastpixv1.MediaAsset) error {
		assets = append(assets, a.DeepCopy())
		return nil
	})
	if err != nil {
		return nil, err
	}
	config, err := r.floorConfig(ctx)
	if err != nil {
		return nil, err
	}
	creates, f, err := r.newFloor(ctx, config, s.FloorTime, assets)
	rep.Creates = creates
	return f, err
}

// alone measures the floor while the operator is stopped.
func (f *floor) alone(ctx context.Context, r *testEnv) (floorRows, error) {
	if err := r.stop(); err != nil {
		return floorRows{}, err
	}
	if err := r.audit.Skip(); err != nil {
		return floorRows{}, err
	}
	rows, err := f.measure(ctx)
	if err != nil {
		return rows, fmt.Errorf("measure the floor: %w", err)
	}
	log, err := r.audit.Read()
	if err != nil {
		return rows, err
	}
	rows.Refused = log.Count[meter.Request{User: floorAccount, Verb: "update", Resource: "mediaassets/status", Code: http.StatusTooManyRequests}]
	progress("%-32s %6.0f/s by %d, %.0f/s by %d, %.0f/s on one object", "floor: status updates",
		rows.Updates.PerSecond, rows.Updates.Writers, rows.Many.PerSecond, rows.Many.Writers, rows.Hot.PerSecond)
	return rows, nil
}

// Names of the bursts, which are also those of their tenants.
const (
	burstAck     = "ack-64"
	burstAckMany = "ack-512"
	burstLives   = "lifecycles"
	burstHot     = "hot"
	burstNew     = "new"
	burstRecent  = "recent"
	burstCold    = "cold"

	burstShortAck = "short-ack-512"
	burstShortHot = "short-hot"
	burstShortNew = "short-new"
)

// step is one burst of a repetition.
type step struct {
	name        string
	connections int
	prepare     func(workload.Tenant) *workload.Burst
	// follows says that the burst is about the media of the one before, forgotten that the controllers remember none of them.
	follows, forgotten bool
	// perEvent is how many requests one event needs beside its share of a batch; 0 where events are coalesced and no number is
	// the least.
	perEvent int
}

// steps are the bursts in their order: some media get their first event, another at once, and a third after the controllers
// forgot them.
func steps(w *workload.Workload, s sizes) []step {
	media := w.Media(s.Single)
	each := func(body *workload.Template) func(workload.Tenant) *workload.Burst {
		return func(t workload.Tenant) *workload.Burst { return w.Each(t, media, body) }
	}
	full := func(t workload.Tenant) *workload.Burst { return w.Lifecycles(t, workload.FullLifecycle, s.Events) }
	return []step{
		{name: burstAck, connections: connections, prepare: full},
		{name: burstAckMany, connections: manyConnections, prepare: full},
		{name: burstLives, connections: connections, prepare: func(t workload.Tenant) *workload.Burst {
			return w.Disturb(w.Lifecycles(t, workload.Lifecycle, s.Events))
		}},
		{name: burstHot, connections: connections, prepare: func(t workload.Tenant) *workload.Burst { return w.Hot(t, s.Events) }},
		{name: burstNew, connections: connections, prepare: each(workload.MediaCreated), perEvent: 3},
		{name: burstRecent, connections: connections, prepare: each(workload.MediaReady), follows: true, perEvent: 1},
		{name: burstCold, connections: connections, prepare: each(workload.MediaUpdated), follows: true, forgotten: true, perEvent: 2},
		{name: burstShortAck, connections: manyConnections, prepare: func(t workload.Tenant) *workload.Burst {
			return w.Lifecycles(t, workload.FullLifecycle, s.Short)
		}},
		{name: burstShortHot, connections: connections, prepare: func(t workload.Tenant) *workload.Burst { return w.Hot(t, s.Short) }},
		{name: burstShortNew, connections: connections, prepare: func(t workload.Tenant) *workload.Burst {
			return w.Each(t, w.Media(s.Short), workload.MediaCreated)
		}, perEvent: 3},
	}
}

func (rep *repetition) measureBursts(ctx context.Context, r *testEnv, s sizes) error {
	var t workload.Tenant
	for _, step := range steps(r.workload, s) {
		var err error
		if !step.follows {
			t, err = r.newTenant(ctx, step.name)
		} else if step.forgotten {
			err = r.restartControllers(ctx)
		}
		if err != nil {
			return r.explain(err)
		}
		m, err := r.measure(ctx, step.name, step.prepare(t), step.connections)
		if err != nil {
			return err
		}
		if step.perEvent > 0 {
			m.Minimum = 3*m.Batches + step.perEvent*m.Events
		}
		rep.Bursts = append(rep.Bursts, m)
	}
	return nil
}
