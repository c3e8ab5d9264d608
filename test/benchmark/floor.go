package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/operator"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
)

// floor is what the API server does for anybody who writes statuses: bare client-go, no limit, nothing read first. Its objects
// are copies of assets that the operator mirrored, and its user is a ServiceAccount, so that admission, priority and fairness
// treat it as they treat the operator.
type floor struct {
	client  *rest.RESTClient
	time    time.Duration
	objects []*fastpixv1.MediaAsset
	usage   func() meter.Usage // of every process there is
}

// floorRow is one row of the floor.
type floorRow struct {
	Writers   int     `json:"writers"`
	PerSecond float64 `json:"perSecond"`
	P50       float64 `json:"p50Milliseconds"`
	P99       float64 `json:"p99Milliseconds"`
	// Writes are all that were made, those too that the rate does not count.
	Writes int `json:"writes"`
}

// floorRows is one measurement of the floor.
type floorRows struct {
	// Updates and Many write statuses of many objects, each object by one writer.
	Updates floorRow `json:"statusUpdates"`
	Many    floorRow `json:"statusUpdatesByMany"`
	// Hot is one writer of one object. HotMany is what happens without a journal: every writer reads and writes the same one.
	Hot     floorRow `json:"hotObject"`
	HotMany floorRow `json:"hotObjectByMany"`
	// Refused counts the answers 429, which client-go waits out: the API server's priority and fairness lets no account have
	// as many requests under way as the many writers want.
	Refused int `json:"refused429"`
	// CPU seconds that the writes of the row Updates took of each process.
	CPU map[string]float64 `json:"statusUpdatesCPUSeconds"`
}

const minManyTime = 4 * time.Second

// newFloor copies assets for the floor to write. The first result says how fast they were created.
func (r *testEnv) newFloor(ctx context.Context, config *rest.Config, window time.Duration, assets []*fastpixv1.MediaAsset) (floorRow, *floor, error) {
	config = rest.CopyConfig(config)
	config.GroupVersion, config.APIPath = &fastpixv1.GroupVersion, "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(operator.NewScheme()).WithoutConversion()
	config.UserAgent = "fastpix-bench-floor"
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return floorRow{}, nil, err
	}
	f := &floor{
		client: client, time: window, objects: make([]*fastpixv1.MediaAsset, len(assets)),
		usage: func() meter.Usage { return meter.UsageOf(r.pids()) },
	}
	d := drive{writers: connections, limit: len(assets)}
	creates, err := d.run(ctx, func(ctx context.Context, i int) error { return f.create(ctx, i, assets[i]) })
	if err != nil {
		return creates, nil, fmt.Errorf("create the floor's objects: %w", err)
	}
	if err := f.waitAdmitted(ctx); err != nil {
		return creates, nil, fmt.Errorf("wait until the policy admits the floor's account: %w", err)
	}
	_, err = d.run(ctx, func(ctx context.Context, i int) error { return f.update(ctx, i) })
	return creates, f, err
}

// waitAdmitted waits until a status may be written: the API server takes over a changed policy some moments after it was written.
func (f *floor) waitAdmitted(ctx context.Context) error {
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := f.update(ctx, 0)
		if apierrors.IsForbidden(err) {
			return false, nil
		}
		return err == nil, err
	})
}

// measure measures every row.
func (f *floor) measure(ctx context.Context) (rows floorRows, err error) {
	before := f.usage()
	if rows.Updates, err = f.updates(ctx, connections, f.time); err != nil {
		return rows, err
	}
	rows.CPU = f.usage().Since(before).CPU
	// With so many under way each write takes long: a short window would see none end.
	if rows.Many, err = f.updates(ctx, manyConnections, max(f.time, minManyTime)); err != nil {
		return rows, err
	}
	hot := func(ctx context.Context, _ int) error { return f.update(ctx, 0) }
	if rows.Hot, err = (drive{writers: 1, time: f.time / 2}).run(ctx, hot); err != nil {
		return rows, err
	}
	contended := func(ctx context.Context, _ int) error { return f.contend(ctx) }
	if rows.HotMany, err = (drive{writers: connections, time: f.time / 2}).run(ctx, contended); err != nil {
		return rows, err
	}
	f.objects[0], err = f.get(ctx) // its copy is out of date by now
	return rows, err
}

func (f *floor) updates(ctx context.Context, writers int, d time.Duration) (floorRow, error) {
	writers = min(writers, len(f.objects))
	turns := make([]int, writers)
	return drive{writers: writers, time: d}.run(ctx, func(ctx context.Context, i int) error {
		writer := i % writers
		// A writer has the objects whose number is its own, plus a multiple of the number of writers.
		object := writer + turns[writer]*writers
		if object >= len(f.objects) {
			object, turns[writer] = writer, 0
		}
		turns[writer]++
		return f.update(ctx, object)
	})
}

