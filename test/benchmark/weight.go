package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/operator"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/reference"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/markdown"
)

// weight is what a mirror costs the API server, beside objects that never change with the operator: a ConfigMap of 2 kB, and the mirror of an
// early commit, frozen as a custom resource of its own.
type weight struct {
	Objects int `json:"objects"`
	// Mirror had whole lifecycles of five events. The others were created and then written five times.
	Mirror    load `json:"mirror"`
	ConfigMap load `json:"configMap"`
	Reference load `json:"reference"`
	// Fields are the bytes of a mirror in etcd by field: of the status each field alone.
	Fields map[string]float64 `json:"mirrorBytesByField"`
}

// load is what one object costs. Heap is the live heap of the API server after a garbage collection.
type load struct {
	Writes int `json:"writes"`
	// Stored is the length of the object in etcd, in bytes. Custom resources are stored as JSON, ConfigMaps as protobuf.
	Stored float64 `json:"storedBytes"`
	// HeapAfterBurst is right after the writes, with the history that watches keep; HeapSteady is in an API server that has just started.
	HeapAfterBurst float64 `json:"heapAfterBurstBytes"`
	HeapSteady     float64 `json:"heapSteadyBytes"`
	// CPU is the time of the API server for one event of a mirror, or for one update of another object, in milliseconds.
	CPU float64 `json:"apiServerMillisecondsPerWrite"`
	// StatusCPU is the same for one write of a mirror's status.
	StatusCPU float64 `json:"apiServerMillisecondsPerStatusWrite,omitempty"`
}

// weightWrites is how often each object is written after its creation.
const weightWrites = 5

// cacheTimeout is how long a new API server may take to read all objects of a kind.
const cacheTimeout = 5 * time.Minute

// runWeight measures all three on one control plane, one after the other.
func runWeight(ctx context.Context, o options) (*weight, error) {
	w := &weight{Objects: o.sizes.Weight}
	progress("Starting etcd, kube-apiserver and the operator for the weight of %d objects", w.Objects)
	return w, withTestEnv(ctx, o, func(r *testEnv) error {
		if err := r.plane.Apply(ctx, "test/benchmark/reference/crd.yaml"); err != nil {
			return err
		}
		config := r.plane.Config()
		config.QPS = -1
		c, err := client.New(config, client.Options{Scheme: operator.NewScheme()})
		if err != nil {
			return err
		}
		t, err := r.newTenant(ctx, "weight")
		if err != nil {
			return err
		}
		steps := []struct {
			name, prefix string
			into         *load
			write        func(context.Context) (load, error)
		}{
			{"mirrors", "/registry/video.fastpix.com/mediaassets/" + t.Namespace + "/", &w.Mirror, func(ctx context.Context) (load, error) {
				return r.writeMirrors(ctx, t, w.Objects)
			}},
			{"ConfigMaps", "/registry/configmaps/" + t.Namespace + "/weight-", &w.ConfigMap, func(ctx context.Context) (load, error) {
				return r.writeObjects(ctx, c, w.Objects, newConfigMap(t.Namespace), c.Update)
			}},
			{"frozen mirrors", "/registry/" + reference.Group + "/", &w.Reference, func(ctx context.Context) (load, error) {
				return r.writeObjects(ctx, c, w.Objects, reference.New(t.Namespace), func(ctx context.Context, o client.Object, _ ...client.UpdateOption) error {
					return c.Status().Update(ctx, o)
				})
			}},
		}
		for _, step := range steps {
			if *step.into, err = r.weigh(ctx, step.name, step.prefix, w.Objects, step.write); err != nil {
				return fmt.Errorf("weigh %s: %w", step.name, err)
			}
			progress("%-16s %.0f bytes stored, heap %.1f kB after the burst, %.1f kB steady, %.2f ms a write",
				step.name, step.into.Stored, step.into.HeapAfterBurst/1000, step.into.HeapSteady/1000, step.into.CPU)
		}
		w.Fields, err = r.bytesByField(ctx, steps[0].prefix)
		return err
	})
}

