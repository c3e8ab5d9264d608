package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// vitals are what a process holds. Files and memory are known on Linux only.
type vitals struct {
	goroutines, files int
	rss, heap         float64 // MiB
}

// How much more than at the start a process may hold once everything is quiet.
const (
	moreGoroutines = 40
	moreFiles      = 12
	moreHeap       = 64.0  // MiB: memories of duplicates and of what was written fill up to their bounds
	maxRSS         = 230.0 // MiB, the memory limit of config/
	vitalsPatience = 90 * time.Second
)

// vitals reads what a process holds.
func (r *rig) vitals(ctx context.Context, m *member) (vitals, error) {
	metrics, err := r.plane.Metrics(ctx, m.Operator)
	if err != nil {
		return vitals{}, err
	}
	v := vitals{goroutines: int(metric(metrics, "go_goroutines")), heap: metric(metrics, "go_memstats_heap_alloc_bytes") / (1 << 20)}
	if files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", m.PID())); err == nil {
		v.files = len(files)
	}
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.PID())); err == nil {
		v.rss = rss(status)
	}
	return v, nil
}

// metric returns the value of a metric without labels.
func metric(metrics []byte, name string) float64 {
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			f, _ := strconv.ParseFloat(value, 64)
			return f
		}
	}
	return 0
}

func rss(status []byte) float64 {
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kib / 1024
		}
	}
	return 0
}

// calm reads the vitals of every process once nothing happens, and remembers the first ones. Later it waits until each holds about
// as little again, and fails those that do not.
func (r *rig) calm(ctx context.Context) (map[string]vitals, error) {
	deadline := time.Now().Add(vitalsPatience)
	for {
		now := map[string]vitals{}
		for _, m := range r.members {
			v, err := r.vitals(ctx, m)
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
		if !pause(ctx, 2*time.Second) {
			return nil, ctx.Err()
		}
	}
}

// leaks says which processes hold more than they did. A process is compared with the one of its half that held most at the start:
// any of the controllers may be the leader now.
func (r *rig) leaks(now map[string]vitals) []string {
	var leaks []string
	for _, m := range r.members {
		v, most := now[m.Name], vitals{}
		for _, other := range r.members {
			if (other.front == nil) == (m.front == nil) {
				b := r.baselines[other.Name]
				most = vitals{goroutines: max(most.goroutines, b.goroutines), files: max(most.files, b.files), heap: max(most.heap, b.heap)}
			}
		}
		if v.goroutines > most.goroutines+moreGoroutines || v.files > most.files+moreFiles || v.heap > most.heap+moreHeap || v.rss > maxRSS {
			leaks = append(leaks, fmt.Sprintf("%s has %d goroutines, %d files, %.0f MiB of heap and %.0f MiB, at the start %d, %d and %.0f MiB",
				m.Name, v.goroutines, v.files, v.heap, v.rss, most.goroutines, most.files, most.heap))
		}
	}
	return leaks
}