func (f *floor) create(ctx context.Context, i int, asset *fastpixv1.MediaAsset) error {
	object := &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: benchNamespace, Name: asset.Name}, Spec: asset.Spec}
	created := &fastpixv1.MediaAsset{}
	err := f.client.Post().Namespace(benchNamespace).Resource("mediaassets").Body(object).Do(ctx).Into(created)
	created.Status = asset.Status
	f.objects[i] = created
	return err
}

// update writes the status of an object that only the caller writes, from its own copy.
func (f *floor) update(ctx context.Context, i int) error {
	written, err := f.put(ctx, f.objects[i])
	if err == nil {
		f.objects[i] = written
	}
	return err
}

// put writes a status that differs from the one before in one time, as a status that an event changed does at least: the API
// server would not store one that is the same.
func (f *floor) put(ctx context.Context, object *fastpixv1.MediaAsset) (*fastpixv1.MediaAsset, error) {
	now := metav1.NowMicro()
	object.Status.UpdatedTime = &now
	object.ManagedFields = nil // as the operator does: the API server does not look at them
	written := &fastpixv1.MediaAsset{}
	err := f.client.Put().Namespace(benchNamespace).Resource("mediaassets").Name(object.Name).SubResource("status").
		Body(object).Do(ctx).Into(written)
	return written, err
}

func (f *floor) get(ctx context.Context) (*fastpixv1.MediaAsset, error) {
	object := &fastpixv1.MediaAsset{}
	err := f.client.Get().Namespace(benchNamespace).Resource("mediaassets").Name(f.objects[0].Name).Do(ctx).Into(object)
	return object, err
}

// contend reads and writes the hot object until its write wins.
func (f *floor) contend(ctx context.Context) error {
	for {
		object, err := f.get(ctx)
		if err != nil {
			return err
		}
		if _, err := f.put(ctx, object); !apierrors.IsConflict(err) {
			return err
		}
	}
}

// drive runs writers for a time, or until a limit of writes is reached.
type drive struct {
	writers int
	time    time.Duration
	limit   int
}

// run calls write(writer + n*writers) for n = 0, 1, ... in each writer. With a time, the first fifth of it is not counted.
func (d drive) run(ctx context.Context, write func(ctx context.Context, i int) error) (floorRow, error) {
	start := time.Now()
	from, to := start.Add(d.time/5), start.Add(d.time)
	latencies, writes, errs := make([][]time.Duration, d.writers), make([]int, d.writers), make([]error, d.writers)
	var wg sync.WaitGroup
	for w := range d.writers {
		wg.Go(func() {
			for i := w; errs[w] == nil && ctx.Err() == nil; i += d.writers {
				begin := time.Now()
				if d.limit > 0 && i >= d.limit || d.limit == 0 && begin.After(to) {
					return
				}
				errs[w] = write(ctx, i)
				writes[w]++
				if end := time.Now(); end.After(from) && (d.limit > 0 || end.Before(to)) {
					latencies[w] = append(latencies[w], end.Sub(begin))
				}
			}
		})
	}
	wg.Wait()
	var all []time.Duration
	made := 0
	for w, l := range latencies {
		all, made = append(all, l...), made+writes[w]
	}
	took := to.Sub(from)
	if d.limit > 0 {
		took = time.Since(start)
	}
	return floorRow{
		Writers: d.writers, Writes: made, PerSecond: meter.PerSecond(len(all), took),
		P50: meter.Milliseconds(meter.Percentile(all, 0.50)), P99: meter.Milliseconds(meter.Percentile(all, 0.99)),
	}, errors.Join(append(errs, ctx.Err())...)
}

// mean returns the middle between two measurements.
func (r floorRow) mean(o floorRow) floorRow {
	return floorRow{Writers: r.Writers, PerSecond: (r.PerSecond + o.PerSecond) / 2, P50: (r.P50 + o.P50) / 2, P99: (r.P99 + o.P99) / 2}
}

func (r floorRows) mean(o floorRows) floorRows {
	return floorRows{
		Updates: r.Updates.mean(o.Updates), Many: r.Many.mean(o.Many), Hot: r.Hot.mean(o.Hot), HotMany: r.HotMany.mean(o.HotMany),
	}
}

// Drift returns how far apart the rates are that figures are divided by.
func (r floorRows) drift(o floorRows) float64 {
	return max(
		meter.Drift(r.Updates.PerSecond, o.Updates.PerSecond), meter.Drift(r.Many.PerSecond, o.Many.PerSecond), meter.Drift(r.Hot.PerSecond, o.Hot.PerSecond),
	)
}