// bytesByField returns how many bytes each field of the stored objects has in the mean, with its name.
func (r *testEnv) bytesByField(ctx context.Context, prefix string) (map[string]float64, error) {
	stored, err := r.plane.StoredObjects(ctx)
	if err != nil {
		return nil, err
	}
	fields, objects := map[string]float64{}, 0
	for key, value := range stored {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		objects++
		var object map[string]json.RawMessage
		var status map[string]json.RawMessage
		if err := errors.Join(json.Unmarshal(value, &object), json.Unmarshal(object["status"], &status)); err != nil {
			return nil, fmt.Errorf("read a stored mirror: %w", err)
		}
		delete(object, "status")
		for name, content := range object {
			fields[name] += float64(len(name) + len(content) + len(`"":,`))
		}
		for name, content := range status {
			fields["status."+name] += float64(len(name) + len(content) + len(`"":,`))
		}
	}
	for name := range fields {
		fields[name] /= float64(objects)
	}
	return fields, nil
}

// weigh measures what writing objects adds to the API server, before and after it has started again.
func (r *testEnv) weigh(ctx context.Context, name, prefix string, objects int, write func(context.Context) (load, error)) (load, error) {
	kinds := []client.ObjectList{&fastpixv1.MediaAssetList{}, &corev1.ConfigMapList{}, reference.NewList()}
	empty, err := r.freshHeap(ctx, kinds...)
	if err != nil {
		return load{}, err
	}
	l, err := write(ctx)
	if err != nil {
		return l, err
	}
	after, err := r.heap(ctx)
	if err != nil {
		return l, err
	}
	if err := r.profileAPIServerHeap(ctx, name+"-burst"); err != nil {
		return l, err
	}
	steady, err := r.freshHeap(ctx, kinds...)
	if err != nil {
		return l, err
	}
	if err := r.profileAPIServerHeap(ctx, name+"-steady"); err != nil {
		return l, err
	}
	stored, err := r.plane.StoredObjects(ctx)
	if err != nil {
		return l, err
	}
	count, bytes := 0, 0
	for key, value := range stored {
		if strings.HasPrefix(key, prefix) {
			count, bytes = count+1, bytes+len(value)
		}
	}
	if count != objects {
		return l, fmt.Errorf("etcd holds %d objects under %s, want %d", count, prefix, objects)
	}
	n := float64(objects)
	l.Stored, l.HeapAfterBurst, l.HeapSteady = float64(bytes)/n, (after-empty)/n, (steady-empty)/n
	return l, nil
}

// freshHeap restarts the API server and returns its live heap once it serves the given kinds from its watch cache and the operator is connected.
func (r *testEnv) freshHeap(ctx context.Context, kinds ...client.ObjectList) (float64, error) {
	r.plane.APIServer.Kill() // a graceful end would wait for every watch
	if err := r.plane.APIServer.Start(ctx); err != nil {
		return 0, err
	}
	for _, list := range kinds {
		if err := r.waitCached(ctx, list); err != nil {
			return 0, err
		}
	}
	if err := r.warmUp(ctx); err != nil {
		return 0, err
	}
	clock.Sleep(ctx, 5*time.Second) // the API server still starts its own controllers
	return r.heap(ctx)
}

// waitCached waits until the API server has filled its watch cache of a kind. Before that it refuses to list from the cache. With
// 168,000 mirrors it does so for longer than client-go retries.
func (r *testEnv) waitCached(ctx context.Context, list client.ObjectList) error {
	fromCache := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}} // with a limit, etcd would answer
	err := wait.PollUntilContextTimeout(ctx, time.Second, cacheTimeout, true, func(ctx context.Context) (bool, error) {
		err := r.admin.List(ctx, list, fromCache, client.InNamespace("default"))
		if apierrors.IsTooManyRequests(err) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("wait until the API server serves %T from its watch cache: %w", list, err)
	}
	return nil
}

// heap returns the live heap of the API server in bytes, after two garbage collections: the first one lets finalizers run.
func (r *testEnv) heap(ctx context.Context) (float64, error) {
	if _, err := r.collectHeap(ctx); err != nil {
		return 0, err
	}
	return r.collectHeap(ctx)
}

