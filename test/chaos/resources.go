package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// resources are what a process holds. Files and memory are known on Linux only.
type resources struct {
	goroutines, files int
	rss, heap         float64 // MiB
}

// How much more than at the start a process may hold without load.
const (
	moreGoroutines = 40
	moreFiles      = 12
	moreHeap       = 64.0  // MiB: deduplication caches and caches of writes fill up to their bounds
	maxRSS         = 230.0 // MiB, the memory limit of config/
	idleTimeout    = 90 * time.Second
)

// resources reads what a process holds.
func (r *testEnv) resourcesOf(ctx context.Context, m *operatorProcess) (resources, error) {
	metrics, err := r.plane.Metrics(ctx, m.Operator)
	if err != nil {
		return resources{}, err
	}
	goroutines, err := metric(metrics, "go_goroutines")
	if err != nil {
		return resources{}, fmt.Errorf("%s: %w", m.Name, err)
	}
	heap, err := metric(metrics, "go_memstats_heap_alloc_bytes")
	if err != nil {
		return resources{}, fmt.Errorf("%s: %w", m.Name, err)
	}
	v := resources{goroutines: int(goroutines), heap: heap / (1 << 20)}
	if runtime.GOOS != "linux" {
		return v, nil
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", m.PID()))
	if err != nil {
		return resources{}, fmt.Errorf("count the files of %s: %w", m.Name, err)
	}
	v.files = len(files)
	if v.rss, _ = process.Memory(m.PID()); v.rss == 0 {
		return resources{}, fmt.Errorf("the memory of %s is not known", m.Name)
	}
	return v, nil
}

// metric returns the value of a metric; its name holds its labels.
func metric(metrics []byte, name string) (float64, error) {
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, errors.Join(fmt.Errorf("there is no metric %s", name), lines.Err())
}

// tolerances says what calm and leaks let pass.
func tolerances() string {
	return fmt.Sprintf("Without load, a process may hold %d goroutines, %d files and %.0f MiB of heap more than any process of its part did at the start, and %.0f MiB at most.",
		moreGoroutines, moreFiles, moreHeap, maxRSS)
}

// waitIdle reads the vitals of every process once nothing happens, and remembers the first ones. Later it waits until each holds about
// as little again, and fails those that do not.
func (r *testEnv) waitIdle(ctx context.Context) (map[string]resources, error) {
	deadline := time.Now().Add(idleTimeout)
	for {
		now := map[string]resources{}
		for _, m := range r.processes {
			v, err := r.resourcesOf(ctx, m)
			if err != nil {
				return nil, err
			}
			now[m.Name] = v
		}
		if r.baselines == nil {
			r.baselines = now
			return now, nil
		}
		leaks := r.leaks(now)
		if len(leaks) == 0 {
			return now, nil
		}
		if time.Now().After(deadline) {
			r.fail("a process leaks: %s", strings.Join(leaks, "; "))
			return now, nil
		}
		if !clock.Sleep(ctx, 2*time.Second) {
			return nil, ctx.Err()
		}
	}
}

// leaks says which processes hold more than they did. A process is compared with the one of its part that held most at the start: any of the
// controllers and of the syncers may be the leader now.
func (r *testEnv) leaks(now map[string]resources) []string {
	var leaks []string
	for _, m := range r.processes {
		v, most := now[m.Name], resources{}
		for _, other := range r.processes {
			if other.part == m.part {
				b := r.baselines[other.Name]
				most = resources{goroutines: max(most.goroutines, b.goroutines), files: max(most.files, b.files), heap: max(most.heap, b.heap)}
			}
		}
		if v.goroutines > most.goroutines+moreGoroutines || v.files > most.files+moreFiles || v.heap > most.heap+moreHeap || v.rss > maxRSS {
			leaks = append(leaks, fmt.Sprintf("%s has %d goroutines, %d files, %.0f MiB of heap and %.0f MiB, at the start %d, %d and %.0f MiB",
				m.Name, v.goroutines, v.files, v.heap, v.rss, most.goroutines, most.files, most.heap))
		}
	}
	return leaks
}