func (r *testEnv) collectHeap(ctx context.Context) (float64, error) {
	text, err := r.profileOf(ctx, liveHeap+"&debug=1")
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), "# HeapAlloc = ")
	if !found {
		return 0, errors.New("the API server's heap profile has no line HeapAlloc")
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strconv.ParseFloat(strings.TrimSpace(line), 64)
}

// writeMirrors sends whole lifecycles of five events.
func (r *testEnv) writeMirrors(ctx context.Context, t workload.Tenant, objects int) (load, error) {
	b := r.workload.Lifecycles(t, workload.WholeLifecycle, objects*weightWrites)
	m, err := r.measure(ctx, "weight", b, connections)
	if err != nil {
		return load{}, err
	}
	cpu := m.Usage.CPU["kube-apiserver"] * 1000
	l := load{Writes: b.Events, CPU: cpu / float64(b.Events)}
	if writes := m.ByKind[meter.StatusWrite]; writes > 0 {
		l.StatusCPU = cpu / float64(writes)
	}
	return l, nil
}

// writeObjects creates copies of an object, and then writes each of them weightWrites times.
func (r *testEnv) writeObjects(
	ctx context.Context, c client.Client, objects int, model client.Object, update func(context.Context, client.Object, ...client.UpdateOption) error,
) (load, error) {
	copies := make([]client.Object, objects)
	err := inParallel(objects, func(i int) error {
		copies[i] = model.DeepCopyObject().(client.Object)
		copies[i].SetName(fmt.Sprintf("weight-%06d", i))
		return c.Create(ctx, copies[i])
	})
	if err != nil {
		return load{}, err
	}
	clock.Sleep(ctx, time.Second)
	before := meter.UsageOf(r.pids())
	err = inParallel(objects, func(i int) error {
		for n := range weightWrites {
			next := model.DeepCopyObject().(client.Object)
			next.SetName(copies[i].GetName())
			next.SetResourceVersion(copies[i].GetResourceVersion())
			next.SetUID(copies[i].GetUID())
			reference.Number(next, n)
			if err := update(ctx, next); err != nil {
				return err
			}
			copies[i] = next
		}
		return nil
	})
	used := meter.UsageOf(r.pids()).Since(before)
	writes := objects * weightWrites
	return load{Writes: writes, CPU: used.CPU["kube-apiserver"] * 1000 / float64(writes)}, err
}

// inParallel calls do for each number below n, by 16 goroutines.
func inParallel(n int, do func(int) error) error {
	const writers = 16
	var next atomic.Int64
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				errs[w] = do(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// newConfigMap returns a ConfigMap with 2 kB of data.
func newConfigMap(namespace string) client.Object {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}, Data: map[string]string{"text": strings.Repeat("0123456789abcdef", 128)}}
}

// fieldTable shows where the bytes of a mirror are, the largest field first.
func (w *weight) fieldTable() markdown.Table {
	t := markdown.Table{{"field of a mirror", "stored bytes"}}
	for _, name := range slices.SortedFunc(maps.Keys(w.Fields), func(a, b string) int {
		return cmp.Or(cmp.Compare(w.Fields[b], w.Fields[a]), strings.Compare(a, b))
	}) {
		t.Add(name, fmt.Sprintf("%.0f", w.Fields[name]))
	}
	return t
}

// table shows what each object costs.
func (w *weight) table() markdown.Table {
	t := markdown.Table{{
		"object", "stored bytes", "heap kB, steady", "heap kB, after the burst", "API server ms a write", "in ConfigMap updates", "ms a status write",
	}}
	for _, row := range []struct {
		name string
		load
	}{{"mirror, five events", w.Mirror}, {"mirror of 6333e95, five writes", w.Reference}, {"ConfigMap of 2 kB, five writes", w.ConfigMap}} {
		t.Add(row.name, fmt.Sprintf("%.0f", row.Stored), fmt.Sprintf("%.1f", row.HeapSteady/1000), fmt.Sprintf("%.1f", row.HeapAfterBurst/1000),
			fmt.Sprintf("%.2f", row.CPU), ratio(row.CPU, w.ConfigMap.CPU), fmt.Sprintf("%.2f", row.StatusCPU))
	}
	t.Add("bar for a mirror", "<= 2200", "<= 10", "<= 20", "", "<= 0.75", "")
	return t
}
